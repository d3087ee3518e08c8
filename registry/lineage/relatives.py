"""Which of several related models explains most of a model's weights, and which do so equally.

docs/method.md, The nearest relative.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from registry.lineage.fits import ALONGSIDE, SLIGHT, Fit
from registry.lineage.mixtures import mixed_from, mixture_of, relative_to

# of the squared distance to the hub: what runs from one model have in common, on the same kind of
# data, brings one of them nearer to another by this much at most
DRIFT = 0.45
HUB_FIRST = 0.6  # of the same: above, the hub is named and not the nearest
DEEPER = 5.0  # times the squared distance: what another depth of the nearer candidate outweighs
NO_BETTER = 1.1  # times what a mixture leaves: a candidate that leaves less is as good
DISTINCT = 1e-3  # of the weights' length: candidates that differ by less are one
COPY = 0.01  # of the squared distance to the model: candidates that differ by less are one
FEWEST = 3  # models beside which a hub is told
MOST = 48  # candidates among which mixtures and the hub are looked for


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


def ranked(every: Sequence[Fit], later: Collection[int] = ()) -> Ranking:
    """Return the order of candidates, and which fit as well as the first.

    Args:
        every: What each candidate explains.
        later: Places of those that come from the model: named only where there are no others.
    """
    gram = products_of(every)
    squares = np.diag(gram)
    by_distance = np.argsort(squares, kind="stable")
    earlier = np.array([place for place in by_distance if place not in later], int)
    if not len(earlier):
        earlier = by_distance

    nearest = unmixed(gram, earlier)
    first = nearest
    hub = hub_of(gram, earlier, every[0].length)
    reach = squares[nearest]  # squared distance up to which all are tied
    origin = [] if hub is None else copies_of(gram, hub, earlier, every[0].length)
    if hub is not None and squares[nearest] > DRIFT * squares[hub]:
        reach = max(reach, squares[origin].max())
        if squares[nearest] > HUB_FIRST * squares[hub]:
            first = hub
    first = copies_of(gram, first, earlier, every[0].length)[0]
    alike = of_same_depth(every, earlier)
    is_deeper = alike is not None and not every[first].same_depth
    if alike is not None and is_deeper and squares[alike] < DEEPER * squares[first]:
        reach = max(reach, squares[alike])
        first = alike

    tied = {first, nearest}
    for place in earlier.tolist():
        if squares[place] < squares[nearest]:
            continue
        if squares[place] > reach and every[first].better_than(every[place]).shown:
            break
        tied.add(place)

    places = by_distance.tolist()
    places.remove(first)
    places.sort(key=lambda place: place not in tied)
    return Ranking((first, *places), frozenset(tied), frozenset(origin))


def products_of(every: Sequence[Fit]) -> np.ndarray:
    """Return the products of (model - candidate), candidates x candidates."""
    vectors = np.stack([fit.vector for fit in every])
    gram: np.ndarray = vectors @ vectors.T
    return gram


def copies_of(gram: np.ndarray, place: int, among: np.ndarray, energy: float) -> list[int]:
    """Return the places of a candidate's copies, that fit a model alike, itself among them.

    Args:
        gram: Products of (model - candidate), candidates x candidates.
        place: That of the candidate.
        among: Places of those that are looked at.
        energy: Of the model's weights.
    """
    squares = np.diag(gram)
    apart = squares - 2 * gram[place] + squares[place]
    limit = max(COPY * squares[place], SLIGHT * energy)
    copies: list[int] = sorted(among[apart[among] <= limit].tolist())
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
    """Return whether a candidate is a mixture of others; copies of it may stand among them."""
    products = relative_to(gram, place)
    return mixed_from(products[np.ix_(others, others)]) is not None


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
