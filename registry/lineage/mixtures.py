"""A model as a mixture of others: least squares under shares that are not negative and sum to one.

What is fitted are differences from the model, number by number, of sketches that are linear in the
weights.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

HEAVY = 1e3  # weight of the sum of shares against everything else


class Mixture(NamedTuple):
    """Shares of each of several models, and the squared distance that they leave."""

    shares: np.ndarray
    left: float


def mixture_of(gram: np.ndarray) -> Mixture:
    """Return the shares that leave least, for the products of (model - parent) of n parents.

    Minimises shares^T gram shares, where gram is n x n.
    """
    values, vectors = np.linalg.eigh(gram)
    roots = np.sqrt(np.clip(values, 0, None))
    factor = roots[:, None] * vectors.T
    scale = HEAVY * (float(roots.max(initial=0.0)) or 1.0)

    system = np.vstack([factor, np.full((1, len(gram)), scale)])
    target = np.zeros(len(system))
    target[-1] = scale
    shares, _ = nnls(system, target, maxiter=30 * len(gram))
    total = float(shares.sum())
    if not total:
        return Mixture(shares, float("inf"))
    shares = shares / total
    return Mixture(shares, max(0.0, float(shares @ gram @ shares)))


def relative_to(gram: np.ndarray, place: int) -> np.ndarray:
    """Return the products of (candidate - others), from those of (model - candidates).

    Args:
        gram: n x n products of the differences of a model from n candidates.
        place: Which of them takes the model's place.
    """
    row = gram[place]
    products: np.ndarray = gram - row[:, None] - row[None, :] + gram[place, place]
    return products
