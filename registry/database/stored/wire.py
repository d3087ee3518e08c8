"""Arrays as Postgres sends them in binary, read without a loop."""

from typing import Any

import numpy as np

HEAD = 20  # bytes of an array of one dimension before its numbers
SIZE = 4  # bytes before each number, which say how many its own are
WORD = 4
SINGLE, DOUBLE, INTEGER = ">f4", ">f8", ">i4"
"""Types of numbers, as numpy writes them."""


def numbers(sent: bytes | None, form: str) -> np.ndarray:
    """Return the numbers of an array in Postgres' binary form, none of them NULL.

    20 bytes about the array, then every number after its size. None, and an empty array, have none.
    """
    entry = np.dtype([("size", ">i4"), ("value", form)])
    values = sent or b""
    whole: np.ndarray = np.frombuffer(values, entry, offset=min(HEAD, len(values)))["value"]
    return whole.astype(np.dtype(form).newbyteorder("="))


def rows_of_numbers(sent: bytes | None, count: int, form: str) -> np.ndarray:
    """Return arrays of `count` numbers each, one after the other: n x count."""
    entry = np.dtype([("size", ">i4"), ("value", form)])
    row = np.dtype([("head", f"V{HEAD}"), ("entries", entry, count)])
    whole: np.ndarray = np.frombuffer(sent or b"", row)["entries"]["value"]
    return whole.astype(np.dtype(form).newbyteorder("="))


def rows_by_count(sent: bytes | None, counts: np.ndarray) -> dict[int, np.ndarray]:
    """Return arrays of single precision, one after the other, by how many numbers they have.

    Args:
        counts: How many each has; 0 of one that was not sent.

    Returns:
        By count, k x count, float64, in the order in which they were sent.
    """
    words = np.frombuffer(sent or b"", SINGLE)
    entry = (SIZE + WORD) // WORD
    lengths = np.where(counts > 0, HEAD // WORD + entry * counts, 0)
    starts = np.cumsum(lengths) - lengths
    rows = {}
    for count in np.unique(counts[counts > 0]).tolist():
        first = starts[counts == count] + HEAD // WORD + 1
        rows[count] = words[first[:, None] + entry * np.arange(count)].astype(float)
    return rows


def halves(sent: bytes | None) -> Any:
    """Return the numbers of a halfvec in binary: a count, two empty bytes, big-endian halves."""
    return None if sent is None else np.frombuffer(sent, ">f2", offset=4).astype(float)


def rectangle(sent: bytes | None, width: int = 256) -> np.ndarray:
    """Return the numbers of n halfvecs in binary, one after the other: n x width, float64."""
    return np.frombuffer(sent or b"", ">f2").reshape(-1, width + 2)[:, 2:].astype(float)
