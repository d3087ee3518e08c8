"""The header of a GGUF file: facts about the model, then a row for each tensor.

Our own, beside the gguf package's GGUFReader, which maps a whole local file and trusts it. Here the
header is read in growing pieces, since the file may lie on a server and a vocabulary takes most of
the header; and every number is checked before anything is allocated, since the file may be hostile.
Layout: docs/gguf.md in ggml.
"""

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from registry.checkpoints.blob import Blob, read_bytes
from registry.checkpoints.limits import limit
from registry.errors import BrokenFile, FormatNotRead

MAGIC = b"GGUF"
VERSIONS = (2, 3)  # 1 had counts of 32 bits and lived for four months of 2023
# The types of numbers, as the struct module calls them.
SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
TEXT, ARRAY = 8, 9
LENGTH = struct.Struct("<Q")
DEFAULT_ALIGNMENT = 32  # bytes

DIMENSIONS = 4
LIMIT = limit("gguf-header")
KEYS = limit("gguf-keys")
TENSORS = limit("gguf-tensors")
NAME = limit("gguf-name")
TEXTS = limit("gguf-texts")
LAYERS = limit("gguf-layers")
ALIGNMENT = limit("gguf-alignment")

FIRST, LARGEST = 1 << 16, 2 << 20  # bytes of the pieces that the header is read in


@dataclass(frozen=True)
class Row:
    """A tensor as the header states it; `offset` is that of its first byte in the file."""

    name: str
    kind: GGMLQuantizationType
    shape: tuple[int, ...]
    offset: int

    @property
    def nbytes(self) -> int:
        """Bytes in the file."""
        block, width = GGML_QUANT_SIZES[self.kind]
        return math.prod(self.shape) // block * width


@dataclass(frozen=True)
class Header:
    """The metadata by their keys, and the tensors.

    Long texts and arrays, of which the vocabulary consists, are None among the facts.
    """

    facts: dict[str, Any]
    rows: tuple[Row, ...]


class Cursor:
    """Walks over the head of a file, holding one piece of it at a time.

    Every method raises BrokenFile at the end of the file or of the longest header.
    """

    def __init__(self, blob: Blob) -> None:
        self.blob = blob
        self.size = blob.size
        self.position = 0
        self.piece = b""
        self.start = 0  # of the piece in the file
        self.length = FIRST  # bytes of the next piece

    def broken(self, reason: str) -> BrokenFile:
        """Return the error for this file."""
        return BrokenFile(path=self.blob.label, reason=reason)

    def reach(self, count: int) -> int:
        """Have the next `count` bytes in the piece; returns where in it they begin."""
        end = self.position + count
        if end > min(self.size, LIMIT):
            within = "it" if self.size < LIMIT else f"{LIMIT:,} bytes"
            raise self.broken(f"its header does not end within {within}")
        if end > self.start + len(self.piece):
            left = self.size - self.position
            self.piece = read_bytes(self.blob, self.position, min(max(count, self.length), left))
            self.start = self.position
            self.length = min(2 * self.length, LARGEST)
        return self.position - self.start

    def skip(self, count: int) -> None:
        """Pass over bytes."""
        self.position += count
        self.reach(0)

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        begin = self.reach(count)
        self.position += count
        return self.piece[begin : begin + count]

    def number(self, code: str) -> Any:
        """Return a number, by its code in the struct module."""
        raw = self.take(struct.calcsize("<" + code))
        return struct.unpack("<" + code, raw)[0]

    def text(self) -> str | None:
        """Return a string, or None where it is a long one."""
        length = self.number("Q")
        if length > NAME:
            self.skip(length)
            return None
        return self.take(length).decode(errors="replace")

    def name(self) -> str:
        """Return a string that must be short."""
        text = self.text()
        if text is None:
            raise self.broken(f"a name in its header is longer than {NAME:,} bytes")
        return text

    def value(self) -> Any:
        """Return a fact of any type, which stands before it."""
        kind = self.number("I")
        if kind == TEXT:
            return self.text()
        if kind == ARRAY:
            item_kind = self.number("I")
            count = self.number("Q")
            return self.array(item_kind, count)
        return self.number(self.code(kind))

    def code(self, kind: int) -> str:
        """Return the struct module's code for a type of number."""
        if kind not in SCALARS:
            raise self.broken(f"its header holds a value of the unknown type {kind}")
        return SCALARS[kind]

    def array(self, kind: int, count: int) -> np.ndarray | None:
        """Return `count` numbers, or None where they are texts or more than a model has layers.

        Arrays of arrays, which nobody writes, are refused.
        """
        if kind == TEXT:
            self.skip_texts(count)
            return None
        code = self.code(kind)
        nbytes = count * struct.calcsize("<" + code)
        if count > LAYERS:
            self.skip(nbytes)
            return None
        return np.frombuffer(self.take(nbytes), "<" + code)

    def skip_texts(self, count: int) -> None:
        """Pass over strings; a vocabulary has hundreds of thousands, hence no call for each."""
        if count > TEXTS:
            raise self.broken(f"its header claims {count:,} strings, more than any vocabulary has")
        while count:
            at = self.reach(LENGTH.size)
            last = len(self.piece) - LENGTH.size
            while count and at <= last:
                at += LENGTH.size + LENGTH.unpack_from(self.piece, at)[0]
                count -= 1
            self.position = self.start + at
        self.skip(0)


