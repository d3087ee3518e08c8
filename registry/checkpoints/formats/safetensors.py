"""Safetensors files: the header is checked whole before any tensor is read.

Our own, beside the safetensors library, which maps a local file into memory and hides byte offsets:
mapped pages count as resident memory, and the offsets let one tensor be read at a time from
anywhere. A file may be hostile, so that every number is checked against its size. Layout: "Format"
in the library's README.
"""

import json
import math
from operator import attrgetter
from typing import Any, NamedTuple

from registry.checkpoints import dtypes
from registry.checkpoints.blob import Blob, Pieces, Span, read_bytes
from registry.checkpoints.dtypes import DType
from registry.checkpoints.limits import limit
from registry.checkpoints.tensors import Entry
from registry.errors import BrokenFile, QuantisedWeights

LENGTH = 8  # bytes of the header's own length, at the start of the file
HEADER_LIMIT = limit("safetensors-header")
MOST_DIMENSIONS = limit("dimensions")

DTYPES = {
    "F64": dtypes.F64,
    "F32": dtypes.F32,
    "F16": dtypes.F16,
    "BF16": dtypes.BF16,
    "F8_E4M3": dtypes.F8_E4M3,
    "F8_E5M2": dtypes.F8_E5M2,
    "F8_E4M3FNUZ": dtypes.F8_E4M3FNUZ,
    "F8_E5M2FNUZ": dtypes.F8_E5M2FNUZ,
    "F8_E8M0": dtypes.F8_E8M0,
    "I64": dtypes.I64,
    "I32": dtypes.I32,
    "I16": dtypes.I16,
    "I8": dtypes.I8,
    "U64": dtypes.U64,
    "U32": dtypes.U32,
    "U16": dtypes.U16,
    "U8": dtypes.U8,
    "BOOL": dtypes.BOOL,
    "C64": dtypes.C64,
}


# Types that the format knows and torch does not: numbers across bytes.
UNREAD = ("F6_E2M3", "F6_E3M2")
PAIRS = "F4"


class Header(NamedTuple):
    """The rows of a header by the tensors' names; all tensors lie from byte `begin` to `end`."""

    rows: dict[str, Any]
    begin: int
    end: int


class Row(NamedTuple):
    """A tensor as its row states it; begin and end count in bytes from the end of the header."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    begin: int
    end: int


def read_safetensors(blob: Blob) -> list[Entry]:
    """Index one file. Raises BrokenFile where header and file do not fit each other."""
    header = read_header(blob)
    rows = []
    for name, content in header.rows.items():
        if name != "__metadata__":
            rows.append(read_row(blob, name, content))
    check_layout(blob, rows, header.end - header.begin)
    entries = []
    for row in rows:
        read_as = dtypes.U8 if row.dtype is dtypes.F4_PAIRS else row.dtype
        span = Span(blob, header.begin + row.begin, read_as, row.shape)
        pieces = Pieces(span.read, span.piece)
        entry = Entry(row.name, row.dtype, row.shape, pieces.read, head=span.head, pieces=pieces)
        entries.append(entry)
    return entries


def read_header(blob: Blob) -> Header:
    """Return the parsed header. Raises BrokenFile where it is longer than the file, or no table."""
    size = blob.size
    length = 0
    if size >= LENGTH:
        length = int.from_bytes(read_bytes(blob, 0, LENGTH), "little")

    if size < LENGTH + length:
        raise BrokenFile(path=blob.label, reason="it is shorter than its header claims")
    if length > HEADER_LIMIT:
        reason = f"its header of {length:,} bytes is longer than any model needs"
        raise BrokenFile(path=blob.label, reason=reason)

    text = read_bytes(blob, LENGTH, length)
    try:
        rows = json.loads(text, object_pairs_hook=distinct)
    except (ValueError, RecursionError) as exc:
        raise BrokenFile(path=blob.label, reason=f"its header is not JSON: {exc}") from exc
    if not isinstance(rows, dict):
        raise BrokenFile(path=blob.label, reason="its header is not a table of tensors")
    return Header(rows, LENGTH + length, size)


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object. Raises ValueError where it names one thing twice."""
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a name stands in it twice")
    return table


def read_row(blob: Blob, name: str, content: Any) -> Row:
    """Return one tensor as its header row states it.

    Numbers of half a byte count in pairs, along the last axis. Raises BrokenFile where the row is
    malformed, or its shape and bytes contradict each other; QuantisedWeights for a type of numbers
    that torch does not have.
    """
    try:
        kind = content["dtype"]
        if kind in UNREAD:
            raise QuantisedWeights(tensor=name, dtype=kind)
        dtype = dtypes.F4_PAIRS if kind == PAIRS else DTYPES[kind]
        shape = tuple(content["shape"])
        begin, end = content["data_offsets"]
    except (KeyError, TypeError, ValueError) as exc:
        reason = f"the header's row for {name!r} is malformed or of an unknown type"
        raise BrokenFile(path=blob.label, reason=reason) from exc
    for number in (*shape, begin, end):
        if type(number) is not int or number < 0:  # a bool is an int
            reason = f"the header's row for {name!r} holds a number that is none"
            raise BrokenFile(path=blob.label, reason=reason)
    if len(shape) > MOST_DIMENSIONS:
        reason = f"the header gives {name!r} {len(shape):,} dimensions"
        raise BrokenFile(path=blob.label, reason=reason)
    if kind == PAIRS:
        if not shape or shape[-1] % 2:
            reason = f"the header gives {name!r} a shape that pairs of numbers cannot have"
            raise BrokenFile(path=blob.label, reason=reason)
        shape = (*shape[:-1], shape[-1] // 2)
    if end - begin != math.prod(shape) * dtype.itemsize:
        reason = f"the header gives {name!r} a shape that its bytes do not have"
        raise BrokenFile(path=blob.label, reason=reason)
    return Row(name, dtype, shape, begin, end)


def check_layout(blob: Blob, rows: list[Row], size: int) -> None:
    """Raise BrokenFile unless tensors fill `size` bytes without gap or overlap."""
    position = 0
    for row in sorted(rows, key=attrgetter("begin", "end")):
        if row.begin != position:
            raise BrokenFile(path=blob.label, reason="its header's offsets overlap or leave gaps")
        position = row.end
    if position != size:
        reason = f"its header describes {position:,} bytes of tensors, the file has {size:,}"
        raise BrokenFile(path=blob.label, reason=reason)
