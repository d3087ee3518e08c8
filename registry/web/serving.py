"""A server that answers requests until a signal ends it."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from registry.database.connecting.reading_pool import reading_pool
from registry.web.app import application
from registry.web.identify import Identifying
from registry.web.listening import Serving

FAREWELL = 3  # seconds for answers that are under way when it ends
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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


def serve(serving: Serving, listener: socket.socket, begun: Callable[[], None]) -> int | None:
    """Serve the page until a signal ends it; return the signal's number. Raises DatabaseError.

    Args:
        serving: How.
        listener: What requests come by.
        begun: Is called once the database is open.
    """
    with reading_pool() as reader:
        identifying = Identifying(allowed=serving.identifies, roots=serving.roots)
        app = application(reader, {serving.host, *serving.hosts}, identifying)
        begun()
        return run(app, listener)


def run(app: ASGIApp, listener: socket.socket) -> int | None:
    """Answer requests that come by a socket until a signal; return its number."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="error",  # what clients send that is no request is not told
        ws="none",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=FAREWELL,
    )
    server = Server(config)
    server.run(sockets=[listener])
    return server.signal
