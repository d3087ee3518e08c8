"""Columns of Arrow as COPY takes them in binary, a column at a time without a loop over rows.

A field is its length and its bytes, a null the length -1; rows are joined fields. That is 50 times
as fast as writing row by row, and the same bytes for the same values, so that digests are over it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
EPOCH = 946_684_800_000_000  # microseconds from 1970 to 2000, where Postgres' time begins
OIDS = {"double[]": 701, "real[]": 700, "smallint[]": 21, "integer[]": 23, "bigint[]": 20}
NUMBERS = {
    "integer": ">i4",
    "bigint": ">i8",
    "double": ">f8",
    "timestamptz": ">i8",
    "boolean": ">i1",
    "double[]": ">f8",
    "real[]": ">f4",
    "smallint[]": ">i2",
    "integer[]": ">i4",
    "bigint[]": ">i8",
}
TEXT_OID = 25


def rows_of(columns: Sequence[tuple[pa.Array, str]]) -> pa.BinaryArray:
    """Return the rows of some columns, each with its type in Postgres, as COPY takes them.

    Without the count of fields that COPY wants before each.
    """
    joined = [FIELDS.get(kind, number_fields)(array, kind) for array, kind in columns]
    return pc.binary_join_element_wise(*joined, b"")


def with_keys(rows: pa.BinaryArray, keys: Sequence[np.ndarray], count: int) -> bytes:
    """Return rows with what COPY wants before each: the count of all fields, and keys.

    Args:
        rows: Without the keys.
        keys: Integers, the first fields of every row: int32 or int64.
        count: Fields of a row, the keys among them.
    """
    if not len(rows):
        return b""
    head: list[tuple[str, Any]] = [("count", ">i2")]
    for place, key in enumerate(keys):
        head += [(f"size{place}", ">i4"), (f"key{place}", key.dtype.newbyteorder(">"))]
    heads = np.empty(len(rows), head)
    heads["count"] = count
    for place, key in enumerate(keys):
        heads[f"size{place}"] = key.dtype.itemsize
        heads[f"key{place}"] = key
    whole = pc.binary_join_element_wise(fixed(heads), rows, b"")
    return memoryview(whole.buffers()[2])[span(whole)]  # type: ignore[return-value]  # bytes


def span(array: pa.BinaryArray) -> slice:
    """Return where the values of an array lie in its buffer."""
    ends = offsets(array)
    return slice(int(ends[0]), int(ends[-1]))


def offsets(array: Any) -> np.ndarray:
    """Return where each value of an array of text, bytes or lists begins, and the end."""
    whole = np.frombuffer(array.buffers()[1] or bytes(4), np.int32)
    return whole[array.offset : array.offset + len(array) + 1]


def fixed(records: np.ndarray) -> pa.BinaryArray:
    """Return records of one size as binary values."""
    size = records.dtype.itemsize
    ends = np.arange(len(records) + 1, dtype=np.int32) * np.int32(size)
    return binary(ends, records)


def binary(ends: np.ndarray, content: np.ndarray) -> pa.BinaryArray:
    """Return binary values, from where each begins and the end, and their bytes."""
    ends = np.ascontiguousarray(ends, np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(content))]
    return pa.BinaryArray.from_buffers(pa.binary(), len(ends) - 1, buffers)


def sized(*pieces: pa.Array, sizes: np.ndarray, nulls: pa.Array) -> pa.BinaryArray:
    """Return fields, each from its pieces, which have these bytes together."""
    length = fixed(sizes.astype(">i4"))
    whole = pc.binary_join_element_wise(length, *pieces, b"")
    if not nulls.null_count:
        return whole
    return pc.if_else(pc.is_null(nulls), pa.scalar(NULL, pa.binary()), whole)


def number_fields(array: pa.Array, kind: str) -> pa.BinaryArray:
    """Return the fields of numbers, truth values or times."""
    number = np.dtype(NUMBERS[kind])
    values = numbers(array, kind)
    records = np.empty(len(array), [("size", ">i4"), ("value", number)])
    records["size"] = number.itemsize
    records["value"] = values
    whole = fixed(records)
    if not array.null_count:
        return whole
    return pc.if_else(pc.is_null(array), pa.scalar(NULL, pa.binary()), whole)


def numbers(array: pa.Array, kind: str) -> np.ndarray:
    """Return a column's numbers, 0 for a null."""
    if kind == "timestamptz":
        array = array.cast(pa.int64())
    if kind == "boolean":
        array = array.cast(pa.int8())
    filled = array.fill_null(0) if array.null_count else array
    values = filled.to_numpy(zero_copy_only=False)
    return np.asarray(values - EPOCH if kind == "timestamptz" else values)


