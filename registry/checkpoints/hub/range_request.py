"""One HTTP request for a byte range of a file, and what may be wrong with its answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from huggingface_hub.constants import HF_HUB_DOWNLOAD_TIMEOUT

from registry.checkpoints.hub.client import hub_headers, session
from registry.checkpoints.hub.exchange import exchange
from registry.checkpoints.hub.place import Place, strong

WHOLE, PARTIAL = 200, 206


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


@contextmanager
def request(place: Place, rest: Rest) -> Iterator[Any]:
    """Ask for one range and give the answer, its content not read yet; redirects are followed."""
    last = rest.offset + len(rest.memory) - 1
    headers = hub_headers() | {"range": f"bytes={rest.offset}-{last}"}
    timeout = HF_HUB_DOWNLOAD_TIMEOUT
    asked = session().build_request("GET", place.url, headers=headers, timeout=timeout)
    answer = exchange(asked, stream=True)
    try:
        yield answer
    finally:
        answer.close()


def mismatch(answer: Any, place: Place, rest: Rest) -> str | None:
    """Return what is wrong with the head of an answer to a request for one range."""
    headers = answer.headers
    count = len(rest.memory)
    span = f"bytes {rest.offset}-{rest.offset + count - 1}/"
    wanted = [f"{span}{place.size}", f"{span}*"]  # a server need not know the whole length
    if answer.status_code == WHOLE and rest.offset == 0:  # some servers do so with small files
        wanted = [""]
        count = place.size
    elif answer.status_code != PARTIAL:
        return f"asked for {wanted[0]}, it answers {answer.status_code}"
    if headers.get("Content-Range", "") not in wanted:
        return f"asked for {wanted[0]}, it sends {headers.get('Content-Range', 'something else')}"
    if headers.get("Content-Length", str(count)) != str(count):
        return f"it announces {headers['Content-Length']} bytes where {count} belong"
    if headers.get("Content-Encoding", "identity") != "identity":
        return "it compresses the content"
    return None


@dataclass(frozen=True)
class Version:
    """What an answer says of the version of the file that it is from."""

    etag: str | None
    modified: str | None
    commit: str | None

    @property
    def is_unknown(self) -> bool:
        """Whether nothing tells it from another version."""
        return not self.etag and not self.modified

    def __str__(self) -> str:
        return self.etag or self.modified or "unknown"

    def differs(self, other: "Version") -> bool:
        """Return whether two answers say that they are of different versions."""
        if self.etag and other.etag:
            return self.etag != other.etag
        return bool(self.modified and other.modified and self.modified != other.modified)


def version_of(answer: Any) -> Version:
    """Return what an answer says of the file's version."""
    headers = answer.headers
    etag = headers.get("ETag")
    changed = headers.get("Last-Modified")
    return Version(etag and strong(etag), changed, headers.get("X-Repo-Commit"))