def read_header(blob: Blob) -> Header:
    """Parse and check the whole header.

    Raises:
        BrokenFile: It contradicts itself or the file.
        FormatNotRead: It is a GGUF file of another version or byte order.
    """
    cursor = Cursor(blob)
    if cursor.take(len(MAGIC)) != MAGIC:
        raise cursor.broken("it does not begin as a GGUF file does")
    check_version(blob, cursor.number("I"))

    tensors = cursor.number("Q")
    keys = cursor.number("Q")
    if tensors > TENSORS or keys > KEYS:
        raise cursor.broken(
            f"it claims {tensors:,} tensors and {keys:,} facts, more than any model has"
        )

    facts: dict[str, Any] = {}
    names = []
    for _ in range(keys):
        name = cursor.name()
        names.append(name)
        facts[name] = cursor.value()
    check_distinct(cursor, names)

    rows = [read_row(cursor) for _ in range(tensors)]
    check_distinct(cursor, [row.name for row in rows])

    alignment = facts.get("general.alignment", DEFAULT_ALIGNMENT)
    return Header(facts, placed(cursor, rows, alignment))


def check_version(blob: Blob, version: int) -> None:
    """Raise FormatNotRead for a version that is written otherwise."""
    if version in VERSIONS:
        return
    kind = f"GGUF of version {version}"
    # Versions are small: one whose low bytes are zero was written the other way round.
    if version & 0xFFFF == 0 < version:
        kind = "a big-endian GGUF file"
    remedy = "convert the model again with a present llama.cpp"
    raise FormatNotRead(path=blob.label, format=kind, remedy=remedy)


def check_distinct(cursor: Cursor, names: Iterable[str]) -> None:
    """Raise BrokenFile where a name stands twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise cursor.broken(f"its header names {name!r} twice")
        seen.add(name)


def read_row(cursor: Cursor) -> Row:
    """Return one tensor; its offset still counts from the end of the header. Raises BrokenFile."""
    name = cursor.name()
    dimensions = cursor.number("I")
    if not 0 < dimensions <= DIMENSIONS:
        raise cursor.broken(f"its header gives {name!r} {dimensions:,} dimensions")
    sizes = struct.unpack(f"<{dimensions}Q", cursor.take(8 * dimensions))
    shape = sizes[::-1]  # the file has the inner one first
    number = cursor.number("I")
    offset = cursor.number("Q")
    if number not in GGML_QUANT_SIZES:
        raise cursor.broken(f"its header gives {name!r} the unknown type {number}")
    kind = GGMLQuantizationType(number)
    block, _ = GGML_QUANT_SIZES[kind]
    if 0 in shape or shape[-1] % block:
        raise cursor.broken(f"its header gives {name!r} a shape that {kind.name} cannot have")
    return Row(name, kind, shape, offset)


def placed(cursor: Cursor, rows: list[Row], alignment: Any) -> tuple[Row, ...]:
    """Return the rows with their offsets in the file.

    Raises BrokenFile where they do not lie in it, aligned and apart.
    """
    if type(alignment) is not int or not 0 < alignment <= ALIGNMENT:
        raise cursor.broken(f"its alignment is {alignment!r}")
    start = -(-cursor.position // alignment) * alignment
    in_file = [replace(row, offset=start + row.offset) for row in rows]
    position = start
    for row in sorted(in_file, key=attrgetter("offset")):
        if row.offset < position or (row.offset - start) % alignment:
            raise cursor.broken(f"its tensor {row.name!r} lies on another one, or askew")
        position = row.offset + row.nbytes
    if position > cursor.size and rows:
        raise cursor.broken(
            f"its header describes {position:,} bytes, the file has {cursor.size:,}"
        )
    return tuple(in_file)
