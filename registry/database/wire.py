"""Arrays as Postgres sends them in binary, read without a loop."""

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


def halves(sent: bytes | None) -> Any:
    """Return the numbers of a halfvec in binary: a count, two empty bytes, big-endian halves."""
    return None if sent is None else np.frombuffer(sent, ">f2", offset=4).astype(float)


def rectangle(sent: bytes) -> np.ndarray:
    """Return the numbers of n halfvecs of 256 in binary, one after the other: n x 256, float64."""
    return np.frombuffer(sent, ">f2").reshape(-1, 258)[:, 2:].astype(float)
