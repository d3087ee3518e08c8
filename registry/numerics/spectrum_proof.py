"""A proof that no singular value was missed, at the cost of a Gram matrix and factorisations."""

from collections.abc import Sequence

import numpy as np

from registry.numerics.arrays import Values
from registry.numerics.gram_spectrum import gram_matrix, slack


def proven(matrix: Values, values: Sequence[float], bounds: Sequence[float]) -> int:
    """Return how many values, falling, are proven to be the largest ones, each within its bound.

    Args:
        matrix: m x n.

    By Sylvester's law of inertia G - mu I = L D L^T has as many positive eigenvalues as D. Where mu
    lies just below the k-th value, and there are k of them, none of these k was missed. The bounds
    themselves hold of some singular value each, by the residual. All values are proven where the
    last one stands apart from the next.
    """
    gram, scale = gram_matrix(matrix)
    sigma = np.array(values) / scale
    errors = np.array(bounds) / scale
    errors += 2 * slack(tuple(matrix.shape), sigma**2)  # what rounding does to mu

    lowest = sigma - errors
    highest = sigma + errors
    for k in range(len(sigma), 0, -1):
        separate = k == len(sigma) or lowest[k - 1] > highest[k]
        if separate and count_above(gram, lowest[k - 1] ** 2) == k:
            return k
    return 0


def count_above(gram: np.ndarray, mu: float) -> int:
    """Return how many eigenvalues of a symmetric matrix exceed mu; its lower triangle is given."""
    from scipy.linalg import eigvals_banded, ldl  # noqa: PLC0415  # not every command needs it

    shifted = gram - mu * np.eye(len(gram))
    _, blocks, _ = ldl(shifted)  # D has blocks of 1 x 1 and 2 x 2

    below_diagonal = [*blocks.diagonal(-1), 0.0]
    band = np.array([blocks.diagonal(), below_diagonal])
    eigenvalues = eigvals_banded(band, lower=True)
    return int((eigenvalues > 0).sum())
