"""Normalised spectra in two groups."""

import numpy as np


def spectra(seed: int, n: int, d: int = 16) -> np.ndarray:
    """Unit vectors that look like spectra: falling, of two or three shapes, overlapping."""
    draw = np.random.default_rng(seed)
    decay = draw.choice([0.1, 0.25, 0.6], n) + draw.normal(0, 0.15, n)
    rows = np.exp(-np.outer(decay, np.sqrt(np.arange(d)))) * (1 + draw.normal(0, 0.03, (n, d)))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