def text_fields(array: pa.Array, kind: str) -> pa.BinaryArray:
    """Return the fields of texts or JSON documents; the latter begin with their version, 1."""
    content = array.cast(pa.binary()).fill_null(b"")
    sizes = np.diff(offsets(content))
    if kind == "jsonb":
        version = fixed(np.ones(len(array), np.int8))
        return sized(version, content, sizes=sizes + 1, nulls=array)
    return sized(content, sizes=sizes, nulls=array)


def array_fields(array: pa.Array, kind: str) -> pa.BinaryArray:
    """Return the fields of arrays of numbers."""
    ends, values = flat(array)
    return element_fields(ends, values.to_numpy(zero_copy_only=False), kind, array)


def real_fields(array: pa.Array, kind: str) -> pa.BinaryArray:
    """Return the fields of arrays of floats, which the file holds as bytes."""
    content = array.fill_null(b"")
    values = np.frombuffer(content.buffers()[2] or b"", np.uint8)[span(content)].view("<f4")
    ends = (offsets(content) - offsets(content)[0]) // 4
    return element_fields(ends, values, kind, array)


def element_fields(
    ends: np.ndarray, values: np.ndarray, kind: str, nulls: pa.Array
) -> pa.BinaryArray:
    """Return the fields of arrays of numbers, from where each begins among all numbers."""
    number = np.dtype(NUMBERS[kind])
    elements = np.empty(len(values), [("size", ">i4"), ("value", number)])
    elements["size"] = number.itemsize
    elements["value"] = values
    content = binary(ends * elements.dtype.itemsize, elements)
    return headed(content, np.diff(ends), OIDS[kind], nulls)


def text_array_fields(array: pa.Array, kind: str) -> pa.BinaryArray:
    """Return the fields of arrays of texts."""
    ends, values = flat(array)
    elements = text_fields(values, kind)
    content = binary(offsets(elements)[ends], np.frombuffer(elements.buffers()[2] or b"", np.uint8))
    return headed(content, np.diff(ends), TEXT_OID, array)


def headed(
    content: pa.BinaryArray, counts: np.ndarray, oid: int, nulls: pa.Array
) -> pa.BinaryArray:
    """Return the fields of arrays, whose elements are given: an empty array has no dimension."""
    form = [
        ("dimensions", ">i4"),
        ("nulls", ">i4"),
        ("type", ">i4"),
        ("count", ">i4"),
        ("low", ">i4"),
    ]
    heads = np.zeros(len(counts), form)
    heads["dimensions"] = counts > 0
    heads["type"] = oid
    heads["count"] = counts
    heads["low"] = 1
    lengths = np.where(counts > 0, heads.dtype.itemsize, 12)
    head = fixed(heads)
    if (counts == 0).any():
        head = pc.if_else(pa.array(counts == 0), pc.binary_slice(head, 0, 12), head)
    sizes = lengths + np.diff(offsets(content))
    return sized(head, content, sizes=sizes, nulls=nulls)


def flat(array: pa.ListArray) -> tuple[np.ndarray, pa.Array]:
    """Return where each list begins among all elements, and these; a null is an empty list."""
    counts = pc.list_value_length(array).fill_null(0).to_numpy()
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return ends, array.flatten()  # leaves out what lies beneath a null


def half_fields(array: pa.Array, kind: str) -> pa.BinaryArray:  # noqa: ARG001  # as its likes
    """Return the fields of halfvecs: a count, two empty bytes, big-endian halves."""
    content = array.fill_null(b"")
    begin = offsets(content)[0]
    values = np.frombuffer(content.buffers()[2] or b"", np.uint8)[span(content)].view("<u2")
    swapped = binary(offsets(content) - begin, values.byteswap())
    sizes = np.diff(offsets(content))
    heads = np.zeros(len(array), [("count", ">u2"), ("empty", ">u2")])
    heads["count"] = sizes // 2
    return sized(fixed(heads), swapped, sizes=sizes + 4, nulls=array)


FIELDS: dict[str, Callable[[pa.Array, str], pa.BinaryArray]] = {
    "text": text_fields,
    "jsonb": text_fields,
    "halfvec": half_fields,
    "real[]": real_fields,
    "text[]": text_array_fields,
    **dict.fromkeys(("double[]", "smallint[]", "integer[]", "bigint[]"), array_fields),
}
