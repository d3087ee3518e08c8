"""From a command to a server that listens, and how it ends."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from registry.database.reading_pool import reading_pool
from registry.errors import AddressTaken
from registry.web.app import application

WAITING = 128  # connections that may wait to be taken
FAREWELL = 3  # seconds for answers that are under way when it ends
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Serving:
    """How a page is served.

    Attributes:
        host: Name or address to listen at.
        port: 0 for any that is free.
        hosts: Names by which the page may be called, beside that.
    """

    host: str
    port: int
    hosts: tuple[str, ...] = ()


class Server(uvicorn.Server):
    """A server that ends by a signal, and keeps it for whoever started it."""

    signal: int | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals for the wish to end, while it serves."""
        before = {number: signal.signal(number, self.take) for number in ENDING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def take(self, number: int, _frame: object) -> None:
        """End after the answers that are under way; after a second signal, at once."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self.signal = number


def serve(serving: Serving, begun: Callable[[str], None]) -> int | None:
    """Serve the page until a signal ends it; return the signal's number.

    Args:
        serving: Where.
        begun: Takes the address once it is open.

    Raises AddressTaken, DatabaseError.
    """
    with closing(listening(serving)) as listener, reading_pool() as reader:
        app = application(reader, {serving.host, *serving.hosts})
        begun(address_of(serving.host, listener.getsockname()[1]))
        return run(app, listener)


def run(app: ASGIApp, listener: socket.socket) -> int | None:
    """Answer requests that come by a socket until a signal; return its number."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=FAREWELL,
    )
    server = Server(config)
    server.run(sockets=[listener])
    return server.signal


def listening(serving: Serving) -> socket.socket:
    """Return a socket that listens. Raises AddressTaken."""
    try:
        places = socket.getaddrinfo(serving.host, serving.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = places[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError, OverflowError) as exc:
        raise AddressTaken(host=serving.host, port=serving.port, reason=said(exc)) from exc
    try:
        if os.name == "posix":  # elsewhere it would let a second server in
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(WAITING)
    except OSError as exc:
        listener.close()
        raise AddressTaken(host=serving.host, port=serving.port, reason=said(exc)) from exc
    return listener


def said(exc: Exception) -> str:
    """Return what the system says in a line."""
    return (getattr(exc, "strerror", None) or str(exc)).rstrip(".").lower()


def address_of(host: str, port: int) -> str:
    """Return the address of the page, as a browser takes it."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/"
