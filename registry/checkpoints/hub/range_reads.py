"""A file of a hub model, read by byte ranges: nothing but what is asked for is sent, and nothing is stored."""

import errno
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from threading import Lock
from time import monotonic
from typing import IO, Any
from urllib.parse import urlsplit

from huggingface_hub import get_hf_file_metadata, get_session
from huggingface_hub.constants import HF_HUB_DOWNLOAD_TIMEOUT, HF_HUB_ETAG_TIMEOUT
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # public, but not marked so

from registry.checkpoints.hub.errors import HTTP, patiently, translated
from registry.checkpoints.parallel import side_by_side
from registry.errors import BrokenFile, HubUnreachable, HubWithoutRanges

PART = 8 << 20  # bytes of one request; what a tensor has more is fetched side by side
BLOCK = 1 << 16  # bytes; takes the header of a shard in one request
BLOCKS = 16  # kept of each file
SMALL = (
    1 << 14
)  # bytes; what has no more comes with its block, for others like it are near (scales, shapes, norms)
SLOWEST = 16 << 10  # bytes per second
WHOLE, PARTIAL, FORBIDDEN = 200, 206, 403


@dataclass(frozen=True)
class Place:
    """Where a file's bytes are served now; `headers` hold the user's token only if that is the hub itself."""

    url: str
    size: int
    headers: dict[str, str]


class Block:
    """A piece of a file, fetched by whoever reads it first while others wait. An error is raised to each of them."""

    def __init__(self, fetch: Callable[[], bytes]) -> None:
        self.fetch = fetch
        self.content: bytes | None = None
        self.lock = Lock()

    def read(self) -> bytes:
        """The content."""
        with self.lock:
            if self.content is None:
                self.content = self.fetch()
            return self.content


