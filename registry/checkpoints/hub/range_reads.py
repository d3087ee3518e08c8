"""A file of a hub model, read by byte ranges: only what is asked for is sent, nothing is stored.

Our own, beside huggingface_hub's HfFileSystem: the parts of a large tensor are fetched side by
side, a cut answer is resumed where it ended, and each answer is checked to be the range asked for.
"""

import errno
import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from threading import Lock
from typing import IO, Any

from huggingface_hub.errors import HfHubHTTPError

from registry.checkpoints.hub.errors import HTTP, translated
from registry.checkpoints.hub.limits import ADDRESSES
from registry.checkpoints.hub.patience import patiently
from registry.checkpoints.hub.place import Place, check_json, locate
from registry.checkpoints.hub.range_request import Rest, Version, mismatch, request, version_of
from registry.checkpoints.parallel import side_by_side
from registry.errors import BrokenFile, HubFileChanged, HubWithoutRanges

PART = 8 << 20  # bytes of one request; the parts of a larger tensor are fetched side by side
BLOCK = 1 << 16  # bytes; takes the header of a shard in one request
BLOCKS = 16  # kept of each file
# Bytes; a tensor that has no more (a scale, a shape, a norm) comes with its block, where others
# like it are.
SMALL = 1 << 14
REFUSED = (401, 403)  # what an address answers that has expired, or was signed for another range


class Block:
    """A piece of a file, fetched by its first reader while others wait; each gets its error."""

    def __init__(self, fetch: Callable[[], bytes]) -> None:
        self.fetch = fetch
        self.content: bytes | None = None
        self.lock = Lock()

    def read(self) -> bytes:
        """Return the content."""
        with self.lock:
            if self.content is None:
                self.content = self.fetch()
            return self.content


