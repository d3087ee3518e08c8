"""How a command ends: by its own exit code, an error, a signal, a reader who left, or a bug."""

import logging
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, TextIO

import click
from click.exceptions import NoArgsIsHelpError

from registry import settings
from registry.commands.log_lines import Level
from registry.commands.printing import ReaderLeft, lost, say, say_error, speaks_json
from registry.errors import Aborted, RegistryError
from registry.legible import legible_lines

FAILED = 1  # exit code of an error
READER_LEFT = 128 + signal.SIGPIPE
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ONE_PRESS = 1.0  # seconds in which the same signal again is the same wish
LEVELS = {
    "WARNING": Level.WARNING,
    "ERROR": Level.ERROR,
    "CRITICAL": Level.ERROR,
}
"""Of log lines of libraries."""
STREAMS = 3  # stdin, stdout and stderr have the first numbers


class Stop(KeyboardInterrupt):
    """A signal asked the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Stopper:
    """Raises Stop once; the same signal again, after a while, ends the process at once."""

    def __init__(self) -> None:
        self.stopped_at: float | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        now = time.monotonic()
        if self.stopped_at is None:
            self.stopped_at = now
            raise Stop(number)
        if now - self.stopped_at > ONE_PRESS:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise Stop in the block for signals that end a command, except those that are ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopper = Stopper()
    before: dict[signal.Signals, Any] = {}
    for number in STOPPING:
        handler = signal.getsignal(number)
        if handler is not signal.SIG_IGN:
            before[number] = handler
            signal.signal(number, stopper)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def exit_code_of(command: Callable[[], int | None]) -> int:
    """Run a command and return its exit code; say on stderr what ended it, if anything did."""
    try:
        with stoppable():
            return printing_help(command) or 0
    except click.UsageError as exc:
        say_usage(exc)
        return exc.exit_code
    except click.ClickException as exc:
        say_typed_wrongly(exc)
        return exc.exit_code
    except RegistryError as exc:
        say_error(exc)
        return FAILED
    except (Stop, click.Abort) as exc:
        return stopped(exc)
    except ReaderLeft:
        return READER_LEFT


def stopped(exc: BaseException) -> int:
    """Say which signal ended a command; return the exit code by which shells know it."""
    cause = exc if isinstance(exc, Stop) else exc.__cause__
    number = signal.Signals(cause.number if isinstance(cause, Stop) else signal.SIGINT)
    say_error(Aborted(signal=number.name))
    return 128 + number


def printing_help(command: Callable[[], int | None]) -> int | None:
    """Run a command. Raises ResultLost or ReaderLeft where click could not print its help."""
    try:
        return command()
    except OSError as exc:
        if stands_in(exc, click.echo):
            raise lost(exc) from exc
        raise


def stands_in(exc: BaseException, function: Callable[..., object]) -> bool:
    """Return whether an exception was raised by a function itself."""
    *_, (frame, _) = traceback.walk_tb(exc.__traceback__)
    return frame.f_code is function.__code__


def say_usage(exc: click.UsageError) -> None:
    """Say what was typed wrongly, below how the command is used; of nothing typed, the help."""
    is_help = isinstance(exc, NoArgsIsHelpError)
    if speaks_json():
        say_typed_wrongly(exc, "No command was given." if is_help else None)
        return
    if is_help:
        for line in exc.format_message().splitlines():
            say(line)
        return
    if exc.ctx is not None:
        for line in exc.ctx.get_usage().splitlines():
            say(line)
        say(f"Try '{exc.ctx.command_path} {exc.ctx.help_option_names[-1]}' for help.")
        say("")
    say_typed_wrongly(exc)


def say_typed_wrongly(exc: click.ClickException, message: str | None = None) -> None:
    """Say what was typed wrongly on one line."""
    message = message or exc.format_message()
    if isinstance(exc, click.MissingParameter):  # whose choices stand on lines of their own
        message = " ".join(message.split())
    data = {}
    if isinstance(exc, click.UsageError) and exc.ctx is not None:
        data["usage"] = " ".join(exc.ctx.get_usage().split())
    name = type(exc).__name__
    say(f"Error: {message}", event=name, message=message, level=Level.ERROR, data=data)


@contextmanager
def as_program() -> Iterator[None]:
    """Run the block as a program of its own: what libraries and bugs print is made legible, too."""
    open_streams()
    sys.excepthook = say_traceback
    threading.excepthook = say_thread_traceback
    warnings.showwarning = say_warning
    warnings.simplefilter("ignore", RuntimeWarning)  # numpy's, of weights that overflow
    logging.lastResort = TalkHandler(logging.WARNING)
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # what it warns of, it raises, too
    yield


def open_streams() -> None:
    """Give the numbers of closed streams to nothing, lest a database's socket gets one of them."""
    while True:
        number = os.open(os.devnull, os.O_RDWR)
        if number >= STREAMS:
            os.close(number)
            return


class TalkHandler(logging.Handler):
    """Prints log lines of libraries on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        message = record.getMessage()
        level = LEVELS.get(record.levelname, Level.INFO)
        say(message, event="Log", level=level, data={"logger": record.name})


def say_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001  # as Python calls it
    line: str | None = None,  # noqa: ARG001  # likewise
) -> None:
    """Print a warning as Python does, on one line."""
    name = category.__name__
    text = f"{filename}:{lineno}: {name}: {message}"
    data = {"file": filename, "line": lineno}
    say(text, event=name, message=str(message), level=Level.WARNING, data=data)


def say_traceback(
    kind: type[BaseException], exc: BaseException, trace: TracebackType | None
) -> None:
    """Print the traceback of a bug, without the database's address."""
    text = without_address("".join(traceback.format_exception(kind, exc, trace)))
    if speaks_json():
        message = without_address(str(exc))
        data = {"traceback": text}
        say(message, event=kind.__name__, level=Level.CRITICAL, data=data)
        return
    for line in legible_lines(text).splitlines():
        say(line)


def say_thread_traceback(arguments: threading.ExceptHookArgs) -> None:
    """Print the traceback of a bug in a thread."""
    if arguments.exc_value is not None:
        say_traceback(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)


def without_address(text: str) -> str:
    """Return text without the address of the database and the secrets in it."""
    for secret in settings.database_secrets():
        text = text.replace(secret, "***")
    return text
