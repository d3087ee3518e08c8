"""Which of several related models explains most of a model's weights, and which do so equally.

docs/method.md, The nearest relative.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from registry.lineage.fits import ALONGSIDE, SLIGHT, Fit
from registry.lineage.mixtures import (
    Mixture,
    at_right_angles,
    mixed_from,
    mixture_of,
    relative_to,
)

# of the squared distance to the hub: what runs from one model have in common, on the same kind of
# data, brings one of them nearer to another by this much at most
DRIFT = 0.45
HUB_FIRST = 0.6  # of the same: above, the hub is named and not the nearest
DEEPER = 5.0  # times the squared distance: what another depth of the nearer candidate outweighs
# of the squared distance of the origin of several runs to their mean: a mixture at such a distance
# from the model shows nothing
LEAST_OF_ORIGIN = 0.9
MOST_OF_ORIGIN = 1.15
NO_BETTER = 1.1  # times what a mixture leaves: a candidate that leaves less is as good
ALIKE = 1.25  # times the mean cosine at the hub: candidates that may be it as well
# a candidate that has another's changes, and the model not: what the model would have undone of
# them, as a share of them, and its cosine with all that the model would have done
UNDONE = 0.3
LACKING = 0.15
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

    hub = hub_of(gram, earlier, every[0].length)
    inherited = earlier
    if hub is not None and every[0].linear:
        inherited = inherited_from(gram, hub, earlier)
    nearest = unmixed(gram, inherited, earlier)
    first = nearest
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
    for place in inherited.tolist():
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


def inherited_from(gram: np.ndarray, hub: int, among: np.ndarray) -> np.ndarray:
    """Return the places of candidates all of whose changes the model has; the hub is one of them.

    What another candidate changed, seen from the hub, and this one has in it, the model would have
    as well if it came from this one.

    Args:
        gram: Products of (model - candidate), candidates x candidates.
        hub: Place of the candidate from which changes are counted.
        among: Places of the candidates that are looked at, in order.
    """
    squares = np.diag(gram)
    changes = squares - 2 * gram[hub] + squares[hub]
    known = among[changes[among] > COPY * squares[hub]]
    kept = []
    for place in among:
        undone = gram[place, known] - gram[place, hub]
        lengths = np.sqrt(squares[place] * changes[known])
        lacks = (undone > UNDONE * changes[known]) & (undone > LACKING * lengths)
        if place == hub or not lacks.any():
            kept.append(place)
    return np.array(kept, int)


def unmixed(gram: np.ndarray, by_distance: np.ndarray, every: np.ndarray) -> int:
    """Return the nearest candidate that is no mixture of others, or that is all of the model's own.

    An average of runs is nearer to another run, and to the model that all began from, than any of
    the runs; a model made from an average has in it what the average has of each.

    Args:
        gram: Products of (model - candidate), candidates x candidates.
        by_distance: Places of candidates that the model may come from, nearest first.
        every: Places of all that a candidate may be a mixture of, nearest first.
    """
    for place in by_distance[:MOST]:
        others = every[every != place][:MOST]
        mixture = mixture_at(gram, place, others)
        if mixture is None:
            return int(place)
        parts = np.diag(gram)[others[mixture.parts]]
        of_origin = at_right_angles(parts)
        if LEAST_OF_ORIGIN * of_origin < gram[place, place] < MOST_OF_ORIGIN * of_origin:
            continue
        without = mixture_of(gram[np.ix_(others, others)]).left
        if gram[place, place] < NO_BETTER * without:
            return int(place)
    return int(by_distance[0])


def mixture_at(gram: np.ndarray, place: int, others: np.ndarray) -> Mixture | None:
    """Return what a candidate is a mixture of; None of others, whose copies may be among them."""
    products = relative_to(gram, place)
    return mixed_from(products[np.ix_(others, others)])


def is_mixture(gram: np.ndarray, place: int, others: np.ndarray) -> bool:
    """Return whether a candidate is a mixture of others; copies of it may stand among them."""
    return mixture_at(gram, place, others) is not None


def hub_of(gram: np.ndarray, by_distance: np.ndarray, energy: float) -> int | None:
    """Return the candidate at which others stand most nearly at right angles; None of too few.

    Models that were made from it apart have changed in directions of their own. Of several at
    which they do about as much, it is the nearest.
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
        crowded[int(place)] = float(np.mean(np.abs(pairs)))

    least = None
    for place in sorted(crowded, key=crowded.__getitem__):
        if not is_mixture(gram, place, near[near != place]):
            least = crowded[place]
            break
    for place in near.tolist():
        alike = least is not None and crowded.get(place, 1.0) <= ALIKE * least
        if alike and not is_mixture(gram, place, near[near != place]):
            return int(place)
    return None
