"""What Postgres sends in binary, as columns of Arrow."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa

from registry.catalogues.columns import TYPES
from registry.catalogues.fields import EPOCH, NUMBERS

Cells = Sequence[bytes | None]
ARRAY_HEAD = 20  # bytes of an array of one dimension before its elements
HALFVEC_HEAD = 4
SIZE = 4  # bytes of an element's size


def column(cells: Cells, kind: str) -> pa.Array:
    """Return the cells of a column as Arrow holds them in a catalogue.

    Args:
        cells: As Postgres sends them in binary; None is a null.
        kind: The column's type in Postgres.
    """
    return COLUMNS.get(kind, number_column)(cells, kind)


def number_column(cells: Cells, kind: str) -> pa.Array:
    """Return numbers, truth values or times."""
    number = np.dtype(NUMBERS[kind])
    nothing = bytes(number.itemsize)
    values = np.frombuffer(b"".join(cell or nothing for cell in cells), number)
    native = values.astype(number.newbyteorder("="))
    if kind == "timestamptz":
        native = native + EPOCH
    if kind == "boolean":
        native = native.astype(bool)
    return pa.array(native, TYPES[kind], mask=nulls(cells))


def nulls(cells: Cells) -> np.ndarray:
    """Return which cells are nulls."""
    return np.fromiter((cell is None for cell in cells), bool, len(cells))


def text_column(cells: Cells, kind: str) -> pa.Array:
    """Return texts; of JSON documents what follows the version."""
    if kind == "jsonb":
        cells = [cell and cell[1:] for cell in cells]
    return pa.array(cells, pa.binary()).cast(pa.string())


def array_column(cells: Cells, kind: str) -> pa.Array:
    """Return lists of numbers."""
    content, ends = elements(cells, kind)
    values = pa.array(content.astype(content.dtype.newbyteorder("=")))
    mask = pa.array(nulls(cells)) if None in cells else None
    return pa.ListArray.from_arrays(ends, values, type=TYPES[kind], mask=mask)


def elements(cells: Cells, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the elements of arrays, all in one, and where those of each begin, and the end."""
    form = np.dtype([("size", ">i4"), ("value", NUMBERS[kind])])
    content = b"".join(cell[ARRAY_HEAD:] for cell in cells if cell)
    sizes = [max(len(cell) - ARRAY_HEAD, 0) if cell else 0 for cell in cells]
    ends = np.array([0, *accumulate(sizes)], np.int32) // form.itemsize
    return np.frombuffer(content, form)["value"], ends


def real_column(cells: Cells, kind: str) -> pa.Array:
    """Return arrays of floats as little-endian bytes."""
    content, ends = elements(cells, kind)
    return bytes_column(content.astype("<f4"), ends * 4, cells)


def half_column(cells: Cells, kind: str) -> pa.Array:  # noqa: ARG001  # as its likes
    """Return halfvecs as little-endian bytes."""
    content = b"".join(cell[HALFVEC_HEAD:] for cell in cells if cell)
    sizes = [len(cell) - HALFVEC_HEAD if cell else 0 for cell in cells]
    ends = np.array([0, *accumulate(sizes)], np.int32)
    return bytes_column(np.frombuffer(content, ">u2").astype("<u2"), ends, cells)


def bytes_column(content: np.ndarray, ends: np.ndarray, cells: Cells) -> pa.Array:
    """Return bytes, from where those of each cell begin."""
    mask: Any = None
    if None in cells:
        mask = pa.array(~nulls(cells)).buffers()[1]  # the bits of those that are there
    buffers = [mask, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(content.tobytes())]
    return pa.BinaryArray.from_buffers(pa.binary(), len(cells), buffers)


def text_array_column(cells: Cells, kind: str) -> pa.Array:
    """Return lists of texts."""
    return pa.array([None if cell is None else texts(cell) for cell in cells], TYPES[kind])


def texts(cell: bytes) -> list[str]:
    """Return the texts of one array, none of which is null."""
    values = []
    place = ARRAY_HEAD
    while place < len(cell):
        size = int.from_bytes(cell[place : place + SIZE], "big")
        place += SIZE
        values.append(cell[place : place + size].decode())
        place += size
    return values


COLUMNS: dict[str, Callable[[Cells, str], pa.Array]] = {
    "text": text_column,
    "jsonb": text_column,
    "halfvec": half_column,
    "real[]": real_column,
    "text[]": text_array_column,
    **dict.fromkeys(("double[]", "smallint[]", "integer[]", "bigint[]"), array_column),
}
