"""Zip archives that torch.save writes, and others that hold the same members.

Tools that repack an archive may compress its members, which torch reads as well. Here the directory
is read whole and checked, a member's header where its first byte is asked for. As torch does it,
names count in upper or lower case alike, and a stored member's checksum is not looked at, for
torch.save leaves it out where it is told to; that of a compressed one is.
"""

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import IO, NamedTuple

import numpy as np

from registry.checkpoints.blob import Blob, read_bytes
from registry.checkpoints.limits import limit
from registry.errors import BrokenFile, FormatNotRead

SIGNATURE = b"PK\x03\x04"
# A member's own header: signature, 22 bytes that the directory states too, lengths of two texts.
LOCAL = struct.Struct("<4s22xHH")
ENCRYPTED = 0x1  # a bit of a member's flags
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
PIECE = 1 << 20  # bytes unpacked at a time on the way to those that are wanted
MOST_MEMBERS = limit("zip-members")
LONGEST_NAME = limit("zip-name")
DIRECTORY_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,
    ValueError,
    struct.error,
    OverflowError,
    EOFError,
)
UNPACKING_ERRORS = (*DIRECTORY_ERRORS, zlib.error, lzma.LZMAError, OSError)
UNPACK = "unpack it and zip its files again without a password, stored"


class Archive(NamedTuple):
    """The members below the folder that all of them lie in, by their names there, lower case."""

    blob: Blob
    members: Mapping[str, "Member"]


@dataclass(frozen=True)
class Member:
    """One file of an archive, whose bytes are read from any offset as those of a blob."""

    archive: Blob
    info: zipfile.ZipInfo

    @property
    def name(self) -> str:
        """Its name in the archive."""
        return self.info.filename

    @property
    def label(self) -> str:
        """What errors call it: the archive's own label."""
        return self.archive.label

    @property
    def size(self) -> int:
        """Bytes when unpacked."""
        return self.info.file_size

    @property
    def is_packed(self) -> bool:
        """Whether it is compressed."""
        return self.info.compress_type != zipfile.ZIP_STORED

    def fill(self, memory: memoryview, offset: int) -> None:
        """Overwrite `memory` with the bytes from `offset` on. Raises BrokenFile."""
        if not self.is_packed:
            self.archive.fill(memory, self.begin + offset)
            return
        with self.archive.open() as file:
            file.seek(self.begin)
            stream = zipfile.ZipExtFile(file, "r", self.info)
            try:
                self.unpack(stream, memory, offset)
            except UNPACKING_ERRORS as exc:
                raise self.broken("cannot be unpacked") from exc

    def unpack(self, stream: zipfile.ZipExtFile, memory: memoryview, offset: int) -> None:
        """Unpack from the start on, and keep what is wanted. Raises what zipfile raises."""
        while offset:
            passed = len(stream.read(min(offset, PIECE)))
            if not passed:
                raise self.broken("is shorter than its directory states")
            offset -= passed
        while memory:
            piece = stream.read(min(len(memory), PIECE))
            if not piece:
                raise self.broken("is shorter than its directory states")
            memory[: len(piece)] = piece
            memory = memory[len(piece) :]

    def open(self) -> IO[bytes]:
        """Return its bytes as a stream, held in memory."""
        return io.BytesIO(read_bytes(self))

    @cached_property
    def begin(self) -> int:
        """Where its first byte lies in the archive, which its own header tells; it is read once.

        Raises BrokenFile.
        """
        raw = read_bytes(self.archive, self.info.header_offset, LOCAL.size)
        signature, name, more = LOCAL.unpack(raw)
        if signature != SIGNATURE:
            raise self.broken("is not where its directory says")
        begin: int = self.info.header_offset + LOCAL.size + name + more
        return begin

    def broken(self, what: str) -> BrokenFile:
        """Return the error for this member."""
        return BrokenFile(path=self.label, reason=f"its part {self.name!r} {what}")


@dataclass(frozen=True)
class Swapped:
    """A blob of numbers whose bytes stand the other way round; offsets are those of whole ones."""

    blob: Blob
    width: int

    @property
    def name(self) -> str:
        """The blob's name."""
        return self.blob.name

    @property
    def label(self) -> str:
        """The blob's label."""
        return self.blob.label

    @property
    def size(self) -> int:
        """The blob's size."""
        return self.blob.size

    def fill(self, memory: memoryview, offset: int) -> None:
        """Overwrite `memory` with the bytes from `offset` on, turned round number by number."""
        self.blob.fill(memory, offset)
        np.frombuffer(memory, f"u{self.width}").byteswap(inplace=True)

    def open(self) -> IO[bytes]:
        """Return the bytes as they are stored."""
        return self.blob.open()


def is_archive(blob: Blob) -> bool:
    """Return whether a file begins as a zip archive does, which is what torch goes by."""
    return read_bytes(blob, 0, min(len(SIGNATURE), blob.size)) == SIGNATURE


def read_archive(blob: Blob) -> Archive:
    """Read the directory of an archive.

    Raises:
        BrokenFile: It is cut off, or contradicts itself.
        FormatNotRead: A member is encrypted, or compressed in a way that is not read.
    """
    try:
        with blob.open() as file, zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
    except DIRECTORY_ERRORS as exc:
        raise BrokenFile(path=blob.label, reason="its zip archive is incomplete") from exc
    if len(infos) > MOST_MEMBERS:
        reason = f"its zip archive has {len(infos):,} members, more than any model"
        raise BrokenFile(path=blob.label, reason=reason)

    folder = infos[0].filename.partition("/")[0] if infos else ""
    members: dict[str, Member] = {}
    for info in infos:
        check_member(blob, info)
        name = info.filename.lower()
        if name in members:
            reason = f"two members of its zip archive are called {info.filename!r}"
            raise BrokenFile(path=blob.label, reason=reason)
        members[name] = Member(blob, info)

    prefix = f"{folder.lower()}/"
    inside = {}
    for name, member in members.items():
        if name.startswith(prefix):
            inside[name.removeprefix(prefix)] = member
    return Archive(blob, inside)


def check_member(blob: Blob, info: zipfile.ZipInfo) -> None:
    """Raise BrokenFile or FormatNotRead for a member that cannot be read."""
    if len(info.filename) > LONGEST_NAME:
        reason = f"a member of its zip archive has a name of {len(info.filename):,} characters"
        raise BrokenFile(path=blob.label, reason=reason)
    if info.flag_bits & ENCRYPTED:
        raise FormatNotRead(path=blob.label, format="an encrypted zip archive", remedy=UNPACK)
    if info.compress_type not in METHODS:
        kind = f"a zip archive compressed by method {info.compress_type}"
        raise FormatNotRead(path=blob.label, format=kind, remedy=UNPACK)
    packed, size = info.compress_size, info.file_size
    is_stored = info.compress_type == zipfile.ZIP_STORED
    if info.header_offset < 0 or (is_stored and packed != size) or packed > blob.size:
        reason = f"its zip archive contradicts itself about {info.filename!r}"
        raise BrokenFile(path=blob.label, reason=reason)
