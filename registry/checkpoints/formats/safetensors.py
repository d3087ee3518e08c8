"""Safetensors files: the header is checked whole before any tensor is read.

The safetensors library maps the file into memory and hides byte offsets. Both matter here: mapped pages count as
resident memory, and the offsets are what lets one tensor be read at a time from anywhere.
"""

import json
import math
from typing import Any

from registry.checkpoints import dtypes
from registry.checkpoints.blob import Blob, Span, read_bytes
from registry.checkpoints.dtypes import DType
from registry.checkpoints.tensors import Entry
from registry.errors import BrokenFile

HEADER_LIMIT = 32 << 20  # bytes; 100,000 tensors need about 15 MB

DTYPES = {
    "F64": dtypes.F64,
    "F32": dtypes.F32,
    "F16": dtypes.F16,
    "BF16": dtypes.BF16,
    "F8_E4M3": dtypes.F8_E4M3,
    "F8_E5M2": dtypes.F8_E5M2,
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


def read_safetensors(blob: Blob) -> list[Entry]:
    """Index one file. Raises BrokenFile where header and file do not fit each other."""
    start, header, end = read_header(blob)
    spans = [
        (name, *read_row(blob, name, row)) for name, row in header.items() if name != "__metadata__"
    ]
    check_layout(blob, [(begin, stop) for *_, begin, stop in spans], end - start)
    entries = []
    for name, dtype, shape, begin, _ in spans:
        span = Span(blob, start + begin, dtype, shape)
        entries.append(Entry(name, dtype, shape, span.read, head=span.head))
    return entries


def read_header(blob: Blob) -> tuple[int, dict[str, Any], int]:
    """The offset of the first tensor byte, the parsed header, and the file's size."""
    size = blob.size
    length = int.from_bytes(read_bytes(blob, 0, 8), "little") if size >= 8 else 0  # noqa: PLR2004
    if size < 8 or length > size - 8:  # noqa: PLR2004  # the header's own length takes 8 bytes
        raise BrokenFile(path=blob.label, reason="it is shorter than its header claims")
    if length > HEADER_LIMIT:
        raise BrokenFile(
            path=blob.label, reason=f"its header of {length:,} bytes is longer than any model needs"
        )
    text = read_bytes(blob, 8, length)
    try:
        header = json.loads(text, object_pairs_hook=distinct)
    except (ValueError, RecursionError) as exc:
        raise BrokenFile(path=blob.label, reason=f"its header is not JSON: {exc}") from exc
    if not isinstance(header, dict):
        raise BrokenFile(path=blob.label, reason="its header is not a table of tensors")
    return 8 + length, header, size


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, refused where it names one thing twice."""
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a name stands in it twice")
    return table


def read_row(blob: Blob, name: str, row: Any) -> tuple[DType, tuple[int, ...], int, int]:
    """dtype, shape, first and last byte of one tensor, as its header row states them."""
    try:
        dtype, shape, (begin, end) = DTYPES[row["dtype"]], tuple(row["shape"]), row["data_offsets"]
    except (KeyError, TypeError, ValueError) as exc:
        raise BrokenFile(
            path=blob.label,
            reason=f"the header's row for {name!r} is malformed or of an unknown type",
        ) from exc
    if not all(type(n) is int and n >= 0 for n in (*shape, begin, end)):
        raise BrokenFile(
            path=blob.label, reason=f"the header's row for {name!r} holds a number that is none"
        )
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise BrokenFile(
            path=blob.label, reason=f"the header gives {name!r} a shape that its bytes do not have"
        )
    return dtype, shape, begin, end


def check_layout(blob: Blob, spans: list[tuple[int, int]], size: int) -> None:
    """Tensors must follow each other without gap or overlap and end where the file ends."""
    position = 0
    for begin, end in sorted(spans):
        if begin != position:
            raise BrokenFile(path=blob.label, reason="its header's offsets overlap or leave gaps")
        position = end
    if position != size:
        raise BrokenFile(
            path=blob.label,
            reason=f"its header describes {position:,} bytes of tensors, the file has {size:,}",
        )
