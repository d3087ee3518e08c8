"""A proof that no singular value was missed, at the cost of a Gram matrix and a factorisation."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.linalg import eigvals_banded, ldl

from registry.numerics.gram_spectrum import gram_matrix, slack


def proven(matrix: torch.Tensor, values: Sequence[float], bounds: Sequence[float]) -> int:
    """How many of the values, falling, are proven to be the largest ones of the matrix, each within its bound.

    matrix: m x n. By Sylvester's law of inertia G - mu I = L D L^T has as many positive eigenvalues as D. Where mu lies
    just below the k-th value, and there are k of them, none of these k was missed. The bounds themselves hold of
    some singular value each, by the residual. All values are proven where the last one stands apart from the next.
    """
    gram, scale = gram_matrix(matrix)
    given, errors = np.array(values) / scale, np.array(bounds) / scale
    errors += 2 * slack(matrix, given**2)  # what rounding does to mu
    lowest, highest = given - errors, given + errors
    for k in range(len(values), 0, -1):
        apart = k == len(values) or lowest[k - 1] > highest[k]
        if apart and count_above(gram, lowest[k - 1] ** 2) == k:
            return k
    return 0


def count_above(gram: np.ndarray, mu: float) -> int:
    """How many eigenvalues of a symmetric matrix, whose lower triangle is given, exceed mu."""
    _, blocks, _ = ldl(gram - mu * np.eye(len(gram)))
    return int(
        (
            eigvals_banded(np.array([blocks.diagonal(), [*blocks.diagonal(-1), 0.0]]), lower=True)
            > 0
        ).sum()
    )
