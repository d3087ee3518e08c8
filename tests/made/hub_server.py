"""A hub on the loopback interface: as much of its API as the real client asks for, with faults to switch on.

with Hub() as hub:
    sha = hub.add("org/model", {"config.json": b"{}", "model.safetensors": weights})
    hub.fault("org/model", "rate-limited")
    ...  # run the client with HF_ENDPOINT=hub.url
    hub.fetched("org/model")  # the files whose content went out
"""

import hashlib
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from itertools import count
from threading import Condition, Event, Lock, Thread
from typing import Any, Self

from hub_faults import ANSWERS, DAMAGE, LENGTHS, MUTE, Fault
from hub_handler import Handler, Repository, Request


class Host(ThreadingHTTPServer):
    """A host on a port of its own, which serves any number of hubs, each below its own number."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.name = name
        self.hubs: dict[str, Hub] = {}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error of the server's."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@cache
def hosts() -> tuple[Host, Host]:
    """The host of all hubs and the host of their stores, started once and until the program ends."""
    started = Host("hub"), Host("store")
    for host in started:
        Thread(target=host.serve_forever, daemon=True).start()
    return started


NUMBERS = count()


class Hub:
    """The hub: `add` models, switch on a `fault`, look at `requests`.

    The API is at `url`, the content of large files at `store`.
    """

    def __init__(self) -> None:
        self.number = str(next(NUMBERS))
        self.repositories: dict[str, Repository] = {}
        self.collections: dict[str, list[dict[str, Any]]] = {}
        self.page = 1000  # items of a list at a time
        self.requests: list[Request] = []
        self.lock = Lock()
        self.arrived = Condition()
        self.closing = Event()
        self.delay = 0.0  # seconds before a file's content goes out
        self.range_bound = (
            False  # whether a store's address serves only the range it was signed for
        )
        self.in_flight = self.most_in_flight = 0  # answers with content
        self.url, self.store = (f"http://127.0.0.1:{h.server_port}/{self.number}" for h in hosts())

    def __enter__(self) -> Self:
        for host in hosts():
            host.hubs[self.number] = self
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        for host in hosts():
            del host.hubs[self.number]

    def add(
        self,
        repo: str,
        files: dict[str, bytes],
        revision: str | None = None,
        refs: tuple[str, ...] = ("main",),
        token: str | None = None,
    ) -> str:
        """Commit `files` under the sha `revision` and let `refs` point there; `token` makes the model private."""
        sha = revision or hashlib.sha1(repr((repo, sorted(files.items()))).encode()).hexdigest()
        repository = self.repositories.setdefault(repo, Repository())
        repository.commits[sha] = dict(files)
        repository.refs.update(dict.fromkeys(refs, sha))
        repository.token = token
        return sha

    def fault(
        self,
        repo: str,
        kind: str | None,
        *,
        files_only: bool = False,
        times: float = math.inf,
        after: int = 0,
    ) -> None:
        """Let requests about `repo`, known or not, go wrong: any kind of the tables above; None heals."""
        if kind is not None and kind not in (*ANSWERS, *MUTE, *DAMAGE, *LENGTHS):
            raise ValueError(kind)
        fault = Fault(kind, files_only, times, after) if kind else None
        self.repositories.setdefault(repo, Repository()).fault = fault

    @contextmanager
    def counted(self) -> Iterator[None]:
        """An answer that takes `delay` and counts as in flight."""
        with self.lock:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.closing.wait(self.delay)
        try:
            yield
        finally:
            with self.lock:
                self.in_flight -= 1

    def remember(self, request: Request) -> None:
        """Write a request down, and wake who waits for it."""
        with self.arrived:
            self.requests.append(request)
            self.arrived.notify_all()

    def wait_for_file(self, repo: str, seconds: float) -> bool:
        """Wait until a file of a repository is asked for; False where that takes too long."""

        def asked() -> bool:
            return any(request.file for request in self.asked(repo))

        with self.arrived:
            return self.arrived.wait_for(asked, seconds)

    def asked(self, repo: str) -> list[Request]:
        """The requests about a repository, in order."""
        return [request for request in self.requests if request.repo == repo]

    def fetched(self, repo: str) -> set[str]:
        """The files of a repository whose content went out, whole or in part."""
        sent = (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT)
        gets = [each for each in self.asked(repo) if each.method == "GET" and each.status in sent]
        return {request.file for request in gets if request.file}