@dataclass(eq=False)
class RemoteBlob:
    """A file of `model` at the commit `revision`, resolved by `url`. Its first request is made when it is read.

    Every failure that may pass is tried again, a cut answer from where it ended. What remains is a hub error.
    """

    url: str
    name: str
    model: str
    revision: str
    _place: Place | None = field(default=None, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def __post_init__(self) -> None:
        self._blocks = lru_cache(BLOCKS)(lambda number: Block(partial(self._block, number)))

    @property
    def label(self) -> str:
        """The model and the file in it."""
        return f"{self.model}/{self.name}"

    @property
    def size(self) -> int:
        """Bytes, as the hub says."""
        with translated(self.model, self.revision):
            return patiently(self._locate).size

    def fill(self, memory: memoryview, offset: int) -> None:
        """Fetch straight into `memory`; what is small, or in the first block, comes in blocks that are kept."""
        end = offset + len(memory)
        if end > self.size:
            raise BrokenFile(path=self.label, reason=f"it ends {end - self.size} bytes early")
        if end > BLOCK and len(memory) > SMALL:
            self._fetch(memory, offset)
            return
        while memory:
            number, place = divmod(offset, BLOCK)
            piece = self.block(number)[place : place + len(memory)]
            memory[: len(piece)] = piece
            memory, offset = memory[len(piece) :], offset + len(piece)

    def block(self, number: int) -> bytes:
        """One block, the last may be shorter; a few of them are kept."""
        with self._lock:
            kept = self._blocks(number)
        return kept.read()

    def open(self) -> IO[bytes]:
        """A stream over the file, fetched in blocks, of which a few are kept."""
        return io.BufferedReader(Stream(self), BLOCK)

    def _block(self, number: int) -> bytes:
        start = number * BLOCK
        content = bytearray(min(BLOCK, self.size - start))
        self._fetch(memoryview(content), start)
        return bytes(content)

    def _fetch(self, memory: memoryview, offset: int) -> None:
        """All of `memory`, in parts side by side."""
        starts = range(0, len(memory), PART)
        with translated(self.model, self.revision):
            if len(starts) == 1:
                self._part(memory, offset)
            else:
                side_by_side(
                    lambda start: self._part(memory[start : start + PART], offset + start), starts
                )

    def _part(self, memory: memoryview, offset: int) -> None:
        """One part, whatever number of requests it takes."""

        def attempt() -> None:
            nonlocal memory, offset
            for chunk in self._receive(offset, len(memory)):
                memory[: len(chunk)] = chunk
                memory, offset = memory[len(chunk) :], offset + len(chunk)

        patiently(attempt)

    def _receive(self, offset: int, count: int) -> Iterator[bytes]:
        """The bytes of one range as they arrive. Raises HubWithoutRanges and the client's errors."""
        place = self._locate()
        with request(place, offset, count) as answer:
            if answer.status_code != FORBIDDEN:
                yield from self._checked(answer, place, offset, count)
                return
        place = self._locate(place)  # a store's address expires
        with request(place, offset, count) as answer:
            yield from self._checked(answer, place, offset, count)

    def _checked(self, answer: Any, place: Place, offset: int, count: int) -> Iterator[bytes]:
        """An answer's content, once its head and as long as its content are what was asked for."""
        if answer.is_error:
            raise HfHubHTTPError("", response=answer)
        if wrong := mismatch(answer, place, offset, count):
            raise HubWithoutRanges(path=self.label, reason=wrong)
        latest = monotonic() + HF_HUB_DOWNLOAD_TIMEOUT + count / SLOWEST
        for chunk in answer.iter_raw():
            yield chunk[:count]
            count -= len(chunk)
            if count <= 0:
                return
            if monotonic() > latest:
                raise HTTP.ReadTimeout("it sends next to nothing")
        raise HTTP.RemoteProtocolError("it ends an answer early")

    def _locate(self, stale: Place | None = None) -> Place:
        """Ask the hub where the file is, once unless the place is `stale`."""
        with self._lock:
            if self._place is None or self._place is stale:
                self._place = self._ask()
            return self._place

    def _ask(self) -> Place:
        """Raises HubUnreachable, HubWithoutRanges and the client's errors."""
        headers = build_hf_headers()
        found = get_hf_file_metadata(self.url, headers=headers, timeout=HF_HUB_ETAG_TIMEOUT)
        if found.commit_hash != self.revision:
            raise HubUnreachable(model=self.model, reason="it answers, but not as a hub does")
        if found.size is None:
            raise HubWithoutRanges(path=self.label, reason="it does not tell the file's length")
        if urlsplit(found.location)[:2] != urlsplit(self.url)[:2]:  # scheme, host and port
            headers.pop("authorization", None)
        return Place(found.location, found.size, headers)


class Stream(io.RawIOBase):
    """A blob as a seekable stream."""

    def __init__(self, blob: RemoteBlob) -> None:
        self.blob = blob
        self.position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; no request is made. Raises OSError before the start, as files do."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.blob.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "before the start")
        self.position = base + offset
        return self.position

    def readinto(self, buffer: Any) -> int:
        """The rest of a block, or at once what is longer than one."""
        memory = memoryview(buffer).cast("B")
        left = max(0, self.blob.size - self.position)
        if min(len(memory), left) > BLOCK:
            count = min(len(memory), left)
            self.blob.fill(memory[:count], self.position)
        else:
            number, place = divmod(self.position, BLOCK)
            piece = self.blob.block(number)[place : place + len(memory)] if left else b""
            count = len(piece)
            memory[:count] = piece
        self.position += count
        return count


@contextmanager
def request(place: Place, offset: int, count: int) -> Iterator[Any]:
    """The answer to a request for one range, its content not read yet."""
    headers = {
        **place.headers,
        "range": f"bytes={offset}-{offset + count - 1}",
        "accept-encoding": "identity",
    }
    with get_session().stream(
        "GET", place.url, headers=headers, timeout=HF_HUB_DOWNLOAD_TIMEOUT
    ) as answer:
        yield answer


def mismatch(answer: Any, place: Place, offset: int, count: int) -> str | None:
    """What is wrong with the head of an answer to a request for one range."""
    told = answer.headers
    wanted = f"bytes {offset}-{offset + count - 1}/{place.size}"
    if answer.status_code == WHOLE and offset == 0:  # some servers do so with small files
        wanted, count = "", place.size
    elif answer.status_code != PARTIAL:
        return f"asked for {wanted}, it answers {answer.status_code}"
    if told.get("Content-Range", "") != wanted:
        return f"asked for {wanted}, it sends {told.get('Content-Range', 'something else')}"
    if told.get("Content-Length", str(count)) != str(count):
        return f"it announces {told['Content-Length']} bytes where {count} belong"
    if told.get("Content-Encoding", "identity") != "identity":
        return "it compresses the content"
    return None
