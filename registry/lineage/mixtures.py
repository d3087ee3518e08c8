"""A model as a mixture of others: least squares under shares that are not negative and sum to one.

What is fitted are differences from the model, number by number, of sketches that are linear in the
weights.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

HEAVY = 1e3  # weight of the sum of shares against everything else
FEWEST_PARTS = 2
LEAST_SHARE = 0.05  # of a part of a mixture, below which it counts as none
MIXED = 0.1  # of what models in directions of their own leave: a mixture of others leaves less
OBTUSE = -0.15  # cosine at a mixture of two of its parts, of any number up to seven
COPIES = 6  # of a mixture, that may hide what it is made of: each explains it better
NEEDED = 3.0  # times what a mixture leaves: without a part that it needs it leaves more
NEGLIGIBLE = 1e-6  # of the squared distance of a part


class Mixture(NamedTuple):
    """Shares of each of several models, and the squared distance that they leave."""

    shares: np.ndarray
    left: float

    @property
    def parts(self) -> np.ndarray:
        """Whether each of the models is a part."""
        return self.shares > LEAST_SHARE


def mixture_of(gram: np.ndarray) -> Mixture:
    """Return the shares that leave least, for the products of (model - parent) of n parents.

    Minimises shares^T gram shares, where gram is n x n.
    """
    from scipy.optimize import nnls  # noqa: PLC0415  # only who looks for a merge pays for it

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


def at_right_angles(squares: np.ndarray) -> float:
    """Return what a mixture leaves of models in directions of their own, at squared distances.

    That much nearer to the origin is the mean of any runs that began there: no sign of a merge.
    """
    return float(1 / np.sum(1 / squares)) if squares.all() else 0.0


def relative_to(gram: np.ndarray, place: int) -> np.ndarray:
    """Return the products of (candidate - others), from those of (model - candidates).

    Args:
        gram: n x n products of the differences of a model from n candidates.
        place: Which of them takes the model's place.
    """
    row = gram[place]
    products: np.ndarray = gram - row[:, None] - row[None, :] + gram[place, place]
    return products


def with_model(gram: np.ndarray) -> np.ndarray:
    """Return the products with the model itself as the last of its candidates."""
    padded: np.ndarray = np.pad(gram, (0, 1))
    return padded


def mixed_from(products: np.ndarray, needed: int | None = None) -> Mixture | None:
    """Return the mixture that something is of n models; None where it is none.

    Copies of it may stand among the models: the nearest are set aside one by one.

    Args:
        products: Of the differences from what the mixture may be, n x n.
        needed: Place of a model that must be a part.
    """
    lengths = np.sqrt(np.clip(products.diagonal(), 1e-300, None))
    cosines = products / np.outer(lengths, lengths)
    of_needed = cosines if needed is None else cosines[needed]
    if not len(products) or of_needed.min() > OBTUSE:
        return None

    for kept in without_nearest(products.diagonal(), needed):
        mixture = mixture_of(products[np.ix_(kept, kept)])
        shares = np.zeros(len(products))
        shares[kept] = mixture.shares
        whole = Mixture(shares, mixture.left)
        is_one = whole.parts.sum() >= FEWEST_PARTS and (needed is None or whole.parts[needed])
        if is_one and whole.left < MIXED * at_right_angles(products.diagonal()[whole.parts]):
            return whole
    return None


def without_nearest(squares: np.ndarray, needed: int | None) -> Iterator[np.ndarray]:
    """Yield the places of all models, then without the nearest, and so on; the needed one stays."""
    nearest_first = [place for place in np.argsort(squares, kind="stable") if place != needed]
    fewest = FEWEST_PARTS if needed is None else FEWEST_PARTS - 1
    for copies in range(min(COPIES, len(nearest_first) - fewest) + 1):
        kept = nearest_first[copies:]
        yield np.array(kept if needed is None else [*kept, needed], int)


def mixtures_of_the_model(gram: np.ndarray, near: np.ndarray) -> frozenset[int]:
    """Return the places of candidates that are mixtures of the model and others.

    Args:
        gram: Products of (model - candidate), candidates x candidates.
        near: Places of the candidates that are looked at.
    """
    model = len(gram)
    whole = with_model(gram)
    later: set[int] = set()
    known = -1
    while known < len(later):
        known = len(later)
        for place in set(near.tolist()) - later:
            others = [other for other in near.tolist() if other != place and other not in later]
            products = relative_to(whole, place)
            if needs_the_model(products[np.ix_([*others, model], [*others, model])]):
                later.add(place)
    return frozenset(later)


def needs_the_model(products: np.ndarray) -> bool:
    """Return whether something is a mixture of models, and none without the last of them."""
    mixture = mixed_from(products, needed=len(products) - 1)
    if mixture is None:
        return False
    without = mixture_of(products[:-1, :-1]).left if len(products) > 1 else float("inf")
    return without > NEEDED * mixture.left + NEGLIGIBLE * float(products[-1, -1])
