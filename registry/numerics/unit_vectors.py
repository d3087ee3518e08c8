"""Vectors of length 1."""

import numpy as np


def unit(values: np.ndarray) -> np.ndarray:
    """Scaled to length 1, and rounded to what half precision holds; zeros, and what has no length, become zeros."""
    length = float(np.linalg.norm(values))
    scaled = values / length if 0 < length < np.inf else np.zeros_like(values)
    return scaled.astype(np.float16).astype(np.float64)
