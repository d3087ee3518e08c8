"""Arrays as Postgres sends them in binary, read without a loop."""

from collections.abc import Sequence
from typing import Any

import numpy as np

HEAD = 20  # bytes of an array of one dimension before its numbers


def numbers(sent: bytes | None, size: int) -> Any:
    """Return the numbers of an array in Postgres' binary form.

    20 bytes about the array, then every number after its size.
    """
    if sent is None:
        return None
    form = np.dtype([("size", ">i4"), ("value", f">f{size}")])
    return np.frombuffer(sent, form, offset=min(HEAD, len(sent)))["value"].astype(float)


def all_numbers(sent: Sequence[bytes | None], size: int) -> list[Any]:
    """Return the numbers of many arrays, as `numbers` does, in one go where all are of one length.

    Args:
        sent: Arrays in Postgres' binary form; None stays None.
        size: Bytes of a number.
    """
    lengths = {-1 if array is None else len(array) for array in sent}
    if len(lengths) != 1 or min(lengths) <= HEAD:
        return [numbers(array, size) for array in sent]
    count = (min(lengths) - HEAD) // (4 + size)
    entry = np.dtype([("size", ">i4"), ("value", f">f{size}")])
    form = np.dtype([("head", f"V{HEAD}"), ("entries", entry, count)])
    together = np.frombuffer(b"".join(array for array in sent if array is not None), form)
    return list(together["entries"]["value"].astype(float))


def halves(sent: bytes | None) -> Any:
    """Return the numbers of a halfvec in binary: a count, two empty bytes, big-endian halves."""
    return None if sent is None else np.frombuffer(sent, ">f2", offset=4).astype(float)


def rectangle(sent: bytes) -> np.ndarray:
    """Return the numbers of n halfvecs of 256 in binary, one after the other: n x 256, float64."""
    return np.frombuffer(sent, ">f2").reshape(-1, 258)[:, 2:].astype(float)
