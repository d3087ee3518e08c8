"""The start of the program `registry`."""

import signal


def run() -> None:
    """Run the command that was typed, and exit."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        # While modules are imported, and once all is done, Ctrl-C ends the program without words.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    from cli import main  # noqa: PLC0415
    from registry.commands.endings import as_program  # noqa: PLC0415

    with as_program():
        main()
