"""The command that serves the web page."""

from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import click

from registry.commands.options import json_option, option
from registry.commands.printing import say_note, show
from registry.errors import RootNotFound, WebMissing

SEEN_BY_OTHERS = "whoever reaches this machine sees the registry, without a password"
NEEDED = ("fastapi", "uvicorn", "jinja2")


@click.command()
@option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Where to listen; another than this machine's own lets others see the registry.",
)
@option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True)
@option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="A further name by which browsers may call it, such as a proxy's; may be repeated.",
)
@option(
    "--allow-identify",
    is_flag=True,
    help="Let whoever sees the page have models of the hub identified, a few at once.",
)
@option(
    "--root",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="With --allow-identify, also what lies under this folder; may be repeated.",
)
@json_option
def serve(
    host: str,
    port: int,
    *,
    allow_host: tuple[str, ...],
    allow_identify: bool,
    root: tuple[Path, ...],
    json: bool,
) -> None:
    """Serve the registry as web pages, which change nothing, until Ctrl-C.

    Its address is printed. Every page has a twin in JSON at the same address with .json, and /docs
    lists all addresses. Other machines see it only where --host says so.

    \b
    Example: registry serve --port 8321
    """
    if any(find_spec(package) is None for package in NEEDED):
        raise WebMissing

    from registry.web.listening import Serving, address_of, is_loopback, listening

    if root and not allow_identify:
        message = "--root says what may be identified; give --allow-identify, too."
        raise click.UsageError(message)
    for folder in root:
        if not folder.is_dir():
            raise RootNotFound(path=str(folder))
    serving = Serving(host, port, allow_host, allow_identify, root)
    with closing(listening(serving)) as listener:
        from registry.web.serving import serve as serve_pages

        def begun() -> None:
            if not is_loopback(host):
                say_note(SEEN_BY_OTHERS, event="ServedToOthers")
            address = address_of(host, listener.getsockname()[1])
            show({"url": address}, f"serving {address}", json=json)

        number = serve_pages(serving, listener, begun)
    if number is not None:
        raise SystemExit(128 + number)
