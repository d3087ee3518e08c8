"""A hub on the loopback interface: as much of its API as the real client asks for, with faults to switch on.

with Hub() as hub:
    sha = hub.add("org/model", {"config.json": b"{}", "model.safetensors": weights})
    hub.fault("org/model", "rate-limited")
    ...  # run the client with HF_ENDPOINT=hub.url
    hub.fetched("org/model")  # the files whose content went out
"""

import hashlib
import json
import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Condition, Event, Lock, Thread
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

# What the hub keeps in its file store, behind a redirect to another host; the rest is in git.
STORED = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".png")
LIE = 7  # bytes

# Status, X-Error-Code and message of the faults that are answers.
ANSWERS = {
    "missing": (404, "RepoNotFound", "Repository not found"),
    "private": (401, None, "Invalid username or password."),
    "gated": (
        403,
        "GatedRepo",
        "Access to this model is restricted. Visit its page to ask for access.",
    ),
    "forbidden": (
        403,
        None,
        "Please enable access to gated repositories in your settings. See the docs.",
    ),
    "no-revision": (404, "RevisionNotFound", "Invalid rev id"),
    "no-file": (404, "EntryNotFound", "Entry not found"),
    "rate-limited": (429, None, None),
    "paused": (429, None, None, {"Retry-After": "1"}),
    "shut": (429, None, None, {"RateLimit": '"resolvers";r=0;t=9999'}),
    "bad-token": (401, None, "Invalid credentials in Authorization header"),
    "error": (500, None, None),
    "unavailable": (503, None, None),
    "expired": (403, None, "Request has expired"),
    "other-range": (403, None, "Auth failed: invalid range"),
}
STORES = ("expired",)  # a fault of the file store alone
# Those that happen to any answer: a web page with status 200; nothing at all until the hub closes.
MUTE = ("portal", "silent")
# Those that happen to a file's bytes: the connection ends at the file's middle, wherever the answer began;
# Content-Length is LIE bytes too many or too few; a range is ignored, another one sent, or LIE bytes less of it; the
# content is compressed.
DAMAGE = ("cut", "long", "short", "whole", "elsewhere", "fewer", "compressed")
# The length that the hub tells is LIE bytes too large, or none.
LENGTHS = ("larger", "unsized")


@dataclass(frozen=True)
class Request:
    """What was asked for and the status of the answer; `file` is set where a file was asked for."""

    method: str
    path: str
    repo: str | None
    file: str | None
    range: str | None
    status: int | None
    token: str | None = None
    host: str | None = None
    sent: int = 0  # bytes of content


@dataclass
class Fault:
    """What goes wrong, with the files alone or with every request, and how many times still."""

    kind: str
    files_only: bool = False
    times: float = math.inf
    after: int = 0  # requests that go well before


