"""A hub on the loopback interface: as much of its API as the real client asks for, with faults to switch on.

with Hub() as hub:
    sha = hub.add("org/model", {"config.json": b"{}", "model.safetensors": weights})
    hub.fault("org/model", "rate-limited")
    ...  # run the client with HF_ENDPOINT=hub.url
    hub.fetched("org/model")  # the files whose content went out
"""

import hashlib
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlsplit

# What the hub keeps in its file store, behind a redirect to another host; the rest is in git.
STORED = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".png")
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
LIE = 7  # bytes

# Status, X-Error-Code and message of the faults that are answers.
ANSWERS = {
    "missing": (404, "RepoNotFound", "Repository not found"),
    "private": (401, None, "Invalid username or password."),
    "gated": (403, "GatedRepo", "Access to this model is restricted. Visit its page to ask for access."),
    "forbidden": (
        403,
        None,
        "Please enable access to gated repositories in your token settings. See the docs.",
    ),
    "no-revision": (404, "RevisionNotFound", "Invalid rev id"),
    "no-file": (404, "EntryNotFound", "Entry not found"),
    "rate-limited": (429, None, None),
    "error": (500, None, None),
    "unavailable": (503, None, None),
}
# Those that happen to the bytes of a file (or, `portal` and `silent`, to any answer):
# cut: the connection ends at the file's middle, wherever the answer began;
# long, short: Content-Length is LIE bytes off, and that many bytes less than promised or kept are sent;
# portal: a web page and status 200; silent: no answer until the hub closes.
MISHAPS = ("cut", "long", "short", "portal", "silent")


@dataclass(frozen=True)
class Request:
    """What the client asked for and was told; `file` is set where a file's content or headers were asked for."""

    method: str
    path: str
    repo: str | None
    file: str | None
    range: str | None
    status: int | None


@dataclass
class Fault:
    """What goes wrong, with the files alone or with every request, and how many times still."""

    kind: str
    files_only: bool
    times: float


@dataclass
class Repository:
    """The commits of a model, and the branches and tags that point to them."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None


class Server(ThreadingHTTPServer):
    """One host of the hub."""

    daemon_threads = True
    hub: "Hub"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error of the server's."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Hub:
    """The hub: `add` models, switch on a `fault`, look at `requests`. The API is at `url`, files also at `store`."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: list[Request] = []
        self.lock = Lock()
        self.closing = Event()
        self.servers = [Server(("127.0.0.1", 0), Handler) for _ in range(2)]
        self.url, self.store = (f"http://127.0.0.1:{server.server_port}" for server in self.servers)

    def __enter__(self) -> "Hub":
        for server in self.servers:
            server.hub = self
            Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def add(
        self,
        repo: str,
        files: dict[str, bytes],
        revision: str | None = None,
        refs: tuple[str, ...] = ("main",),
    ) -> str:
        """Commit `files` as the sha `revision` and let the branches and tags `refs` point there; returns the sha."""
        sha = revision or hashlib.sha1(repr((repo, sorted(files.items()))).encode()).hexdigest()
        repository = self.repositories.setdefault(repo, Repository())
        repository.commits[sha] = dict(files)
        repository.refs.update(dict.fromkeys(refs, sha))
        return sha

    def fault(
        self, repo: str, kind: str | None, *, files_only: bool = False, times: float = float("inf")
    ) -> None:
        """Let requests about `repo`, known or not, go wrong as ANSWERS and MISHAPS say; None heals it."""
        if kind not in (None, *ANSWERS, *MISHAPS):
            raise ValueError(kind)
        fault = Fault(kind, files_only, times) if kind else None
        self.repositories.setdefault(repo, Repository()).fault = fault

    def asked(self, repo: str) -> list[Request]:
        """The requests about a repository, in order."""
        return [request for request in self.requests if request.repo == repo]

    def fetched(self, repo: str) -> set[str]:
        """The files of a repository whose content went out, whole or in part."""
        sent = [
            request
            for request in self.asked(repo)
            if request.method == "GET" and request.status in (200, 206)
        ]
        return {request.file for request in sent if request.file}


