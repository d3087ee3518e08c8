"""Rows of one length and vectors of length 1, from numbers alone: no torch is needed here."""

from collections.abc import Sequence

import numpy as np


def unit(values: np.ndarray) -> np.ndarray:
    """Return a vector scaled to length 1 and rounded to half precision, as float64.

    A zero vector, and one whose length is not finite, becomes zeros.
    """
    length = float(np.linalg.norm(values))
    has_direction = 0 < length < np.inf
    scaled = values / length if has_direction else np.zeros_like(values)
    return scaled.astype(np.float16).astype(np.float64)


def padded(values: Sequence[Sequence[float]], rank: int, *, missing: float = 0.0) -> np.ndarray:
    """Return the first `rank` singular values of each matrix as a row: n x rank, float64.

    Args:
        missing: What stands in place of values that a matrix does not have.
    """
    rows = np.full((len(values), rank), missing)
    for row, singular_values in zip(rows, values, strict=True):
        kept = singular_values[:rank]
        row[: len(kept)] = kept
    return rows


def normalised(values: Sequence[Sequence[float]], rank: int) -> np.ndarray:
    """Return the first `rank` singular values of each matrix as a row of unit length: n x rank.

    Paper 2509.19122, section 3.1. Shorter spectra are padded with zeros; a zero row stays zero.
    """
    rows = padded(values, rank)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit_rows: np.ndarray = rows / np.where(lengths > 0, lengths, 1.0)
    return unit_rows
