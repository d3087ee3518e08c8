"""Which of several related models explains most of a model's weights, and which do so equally.

docs/method.md, The nearest relative.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from registry.lineage.fits import ALONGSIDE, SLIGHT, Fit
from registry.lineage.mixtures import mixture_of, relative_to

# of the squared distance to the hub: what runs from one model have in common, on the same kind of
# data, brings one of them nearer to another by this much at most
DRIFT = 0.45
HUB_FIRST = 0.6  # of the same: above, the hub is named and not the nearest
DEEPER = 5.0  # times the squared distance: what another depth of the nearer candidate outweighs
NO_BETTER = 1.1  # times what a mixture leaves: a candidate that leaves less is as good
MIXED = 0.1  # of the squared distance to its nearest: a mixture of others leaves less
DISTINCT = 1e-3  # of the weights' length: candidates that differ by less are one
COPY = 0.01  # of the squared distance to the model: candidates that differ by less are one
FEWEST = 3  # models beside which a hub is told
MOST = 24  # candidates among which mixtures and the hub are looked for


@dataclass(frozen=True)
class Ranking:
    """Candidates in the order of what they explain.

    Attributes:
        order: Their places, the one to be named first, then by what they explain.
        tied: Places of those that fit as well as the first, itself included.
        hub: Places of the one that others were made from apart, and of its copies; empty where
            there are too few to tell.
    """

    order: tuple[int, ...]
    tied: frozenset[int]
    hub: frozenset[int] = frozenset()


def ranked(every: Sequence[Fit]) -> Ranking:
    """Return the order of candidates, and which fit as well as the first."""
    vectors = np.stack([each.vector for each in every])
    gram = vectors @ vectors.T
    squares = np.diag(gram)
    by_distance = np.argsort(squares, kind="stable")

    nearest = unmixed(gram, by_distance)
    first = nearest
    hub = hub_of(gram, by_distance, every[0].energy)
    reach = squares[nearest]  # squared distance up to which all are tied
    origin = [] if hub is None else copies_of(gram, hub, every[0].energy)
    if hub is not None and squares[nearest] > DRIFT * squares[hub]:
        reach = max(reach, squares[origin].max())
        if squares[nearest] > HUB_FIRST * squares[hub]:
            first = hub
    first = copies_of(gram, first, every[0].energy)[0]
    alike = of_same_depth(every, by_distance)
    is_deeper = alike is not None and not every[first].same_depth
    if alike is not None and is_deeper and squares[alike] < DEEPER * squares[first]:
        reach = max(reach, squares[alike])
        first = alike

    tied = {first, nearest}
    for place, fit in enumerate(every):
        within = squares[nearest] <= squares[place] <= reach
        beyond = squares[place] > reach
        if within or (beyond and not every[first].better_than(fit).shown):
            tied.add(place)

    places = by_distance.tolist()
    places.remove(first)
    places.sort(key=lambda place: place not in tied)
    return Ranking((first, *places), frozenset(tied), frozenset(origin))


def copies_of(gram: np.ndarray, place: int, energy: float) -> list[int]:
    """Return the places of a candidate's copies, that fit a model alike, itself among them.

    Args:
        gram: Products of (model - candidate), candidates x candidates.
        place: That of the candidate.
        energy: Of the model's weights.
    """
    squares = np.diag(gram)
    apart = squares - 2 * gram[place] + squares[place]
    limit = max(COPY * squares[place], SLIGHT * energy)
    copies: list[int] = np.flatnonzero(apart <= limit).tolist()
    return copies


def of_same_depth(every: Sequence[Fit], by_distance: np.ndarray) -> int | None:
    """Return the nearest candidate with as many layers as the model."""
    for place in by_distance:
        if every[place].same_depth:
            return int(place)
    return None


def unmixed(gram: np.ndarray, by_distance: np.ndarray) -> int:
    """Return the nearest candidate that is no mixture of others, or that is all of the model's own.

    An average of runs is nearer to another run than the model that all began from; a model made
    from an average has in it what the average has of each.

    Args:
        gram: Products of (model - candidate), candidates x candidates.
        by_distance: Places of candidates, nearest first.
    """
    near = by_distance[:MOST]
    for place in near:
        others = near[near != place]
        if not is_mixture(gram, place, others):
            return int(place)
        without = mixture_of(gram[np.ix_(others, others)]).left
        if gram[place, place] < NO_BETTER * without:
            return int(place)
    return int(by_distance[0])


def is_mixture(gram: np.ndarray, place: int, others: np.ndarray) -> bool:
    """Return whether a candidate is a mixture of others, and no copy of one of them."""
    if len(others) < FEWEST - 1:
        return False
    products = relative_to(gram, place)[np.ix_(others, others)]
    distance = float(products.diagonal().min())
    if distance < COPY * gram[place, place]:
        return False
    return mixture_of(products).left < MIXED * distance


def hub_of(gram: np.ndarray, by_distance: np.ndarray, energy: float) -> int | None:
    """Return the candidate at which others stand most nearly at right angles; None of too few.

    Models that were made from it apart have changed in directions of their own.
    """
    squares = np.diag(gram)[by_distance]
    near = by_distance[squares < ALONGSIDE * energy][:MOST]
    crowded: dict[int, float] = {}
    for place in near:
        products = relative_to(gram, place)[np.ix_(near, near)]
        lengths = np.sqrt(np.clip(products.diagonal(), 0, None))
        distinct = lengths > DISTINCT * energy**0.5
        if distinct.sum() < FEWEST:
            continue
        kept = products[np.ix_(distinct, distinct)]
        cosines = kept / np.outer(lengths[distinct], lengths[distinct])
        pairs = cosines[np.triu_indices(len(cosines), 1)]
        crowded[int(place)] = float(np.mean(pairs**2))

    for place in sorted(crowded, key=crowded.__getitem__):
        if not is_mixture(gram, place, near[near != place]):
            return place
    return None
