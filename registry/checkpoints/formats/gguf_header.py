"""The header of a GGUF file: facts about the model, then a row for each tensor.

It is read in growing pieces, since the file may lie on a server and a vocabulary takes most of the header.
"""

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from registry.checkpoints.blob import Blob, read_bytes
from registry.errors import BrokenFile, FormatNotRead

MAGIC = b"GGUF"
VERSIONS = (2, 3)  # 1 had counts of 32 bits and lived for four months of 2023
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

# What no model needs more of. A header with 262,144 tokens and 514,906 merges takes 20 MB.
LIMIT = 32 << 20  # bytes of header
KEYS = 1 << 10
TENSORS = 1 << 15
DIMENSIONS = 4
NAME = 1 << 10  # bytes of a name, and of a text that is kept
TEXTS = 1 << 21  # strings of an array
LAYERS = 1 << 9  # numbers of an array that is kept
ALIGNMENT = 1 << 20

FIRST, LARGEST = 1 << 16, 2 << 20  # bytes of the pieces that the header is read in


@dataclass(frozen=True)
class Row:
    """A tensor as the header states it. `offset` is that of its first byte in the file."""

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
    """`facts` are the metadata by their keys; long texts and arrays, of which the vocabulary consists, are None."""

    facts: dict[str, Any]
    rows: tuple[Row, ...]


class Cursor:
    """Walks over the head of a file, holding one piece of it at a time. Every method raises BrokenFile at its end."""

    def __init__(self, blob: Blob) -> None:
        self.blob = blob
        self.size = blob.size
        self.position = 0
        self.piece, self.start, self.length = b"", 0, FIRST

    def broken(self, reason: str) -> BrokenFile:
        """The error for this file."""
        return BrokenFile(path=self.blob.label, reason=reason)

    def reach(self, count: int) -> int:
        """Have the next `count` bytes in the piece; returns where in it they begin."""
        if self.position + count > min(self.size, LIMIT):
            raise self.broken(
                "its header does not end within "
                + ("it" if self.size < LIMIT else f"{LIMIT:,} bytes")
            )
        if self.position + count > self.start + len(self.piece):
            self.piece = read_bytes(
                self.blob, self.position, min(max(count, self.length), self.size - self.position)
            )
            self.start, self.length = self.position, min(2 * self.length, LARGEST)
        return self.position - self.start

    def skip(self, count: int) -> None:
        """Pass over bytes."""
        self.position += count
        self.reach(0)

    def take(self, count: int) -> bytes:
        """The next bytes."""
        begin = self.reach(count)
        self.position += count
        return self.piece[begin : begin + count]

    def number(self, code: str) -> Any:
        """A number, by its code in the struct module."""
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def text(self) -> str | None:
        """A string, or None where it is a long one."""
        length = self.number("Q")
        if length > NAME:
            self.skip(length)
            return None
        return self.take(length).decode(errors="replace")

    def name(self) -> str:
        """A string that must be short."""
        text = self.text()
        if text is None:
            raise self.broken(f"a name in its header is longer than {NAME:,} bytes")
        return text

    def value(self) -> Any:
        """A fact of any type, after its type."""
        kind = self.number("I")
        if kind == TEXT:
            return self.text()
        if kind == ARRAY:
            return self.array(self.number("I"), self.number("Q"))
        return self.number(self.code(kind))

    def code(self, kind: int) -> str:
        """The struct module's code for a type of number."""
        if kind not in SCALARS:
            raise self.broken(f"its header holds a value of the unknown type {kind}")
        return SCALARS[kind]

    def array(self, kind: int, count: int) -> np.ndarray | None:
        """Numbers, where they are as few as a model has layers. Arrays of arrays, which nobody writes, are refused."""
        if kind == TEXT:
            self.skip_texts(count)
            return None
        code = self.code(kind)
        width = struct.calcsize("<" + code)
        if count > LAYERS:
            self.skip(count * width)
            return None
        return np.frombuffer(self.take(count * width), "<" + code)

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
    """Parse and check the whole header. Raises BrokenFile, and FormatNotRead for what is GGUF of another kind."""
    cursor = Cursor(blob)
    if cursor.take(len(MAGIC)) != MAGIC:
        raise cursor.broken("it does not begin as a GGUF file does")
    check_version(blob, cursor.number("I"))
    tensors, keys = cursor.number("Q"), cursor.number("Q")
    if tensors > TENSORS or keys > KEYS:
        raise cursor.broken(
            f"it claims {tensors:,} tensors and {keys:,} facts, more than any model has"
        )
    facts = distinct(cursor, [(cursor.name(), cursor.value()) for _ in range(keys)])
    rows = [read_row(cursor) for _ in range(tensors)]
    distinct(cursor, [(row.name, row) for row in rows])
    return Header(facts, placed(cursor, rows, facts.get("general.alignment", 32)))


def check_version(blob: Blob, version: int) -> None:
    """Refuse by name what is written otherwise."""
    if version in VERSIONS:
        return
    # Versions are small: one whose low bytes are zero was written the other way round.
    kind = (
        "a big-endian GGUF file"
        if version & 0xFFFF == 0 < version
        else f"GGUF of version {version}"
    )
    raise FormatNotRead(
        path=blob.label, format=kind, remedy="convert the model again with a present llama.cpp"
    )


def distinct(cursor: Cursor, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs as a table, refused where a name stands in it twice."""
    table: dict[str, Any] = {}
    for name, value in pairs:
        if name in table:
            raise cursor.broken(f"its header names {name!r} twice")
        table[name] = value
    return table


def read_row(cursor: Cursor) -> Row:
    """One tensor; its offset still counts from the end of the header."""
    name, dimensions = cursor.name(), cursor.number("I")
    if not 0 < dimensions <= DIMENSIONS:
        raise cursor.broken(f"its header gives {name!r} {dimensions:,} dimensions")
    shape = struct.unpack(f"<{dimensions}Q", cursor.take(8 * dimensions))[
        ::-1
    ]  # the file has the inner one first
    kind, offset = cursor.number("I"), cursor.number("Q")
    if kind not in GGML_QUANT_SIZES:
        raise cursor.broken(f"its header gives {name!r} the unknown type {kind}")
    row = Row(name, GGMLQuantizationType(kind), shape, offset)
    if 0 in shape or shape[-1] % GGML_QUANT_SIZES[row.kind][0]:
        raise cursor.broken(f"its header gives {name!r} a shape that {row.kind.name} cannot have")
    return row


def placed(cursor: Cursor, rows: list[Row], alignment: Any) -> tuple[Row, ...]:
    """The rows with offsets within the file, checked to lie in it, aligned and apart."""
    if type(alignment) is not int or not 0 < alignment <= ALIGNMENT:
        raise cursor.broken(f"its alignment is {alignment!r}")
    start = -(-cursor.position // alignment) * alignment
    position = start
    found = [Row(row.name, row.kind, row.shape, start + row.offset) for row in rows]
    for row in sorted(found, key=lambda row: row.offset):
        if row.offset < position or (row.offset - start) % alignment:
            raise cursor.broken(f"its tensor {row.name!r} lies on another one, or askew")
        position = row.offset + row.nbytes
    if position > cursor.size and rows:
        raise cursor.broken(
            f"its header describes {position:,} bytes, the file has {cursor.size:,}"
        )
    return tuple(found)
