"""A hub that lies: it answers with whatever bytes a test wants, at whatever pace.

    with Liar({"model.safetensors": weights}, content=lambda _: [answer("204 No Content")]) as liar:
        ...  # run the client with HF_ENDPOINT=liar.url
        liar.asked  # what was asked for

It answers three kinds of requests, each as a hub does where a test gives nothing else: `listing` (the names of the files),
`place` (where and how long a file is) and `content` (a range of it).
"""

import hashlib
import json
import re
import socket
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Self
from urllib.parse import unquote

COMMIT = "a" * 40
STAGES = {"GET /api/": "listing", "HEAD ": "place", "GET ": "content"}


@dataclass(frozen=True)
class Asked:
    """A request: its stage, how many of that stage and file came before, the file and its content."""

    stage: str
    number: int
    target: str
    headers: dict[str, str]
    name: str
    content: bytes
    closing: Event

    @property
    def span(self) -> tuple[int, int]:
        """The first byte that is asked for, and the one after the last."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", "bytes=0-"))
        assert match
        end = int(match[2]) + 1 if match[2] else len(self.content)
        return int(match[1]), min(end, len(self.content))

    @property
    def part(self) -> bytes:
        """What is asked for."""
        return self.content[slice(*self.span)]


Answer = Callable[[Asked], Iterable[bytes]]


def answer(status: str, content: bytes = b"", **headers: object) -> bytes:
    """An answer; a header of None is left out, an underscore in a name is a hyphen."""
    fields: dict[str, object] = {"Content-Length": len(content)}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}\r\n" for name, value in fields.items() if value is not None]
    return f"HTTP/1.1 {status}\r\n{''.join(lines)}\r\n".encode("latin-1") + content


def listed(names: object, sha: object = COMMIT) -> bytes:
    """A list of files."""
    siblings = names
    if isinstance(names, list):
        siblings = [{"rfilename": name} for name in names]
    content = json.dumps({"id": "org/model", "sha": sha, "siblings": siblings}).encode()
    return answer("200 OK", content, Content_Type="application/json")


def head(asked: Asked, **headers: object) -> bytes:
    """Where a file is: here."""
    fields: dict[str, object] = {"X_Repo_Commit": COMMIT, "ETag": etag(asked.content)}
    fields |= {"Content_Length": len(asked.content)}
    return answer("200 OK", **(fields | headers))


def part(
    asked: Asked,
    content: bytes | None = None,
    status: str = "206 Partial Content",
    **headers: object,
) -> bytes:
    """A range of a file."""
    start, end = asked.span
    span = f"bytes {start}-{end - 1}/{len(asked.content)}"
    fields: dict[str, object] = {"ETag": etag(asked.content), "Content_Range": span}
    return answer(status, asked.part if content is None else content, **(fields | headers))


def etag(content: bytes) -> str:
    """What the hub calls a large file: its SHA-256."""
    return f'"{hashlib.sha256(content).hexdigest()}"'


@dataclass
class Liar:
    """The hub; whatever a test gives for a stage stands in for the right answer."""

    files: dict[str, bytes]
    listing: Answer | None = None
    place: Answer | None = None
    content: Answer | None = None
    asked: list[Asked] = field(default_factory=list)
    closing: Event = field(default_factory=Event)
    connections: int = 0

    def __enter__(self) -> Self:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    @property
    def tokens(self) -> set[str]:
        """The tokens that came here."""
        return {
            asked.headers["authorization"]
            for asked in self.asked
            if "authorization" in asked.headers
        }

    def serve(self) -> None:
        """Take connections until the end."""
        while not self.closing.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            Thread(target=self.converse, args=(connection,), daemon=True).start()

    def converse(self, connection: socket.socket) -> None:
        """Answer the requests of one connection."""
        with connection, suppress(OSError):
            while True:
                request = b""
                while not request.endswith(b"\r\n\r\n"):
                    some = connection.recv(65536)
                    if not some:
                        return
                    request += some
                for piece in self.reply(request.decode("latin-1")):
                    if piece is RESET:
                        linger = struct.pack("ii", 1, 0)
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                        return
                    if piece is CLOSE:
                        return
                    connection.sendall(piece)

    def reply(self, request: str) -> Iterable[bytes]:
        """The answer to a request, in pieces."""
        first, *lines = request.strip().split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        stage = next(stage for start, stage in STAGES.items() if first.startswith(start))
        name = unquote(first.split(" ")[1].partition("?")[0].partition(f"/{COMMIT}/")[2])
        number = sum((other.stage, other.name) == (stage, name) for other in self.asked)
        content = self.files.get(name, b"")
        asked = Asked(stage, number, first.split(" ")[1], headers, name, content, self.closing)
        self.asked.append(asked)
        wanted = getattr(self, stage)
        if wanted is not None:
            yield from wanted(asked)
        elif stage == "listing":
            yield listed(sorted(self.files))
        else:
            yield head(asked) if stage == "place" else part(asked)


RESET = b"reset the connection"
CLOSE = b"close the connection"


def dripping(content: bytes, seconds: float = 0.05) -> Answer:
    """Send a byte now and then."""

    def drip(asked: Asked) -> Iterable[bytes]:
        for byte in content:
            yield bytes([byte])
            if asked.closing.wait(seconds):
                return

    return drip


def silent(asked: Asked) -> Iterable[bytes]:
    """Send nothing."""
    asked.closing.wait()
    yield CLOSE
