"""One HTTP request for a byte range of a file, and what may be wrong with its answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import get_session
from huggingface_hub.constants import HF_HUB_DOWNLOAD_TIMEOUT

WHOLE, PARTIAL = 200, 206


@dataclass(frozen=True)
class Place:
    """Where a file's bytes are served; `headers` hold the user's token only if that is the hub."""

    url: str
    size: int
    headers: dict[str, str]


@dataclass
class Rest:
    """What has not arrived yet of a range that starts at `offset` in the file."""

    memory: memoryview
    offset: int

    def take(self, chunk: bytes) -> None:
        """Store the next bytes; what exceeds the range is dropped."""
        chunk = chunk[: len(self.memory)]
        self.memory[: len(chunk)] = chunk
        self.memory = self.memory[len(chunk) :]
        self.offset += len(chunk)


def host(url: str) -> tuple[str, str]:
    """Return scheme and network location (host and port) of an address."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


@contextmanager
def request(place: Place, rest: Rest) -> Iterator[Any]:
    """Ask for one range and give the answer, its content not read yet.

    Redirects are followed; the client sends the user's token to no other host.
    """
    last = rest.offset + len(rest.memory) - 1
    headers = {
        **place.headers,
        "range": f"bytes={rest.offset}-{last}",
        "accept-encoding": "identity",
    }
    session = get_session()
    with session.stream(
        "GET", place.url, headers=headers, timeout=HF_HUB_DOWNLOAD_TIMEOUT
    ) as answer:
        yield answer


def mismatch(answer: Any, place: Place, rest: Rest) -> str | None:
    """Return what is wrong with the head of an answer to a request for one range."""
    headers = answer.headers
    count = len(rest.memory)
    wanted = f"bytes {rest.offset}-{rest.offset + count - 1}/{place.size}"
    if answer.status_code == WHOLE and rest.offset == 0:  # some servers do so with small files
        wanted = ""
        count = place.size
    elif answer.status_code != PARTIAL:
        return f"asked for {wanted}, it answers {answer.status_code}"
    if headers.get("Content-Range", "") != wanted:
        return f"asked for {wanted}, it sends {headers.get('Content-Range', 'something else')}"
    if headers.get("Content-Length", str(count)) != str(count):
        return f"it announces {headers['Content-Length']} bytes where {count} belong"
    if headers.get("Content-Encoding", "identity") != "identity":
        return "it compresses the content"
    return None