@dataclass(eq=False)
class RemoteBlob:
    """A file of `model` at the commit `revision`, resolved by `url`; no request before it is read.

    Every failure that may pass is tried again, a cut answer from where it ended. What remains is a
    hub error.
    """

    url: str
    name: str
    model: str
    revision: str
    _place: Place | None = field(default=None, init=False)
    _proven: Place | None = field(default=None, init=False)  # the last that has served a range
    _version: Version | None = field(default=None, init=False)  # that the first answer was from
    _lock: Lock = field(default_factory=Lock, init=False)

    def __post_init__(self) -> None:
        self._blocks = lru_cache(BLOCKS)(self._new_block)

    @property
    def label(self) -> str:
        """The model and the file in it."""
        return f"{self.model}/{self.name}"

    @property
    def size(self) -> int:
        """Bytes, as the hub states them."""
        with translated(self.model, self.revision):
            return patiently(self._locate, self.model).size

    def fill(self, memory: memoryview, offset: int) -> None:
        """Fetch into `memory`; what is small, or in the first block, comes in kept blocks.

        Raises:
            BrokenFile: The file ends before.
            CheckpointError: A hub error.
        """
        end = offset + len(memory)
        if end > self.size:
            raise BrokenFile(path=self.label, reason=f"it ends {end - self.size} bytes early")
        if end > BLOCK and len(memory) > SMALL:
            self._fetch(memory, offset)
            return
        rest = Rest(memory, offset)
        while rest.memory:
            number, start = divmod(rest.offset, BLOCK)
            rest.take(self.block(number)[start:])

    def block(self, number: int) -> bytes:
        """Return one block of BLOCK bytes, the last may be shorter; a few of them are kept."""
        with self._lock:
            block = self._blocks(number)
        return block.read()

    def open(self) -> IO[bytes]:
        """Return a stream over the file, fetched in blocks, of which a few are kept."""
        return io.BufferedReader(Stream(self), BLOCK)

    def _new_block(self, number: int) -> Block:
        return Block(partial(self._fetch_block, number))

    def _fetch_block(self, number: int) -> bytes:
        start = number * BLOCK
        content = bytearray(min(BLOCK, self.size - start))
        self._fetch(memoryview(content), start)
        return bytes(content)

    def _fetch(self, memory: memoryview, offset: int) -> None:
        """Fetch all of `memory`, in parts side by side."""
        starts = range(0, len(memory), PART)
        parts = [Rest(memory[start : start + PART], offset + start) for start in starts]
        with translated(self.model, self.revision):
            if len(parts) == 1:
                self._fetch_part(parts[0])
            else:
                side_by_side(self._fetch_part, parts)

    def _fetch_part(self, part: Rest) -> None:
        """Fetch one part; each of the requests that it takes asks for what is left of it.

        Where the answer does not name its version, the hub is asked whether the file is the same.
        """
        version = patiently(partial(self._receive, part), self.model)
        if version.is_unknown:
            patiently(self._ask, self.model)

    def _receive(self, rest: Rest) -> Version:
        """Make one request for a range. Raises HubWithoutRanges and the client's errors.

        Where the store refuses its address, the hub is asked again.
        """
        place = self._locate()
        for _ in range(ADDRESSES):
            with request(place, rest) as answer:
                if answer.status_code not in REFUSED or place.url == self.url:
                    return self._take(answer, place, rest)
            place = self._replaced(place)
        with request(replace(place, url=self.url), rest) as answer:
            return self._take(answer, place, rest)

    def _take(self, answer: Any, place: Place, rest: Rest) -> Version:
        """Store an answer's content, if it is the range that was asked for, of the same file.

        Returns the version of the file that it is from.
        """
        if answer.is_error:
            raise HfHubHTTPError("", response=answer)
        problem = mismatch(answer, place, rest)
        if problem:
            raise HubWithoutRanges(path=self.label, reason=problem)
        version = version_of(answer)
        self._check_version(version)
        self._proven = place
        # The end of a content that is as long as it should be is at hand, and then its connection
        # serves further requests.
        is_exact = answer.headers.get("Content-Length") == str(len(rest.memory))
        for chunk in answer.iter_raw():
            rest.take(chunk)
            if not rest.memory and not is_exact:
                break
        if rest.memory:
            raise HTTP.RemoteProtocolError("it ends an answer early")
        return version

    def _check_version(self, version: Version) -> None:
        """Raise HubFileChanged where an answer is from another version than the first was.

        Or from another commit, if it names one.
        """
        if version.commit not in (None, self.revision):
            raise HubFileChanged(path=self.label, reason=f"it is of the commit {version.commit}")
        with self._lock:
            first = self._version = self._version or version
        if version.differs(first):
            raise HubFileChanged(path=self.label, reason=f"it was {first}, it is {version}")

    def _locate(self) -> Place:
        """Return where the file is; the hub is asked once."""
        with self._lock:
            if self._place is None:
                self._place = self._ask()
            return self._place

    def _replaced(self, refused: Place) -> Place:
        """Return where to ask for a range that one address refused to serve.

        An address that has served other ranges has expired, so that the hub is asked for a new one.
        One that has served none is good for one range alone, the one that the hub was asked for
        when it signed the address (as Xet's store may): from now on every range is asked of the hub
        itself, which redirects each to an address of its own.
        """
        with self._lock:
            if self._place is not refused and self._place is not None:
                return self._place  # another thread was here before
            if refused is self._proven:
                self._place = self._ask()
            else:
                self._place = replace(refused, url=self.url)
            return self._place

    def _ask(self) -> Place:
        """Ask the hub where the file is.

        Raises HubFileChanged where it is another one than before, BrokenJSON, and what `locate`
        raises.
        """
        place = locate(self.url, self.label, self.model, self.revision)
        check_json(self.name, self.label, place.size)
        former = self._place
        if former is not None and (former.size, former.etag) != (place.size, place.etag):
            reason = f"it had {former.size:,} bytes, it has {place.size:,}"
            if place.size == former.size:
                reason = f"it was {former.etag}, it is {place.etag}"
            raise HubFileChanged(path=self.label, reason=reason)
        return place


class Stream(io.RawIOBase):
    """A blob as a seekable stream."""

    def __init__(self, blob: RemoteBlob) -> None:
        self.blob = blob
        self.position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; no request is made. Raises OSError before the start, as files do."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.blob.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "before the start")
        self.position = base + offset
        return self.position

    def readinto(self, buffer: Any) -> int:
        """Read the rest of a block, or at once what is longer than one; returns the bytes read."""
        memory = memoryview(buffer).cast("B")
        left = max(0, self.blob.size - self.position)
        count = min(len(memory), left)
        if count > BLOCK:
            self.blob.fill(memory[:count], self.position)
        elif count:
            number, start = divmod(self.position, BLOCK)
            piece = self.blob.block(number)[start : start + count]
            count = len(piece)
            memory[:count] = piece
        self.position += count
        return count