@dataclass
class Repository:
    """The commits of a model, and the branches and tags that point to them."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None
    token: str | None = None


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


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement
    server: Host
    ROUTES: ClassVar[dict[str, str]] = {
        r"/api/models/(?P<repo>.+?)/tree/(?P<revision>[^/]+)": "tree",
        r"/api/models/(?P<repo>.+?)(/revision/(?P<revision>[^/]+))?": "info",
        r"/(?P<repo>.+?)/resolve/(?P<revision>[^/]+)/(?P<file>.+)": "resolve",
        r"/api/resolve-cache/models/(?P<repo>.+?)/(?P<revision>[0-9a-f]{40})/(?P<file>.+)": "content",
        r"/store/(?P<repo>.+?)/(?P<revision>[0-9a-f]{40})/(?P<file>.+)": "content",
    }

    hub: Hub  # whose the first part of the path is
    route: str  # the rest of the path
    repo: str | None  # what the request is about
    file: str | None
    mishap: str | None  # the fault that befalls it
    sha: str  # where that leads
    files: dict[str, bytes]

    def do_HEAD(self) -> None:
        """As GET; `send` keeps the content back."""
        self.do_GET()

    def do_GET(self) -> None:
        """Find what the path is about; let its fault happen, or answer."""
        self.repo = self.file = self.mishap = None
        number, _, rest = self.path.removeprefix("/").partition("/")
        if number not in self.server.hubs:  # it is closed, and the request comes too late
            self.send_error(HTTPStatus.NOT_FOUND)  # which no client tries again
            return
        self.hub, self.route = self.server.hubs[number], f"/{rest}"
        for route, name in self.ROUTES.items():
            if match := re.fullmatch(route, urlsplit(self.route).path):
                parts = {key: unquote(value) for key, value in match.groupdict().items() if value}
                self.repo, self.file = parts["repo"], parts.get("file")
                known = self.hub.repositories.get(self.repo, Repository(fault=Fault("missing")))
                self.mishap = self.strike(known.fault, name)
                if (
                    known.token
                    and self.at_hub
                    and self.headers["Authorization"] != f"Bearer {known.token}"
                ):
                    self.mishap = "private"
                if not self.fails() and self.find(known, parts.get("revision", "main")):
                    getattr(self, name)()
                return
        self.error(HTTPStatus.NOT_FOUND, None, "Not Found")

    @property
    def at_hub(self) -> bool:
        """Whether this is the hub's host, not the store's."""
        return self.server.name == "hub"

    def strike(self, fault: Fault | None, route: str) -> str | None:
        """The fault of the repository, if it concerns this request."""
        if fault is None or (fault.files_only and self.file is None):
            return None
        if fault.kind in DAMAGE and (route != "content" or self.command != "GET"):
            return None
        if fault.kind in STORES and (self.at_hub or self.command != "GET"):
            return None
        if fault.kind in LENGTHS and route != "resolve":
            return None
        with self.hub.lock:
            if fault.after > 0:
                fault.after -= 1
                return None
            fault.times -= 1
            return fault.kind if fault.times >= 0 else None

    def fails(self) -> bool:
        """Whether a fault has taken the place of the answer."""
        if self.mishap in ANSWERS:
            self.error(*ANSWERS[self.mishap])
        elif self.mishap == "portal":
            self.send(
                HTTPStatus.OK, {"Content-Type": "text/html"}, b"<html>Log in to the network</html>"
            )
        elif self.mishap == "silent":
            self.remember(None)
            self.hub.closing.wait()
            self.close_connection = True
        else:
            return False
        return True

    def find(self, repository: Repository, revision: str) -> bool:
        """Look up the commit and the file in it, or say which of them is missing."""
        self.sha = repository.refs.get(revision, revision)
        self.files = repository.commits.get(self.sha, {})
        if self.sha not in repository.commits:
            self.error(*ANSWERS["no-revision"])
        elif self.file is not None and self.file not in self.files:
            self.error(*ANSWERS["no-file"], {"X-Repo-Commit": self.sha})
        else:
            return True
        return False

    def info(self) -> None:
        """The model: its commit and the names of its files."""
        siblings = [{"rfilename": name} for name in sorted(self.files)]
        self.json(
            {
                "_id": "0",
                "id": self.repo,
                "modelId": self.repo,
                "sha": self.sha,
                "siblings": siblings,
            }
        )

    def tree(self) -> None:
        """All files with sizes and hashes, as `recursive=true` asks for."""
        self.json([describe(name, content) for name, content in sorted(self.files.items())])

    def resolve(self) -> None:
        """Where a file's content is: on this host for the small ones, in the store for the others."""
        name = self.file or ""
        headers = self.file_headers()
        place = f"{self.repo}/{self.sha}/{quote(name)}"
        if name.endswith(STORED):
            size = len(self.files[name]) + (LIE if self.mishap == "larger" else 0)
            headers |= {"X-Linked-Size": str(size)} if self.mishap != "unsized" else {}
            headers |= {"X-Linked-ETag": headers["ETag"]}
            location = f"{self.hub.store}/store/{place}"
            if self.hub.range_bound:
                location += "?" + urlencode({"range": self.headers["Range"] or ""})
            self.send(HTTPStatus.FOUND, headers | {"Location": location})
        else:
            location = f"/{self.hub.number}/api/resolve-cache/models/{place}"
            self.send(HTTPStatus.TEMPORARY_REDIRECT, headers | {"Location": location})

    def content(self) -> None:
        """A file, or the range of it that was asked for and, in the store, may be signed for."""
        asked = self.headers["Range"] or ""
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        if query.get("range", [asked]) != [asked]:
            self.error(*ANSWERS["other-range"])
            return
        with self.hub.counted():
            self.part(self.files[self.file or ""])

    def part(self, whole: bytes) -> None:
        """All of a content, or a range of it."""
        headers = self.file_headers() | {"Accept-Ranges": "bytes"}
        middle = len(whole) // 2
        place = span(self.headers["Range"], len(whole)) if self.command == "GET" else None
        if place is None or self.mishap == "whole":
            self.send(HTTPStatus.OK, headers, whole, cut=middle)
        elif place[0] >= place[1]:
            size = {"Content-Range": f"bytes */{len(whole)}"}
            self.send(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, size)
        else:
            start, end = place
            start += LIE if self.mishap == "elsewhere" else 0
            end -= LIE if self.mishap == "fewer" else 0
            headers |= {"Content-Encoding": "gzip"} if self.mishap == "compressed" else {}
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(whole)}"
            self.send(
                HTTPStatus.PARTIAL_CONTENT, headers, whole[start:end], cut=max(0, middle - start)
            )

    def file_headers(self) -> dict[str, str]:
        """What the hub tells about a file."""
        name = self.file or ""
        return {"X-Repo-Commit": self.sha, "ETag": f'"{etag(name, self.files[name])}"'}

    def error(
        self,
        status: int,
        code: str | None,
        message: str | None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """An error as the hub words it: in headers, and in the body for those who read that."""
        said = {"X-Request-Id": "Root=1-67", "Content-Type": "application/json", **(headers or {})}
        said |= {"X-Error-Code": code} if code else {}
        said |= {"X-Error-Message": message} if message else {}
        text = message or f"{HTTPStatus(status).phrase}\n\nsee http://127.0.0.1/docs"
        self.send(status, said, json.dumps({"error": text}).encode())

    def json(self, content: object) -> None:
        """Status 200 and a JSON value."""
        self.send(HTTPStatus.OK, {"Content-Type": "application/json"}, json.dumps(content).encode())

    def send(self, status: int, headers: dict[str, str], body: bytes = b"", cut: int = 0) -> None:
        """Write the answer with the damage done to it; `cut` is how many bytes then go out before the end."""
        lie = {"long": LIE, "short": -LIE}.get(self.mishap or "", 0) if body else 0
        length = max(0, len(body) + lie)
        content = (
            (body[:cut] if self.mishap == "cut" else body[:length])
            if self.command == "GET"
            else b""
        )
        self.remember(status, len(content))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)
            self.close_connection |= self.mishap in ("cut", "long")

    def remember(self, status: int | None, sent: int = 0) -> None:
        """Write the request down before the client can act upon the answer."""
        asked, token = self.headers["Range"], self.headers["Authorization"]
        request = Request(
            self.command,
            self.route,
            self.repo,
            self.file,
            asked,
            status and int(status),
            token,
            self.server.name,
            sent,
        )
        with self.hub.arrived:
            self.hub.requests.append(request)
            self.hub.arrived.notify_all()

    def log_message(self, *_: object) -> None:
        """Nothing goes to stderr."""


@lru_cache
def etag(name: str, content: bytes) -> str:
    """What the hub calls a content by: the SHA-256 in the store, the blob's id in git."""
    return hashlib.sha256(content).hexdigest() if name.endswith(STORED) else blob_id(content)


def blob_id(content: bytes) -> str:
    """What git calls a content by."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def describe(name: str, content: bytes) -> dict[str, object]:
    """A file as the tree lists it."""
    file: dict[str, object] = {
        "type": "file",
        "path": name,
        "oid": blob_id(content),
        "size": len(content),
    }
    if name.endswith(STORED):
        file["lfs"] = {"oid": etag(name, content), "size": len(content), "pointerSize": 134}
    return file


def span(asked: str | None, size: int) -> tuple[int, int] | None:
    """Start and end of a Range header, empty where it lies outside; None where the whole is to be sent.

    That is so without the header and, as servers may, with one that is malformed or has several ranges.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked or "")
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size
    start = int(match[1])
    if not match[2]:
        return start, size
    return (start, min(int(match[2]) + 1, size)) if start <= int(match[2]) else None
