"""The command that serves the web page."""

from importlib.util import find_spec

import click

from registry.commands.options import json_option, option
from registry.commands.printing import say_note, show
from registry.errors import WebMissing

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
@json_option
def serve(host: str, port: int, allow_host: tuple[str, ...], json: bool) -> None:
    """Serve the registry as web pages, which change nothing, until Ctrl-C.

    Its address is printed. Every page has a twin in JSON at the same address with .json, and /docs
    lists all addresses. Other machines see it only where --host says so.

    \b
    Example: registry serve --port 8321
    """
    if any(find_spec(package) is None for package in NEEDED):
        raise WebMissing

    from registry.web.guards import is_loopback
    from registry.web.serving import Serving
    from registry.web.serving import serve as serve_pages

    def begun(address: str) -> None:
        if not is_loopback(host):
            say_note(
                "whoever reaches this machine sees the registry, without a password",
                event="ServedToOthers",
            )
        show({"url": address}, f"serving {address}", json=json)

    number = serve_pages(Serving(host, port, allow_host), begun)
    if number is not None:
        raise SystemExit(128 + number)
