"""How the hub of these tests answers one request."""

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from hub_faults import ANSWERS, DAMAGE, LENGTHS, LIE, STORES, Fault
from hub_files import STORED, describe, etag
from hub_lists import Listed, is_list


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
class Repository:
    """The commits of a model, and the branches and tags that point to them."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None
    token: str | None = None


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement
    server: Any  # a Host
    ROUTES: ClassVar[dict[str, str]] = {
        r"/api/models/(?P<repo>.+?)/tree/(?P<revision>[^/]+)": "tree",
        r"/api/models/(?P<repo>.+?)(/revision/(?P<revision>[^/]+))?": "info",
        r"/(?P<repo>.+?)/resolve/(?P<revision>[^/]+)/(?P<file>.+)": "resolve",
        r"/api/resolve-cache/models/(?P<repo>.+?)/(?P<revision>[0-9a-f]{40})/(?P<file>.+)": "content",
        r"/store/(?P<repo>.+?)/(?P<revision>[0-9a-f]{40})/(?P<file>.+)": "content",
    }

    hub: Any  # the Hub whose number the first part of the path is
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
        if is_list(self.route):
            self.list()
            return
        for route, name in self.ROUTES.items():
            match = re.fullmatch(route, urlsplit(self.route).path)
            if match:
                parts = {key: unquote(value) for key, value in match.groupdict().items() if value}
                self.answer(name, **parts)
                return
        self.error(HTTPStatus.NOT_FOUND, None, "Not Found")

    def answer(self, name: str, repo: str, revision: str = "main", file: str | None = None) -> None:
        """Let a route's fault happen, or call the method that answers it."""
        self.repo, self.file = repo, file
        repository = self.hub.repositories.get(repo, Repository(fault=Fault("missing")))
        self.mishap = self.strike(repository.fault, name)
        known = self.headers["Authorization"] == f"Bearer {repository.token}"
        if repository.token and self.at_hub and not known:
            self.mishap = "private"
        if not self.fails() and self.find(repository, revision):
            getattr(self, name)()

    @property
    def at_hub(self) -> bool:
        """Whether this is the hub's host, not the store's."""
        return self.server.name == "hub"

    def strike(self, fault: Fault | None, route: str) -> str | None:
        """The fault of the repository, if it concerns this request."""
        if fault is None or (fault.files_only and self.file is None):
            return None
        reading = self.command == "GET"
        if fault.kind in DAMAGE and not (reading and route == "content"):
            return None
        if fault.kind in STORES and not (reading and not self.at_hub):
            return None
        if fault.kind in LENGTHS and route != "resolve":
            return None
        with self.hub.lock:
            return fault.strike()

    def fails(self) -> bool:
        """Whether a fault has taken the place of the answer."""
        if self.mishap in ANSWERS:
            self.error(*ANSWERS[self.mishap])
        elif self.mishap == "portal":
            page = b"<html>Log in to the network</html>"
            self.send(HTTPStatus.OK, {"Content-Type": "text/html"}, page)
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

    def list(self) -> None:
        """The models of an author, or a collection, a part at a time."""
        listed = Listed(self.hub, self.route)
        self.repo = listed.name
        repository = self.hub.repositories.get(listed.name, Repository())
        self.mishap = self.strike(repository.fault, "list")
        if self.fails():
            return
        if listed.content is None:
            self.error(HTTPStatus.NOT_FOUND, None, "Collection not found")
        else:
            headers = {"Content-Type": "application/json", **listed.headers}
            self.send(HTTPStatus.OK, headers, json.dumps(listed.content).encode())

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
        content = b""
        if self.command == "GET":
            content = body[: cut if self.mishap == "cut" else length]
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
        request = Request(
            method=self.command,
            path=self.route,
            repo=self.repo,
            file=self.file,
            range=self.headers["Range"],
            status=status and int(status),
            token=self.headers["Authorization"],
            host=self.server.name,
            sent=sent,
        )
        self.hub.remember(request)

    def log_message(self, *_: object) -> None:
        """Nothing goes to stderr."""


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