class Handler(BaseHTTPRequestHandler):
    """Answers one request after the other on a connection."""

    protocol_version = "HTTP/1.1"
    server: Server
    routes: ClassVar[dict[str, str]] = {
        r"/api/models/(?P<repo>.+?)/tree/(?P<revision>[^/]+)": "tree",
        r"/api/models/(?P<repo>.+?)(/revision/(?P<revision>[^/]+))?": "info",
        r"/api/resolve-cache/models/(?P<repo>.+?)/(?P<revision>[0-9a-f]{40})/(?P<file>.+)": "content",
        r"/store/(?P<repo>.+?)/(?P<revision>[0-9a-f]{40})/(?P<file>.+)": "content",
        r"/(?P<repo>.+?)/resolve/(?P<revision>[^/]+)/(?P<file>.+)": "resolve",
    }

    def do_GET(self) -> None:
        """Find what the path is about, let its fault happen or answer, and remember it."""
        self.repo = self.file = self.mishap = None
        path = urlsplit(self.path).path
        for route, name in self.routes.items():
            if match := re.fullmatch(route, path):
                parts = {key: unquote(value) for key, value in match.groupdict().items() if value}
                self.repo, self.file = parts["repo"], parts.get("file")
                self.about(parts, getattr(self, name))
                break
        else:
            self.error(404, None, "Not Found")

    do_HEAD = do_GET

    def about(self, parts: dict[str, str], answer: Callable[[str, dict[str, bytes], str], None]) -> None:
        """Answer from the commit that the path names."""
        repository = self.server.hub.repositories.get(
            parts["repo"], Repository(fault=Fault("missing", False, 1))
        )
        self.mishap = self.strike(repository.fault)
        if self.mishap in ANSWERS:
            return self.error(*ANSWERS[self.mishap])
        if self.mishap == "portal":
            return self.send(200, {"Content-Type": "text/html"}, b"<html>Log in to the network</html>")
        if self.mishap == "silent":
            self.remember(None)
            self.server.hub.closing.wait()
            self.close_connection = True
            return None
        revision = parts.get("revision", "main")
        sha = repository.refs.get(revision, revision)
        if sha not in repository.commits:
            return self.error(*ANSWERS["no-revision"])
        if self.file is not None and self.file not in repository.commits[sha]:
            return self.error(*ANSWERS["no-file"], {"X-Repo-Commit": sha})
        return answer(parts["repo"], repository.commits[sha], sha)

    def strike(self, fault: Fault | None) -> str | None:
        """The fault of the repository, if it concerns this request; what concerns bytes waits for bytes."""
        if fault is None or (fault.files_only and self.file is None):
            return None
        if fault.kind in ("cut", "long", "short") and not (self.command == "GET" and self.sends_content()):
            return None
        with self.server.hub.lock:
            fault.times -= 1
            return fault.kind if fault.times >= 0 else None

    def sends_content(self) -> bool:
        """Whether this is one of the paths that end in a file's bytes, not in a redirect."""
        return self.file is not None and self.path.startswith(("/store/", "/api/resolve-cache/"))

    def info(self, repo: str, files: dict[str, bytes], sha: str) -> None:
        """The model: its commit and the names of its files."""
        siblings = [{"rfilename": name} for name in sorted(files)]
        self.send_json(
            {"_id": "0", "id": repo, "modelId": repo, "sha": sha, "siblings": siblings, "tags": []}
        )

    def tree(self, repo: str, files: dict[str, bytes], sha: str) -> None:
        """All files with sizes and hashes, as `recursive=true` asks for."""
        self.send_json([describe(name, content) for name, content in sorted(files.items())])

    def resolve(self, repo: str, files: dict[str, bytes], sha: str) -> None:
        """Where a file's content is: on this host for the small ones, in the store for the others."""
        name = self.file or ""
        headers = {"X-Repo-Commit": sha, "ETag": f'"{etag(name, files[name])}"'}
        if stored(name):
            headers |= {"X-Linked-Size": str(len(files[name])), "X-Linked-ETag": headers["ETag"]}
            location = f"{self.server.hub.store}/store/{repo}/{sha}/{quote(name)}"
            self.send(302, headers | {"Location": location})
        else:
            self.send(307, headers | {"Location": f"/api/resolve-cache/models/{repo}/{sha}/{quote(name)}"})

    def content(self, repo: str, files: dict[str, bytes], sha: str) -> None:
        """A file or the range of it that was asked for."""
        name = self.file or ""
        whole = files[name]
        headers = {"X-Repo-Commit": sha, "ETag": f'"{etag(name, whole)}"', "Accept-Ranges": "bytes"}
        asked = self.headers["Range"] if self.command == "GET" else None
        place = span(asked, len(whole))
        if place is None:
            return self.send(200, headers, whole, limit=len(whole) // 2)
        start, end = place
        if start >= end:
            return self.send(416, {"Content-Range": f"bytes */{len(whole)}"})
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(whole)}"
        return self.send(206, headers, whole[start:end], limit=max(0, len(whole) // 2 - start))

    def error(
        self, status: int, code: str | None, message: str | None, headers: dict[str, str] | None = None
    ) -> None:
        """An error as the hub words it: in headers, and in the body for those who read that."""
        headers = {"X-Request-Id": "Root=1-67", "Content-Type": "application/json", **(headers or {})}
        headers |= {"X-Error-Code": code} if code else {}
        headers |= {"X-Error-Message": message} if message else {}
        text = message or f"{HTTPStatus(status).phrase}\n\nsee http://127.0.0.1/docs"
        self.send(status, headers, json.dumps({"error": text}).encode())

    def send_json(self, content: object) -> None:
        """Status 200 and a JSON value."""
        self.send(200, {"Content-Type": "application/json"}, json.dumps(content).encode())

    def send(self, status: int, headers: dict[str, str], body: bytes = b"", limit: int = 0) -> None:
        """Write the answer, with the mishap that befalls it; `limit` is how many bytes go out before a cut."""
        self.remember(status)
        length = len(body)
        if status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            length = max(0, length + {"long": LIE, "short": -LIE}.get(self.mishap or "", 0))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[:limit] if self.mishap == "cut" else body[:length])
        self.close_connection = self.close_connection or self.mishap in ("cut", "long")

    def remember(self, status: int | None) -> None:
        """Write the request down, before the client can act upon the answer."""
        request = Request(self.command, self.path, self.repo, self.file, self.headers["Range"], status)
        self.server.hub.requests.append(request)

    def log_message(self, *_: object) -> None:
        """Nothing goes to stderr."""


def stored(name: str) -> bool:
    """Whether a file is in the store rather than in git."""
    return name.endswith(STORED)


def etag(name: str, content: bytes) -> str:
    """What the hub calls a content by: the SHA-256 in the store, the blob's id in git."""
    if stored(name):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def describe(name: str, content: bytes) -> dict[str, object]:
    """A file as the tree lists it."""
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    lfs = {"oid": etag(name, content), "size": len(content), "pointerSize": 134}
    return {"type": "file", "path": name, "oid": blob, "size": len(content)} | (
        {"lfs": lfs} if stored(name) else {}
    )


def span(asked: str | None, size: int) -> tuple[int, int] | None:
    """Start and end of a Range header, empty if it lies outside; None if all is asked for, or several ranges."""
    match = RANGE.fullmatch(asked or "")
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size
    end = int(match[2]) + 1 if match[2] else size
    return (int(match[1]), min(end, size)) if int(match[1]) < end else None
