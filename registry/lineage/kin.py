"""Several relatives of one model seen together: which came first, the nearest, and merges.

docs/method.md, The nearest relative and Direction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from registry.lineage.descent import Descent, DirectionReason, DirectionShown
from registry.lineage.direction import direction_of
from registry.lineage.fits import ALONGSIDE, Candidate, Fit, branch_vectors, fits
from registry.lineage.merge_shares import Merge, merge_of
from registry.lineage.mixtures import mixtures_of_the_model, relative_to, with_model
from registry.lineage.ordered_pair import PairInOrder
from registry.lineage.relatives import MOST, Ranking, products_of, ranked
from registry.lineage.right_angles import (
    is_farther,
    is_reached_past,
    is_reached_through,
    may_be_origin,
    standing,
    standing_of_candidate,
)

MERGED_WITH = DirectionShown(Descent.PARENT, DirectionReason.MERGE)
PART_OF_MERGE = DirectionShown(Descent.CHILD, DirectionReason.MERGE)
ORIGIN = DirectionShown(Descent.CHILD, DirectionReason.RIGHT_ANGLE)
MADE_FROM_IT = DirectionShown(Descent.PARENT, DirectionReason.RIGHT_ANGLE)


@dataclass(frozen=True)
class Kin:
    """What several relatives of a model show together.

    Attributes:
        every: What each of them explains.
        ranking: Their order.
        merge: What the model is a merge of, if it is one.
        directions: Of each, where the model stands to it.
    """

    every: Sequence[Fit]
    ranking: Ranking
    merge: Merge | None
    directions: Sequence[DirectionShown]


def kin_of(pairs: Sequence[PairInOrder], candidates: Sequence[Candidate]) -> Kin:
    """Look at all relatives of a model together.

    Args:
        pairs: The model with each of them.
        candidates: The same, alike in order.
    """
    model = pairs[0].model
    every = fits(model, candidates)
    gram = products_of(every)
    signs = [direction_of(pair) for pair in pairs]

    shown = with_merges_of_the_model(signs, every, gram)
    known = later_than_the_model(shown)
    ranking = ranked(every, known)
    merge = merge_of(possible_parents(every, shown))
    shown = with_parts(shown, every, merge)
    origins = origins_of(every, ranking, gram)
    shown = with_origins(shown, origins)

    nearest = nearest_origin(shown, every, ranking)
    if nearest is not None and is_beside(every[nearest]):
        shown = with_what_was_made_from_it(shown, gram, nearest)
    elif nearest is not None:
        vectors = branch_vectors(model, candidates, nearest)
        shown = with_its_shapes(shown, every, vectors @ vectors.T, nearest)
    if every[0].linear:
        shown = with_what_was_made_later(shown, gram)
    later = later_than_the_model(shown)
    if later != known:
        ranking = ranked(every, later)
    if origins:
        shown = with_siblings(shown, every, ranking, gram, min(origins))
    return Kin(every, ranking, merge, shown)


def is_later(shown: DirectionShown) -> bool:
    """Return whether a relative is shown to come from the model."""
    return shown.descent == Descent.PARENT


def later_than_the_model(shown: Sequence[DirectionShown]) -> frozenset[int]:
    """Return the places of relatives that are shown to come from the model."""
    return frozenset(place for place, one in enumerate(shown) if is_later(one))


def possible_parents(every: Sequence[Fit], shown: Sequence[DirectionShown]) -> list[Fit]:
    """Return what may be parts of a merge: of the model's shapes, and not later than it."""
    parents = []
    for fit, one in zip(every, shown, strict=True):
        if fit.same_shapes and not is_later(one):
            parents.append(fit)
    return parents


def with_merges_of_the_model(
    shown: Sequence[DirectionShown], every: Sequence[Fit], gram: np.ndarray
) -> list[DirectionShown]:
    """Return the directions with relatives that are mixtures of the model and others."""
    if not every[0].linear:
        return list(shown)
    near = [
        place for place in np.argsort(np.diag(gram), kind="stable") if not is_later(shown[place])
    ]
    later = mixtures_of_the_model(gram, np.array(near[:MOST], int))
    return [
        MERGED_WITH if place in later and one.descent == Descent.UNDECIDED else one
        for place, one in enumerate(shown)
    ]


def with_parts(
    shown: Sequence[DirectionShown], every: Sequence[Fit], merge: Merge | None
) -> list[DirectionShown]:
    """Return the directions with the parents of a merge."""
    names = merge.names if merge else ()
    return [
        PART_OF_MERGE if fit.name in names else one for fit, one in zip(every, shown, strict=True)
    ]


def origins_of(every: Sequence[Fit], ranking: Ranking, gram: np.ndarray) -> frozenset[int]:
    """Return the places of the one that the model and others were made from, and of its copies."""
    if not every[0].linear:
        return frozenset()
    children = [place for place in sorted(ranking.hub) if standing(gram, place).is_child]
    return frozenset(
        place for place in children if every[place].same_depth == every[children[0]].same_depth
    )


def with_origins(shown: Sequence[DirectionShown], origins: frozenset[int]) -> list[DirectionShown]:
    """Return the directions with what the model and others were made from."""
    return [
        ORIGIN if place in origins and one.descent == Descent.UNDECIDED else one
        for place, one in enumerate(shown)
    ]


def nearest_origin(
    shown: Sequence[DirectionShown], every: Sequence[Fit], ranking: Ranking
) -> int | None:
    """Return the place of the nearest relative that the model is shown to come from.

    That is the hub, if it is one of them.
    """
    origins = [place for place, one in enumerate(shown) if one.descent == Descent.CHILD]
    hub = [place for place in origins if place in ranking.hub]
    return min(hub or origins, key=lambda place: every[place].square, default=None)


def with_what_was_made_from_it(
    shown: Sequence[DirectionShown], gram: np.ndarray, origin: int
) -> list[DirectionShown]:
    """Return the directions with relatives that are reached through the model from its origin."""
    completed = []
    for place, one in enumerate(shown):
        is_open = one.descent == Descent.UNDECIDED
        reached = is_open and is_reached_through(gram, place, origin)
        reached = reached and not may_be_origin(gram, place, origin)
        completed.append(MADE_FROM_IT if reached else one)
    return completed


def is_beside(fit: Fit) -> bool:
    """Return whether a candidate has the model's shapes and stands in its axes."""
    return fit.same_shapes and fit.square < ALONGSIDE * fit.length


def with_its_shapes(
    shown: Sequence[DirectionShown], every: Sequence[Fit], gram: np.ndarray, origin: int
) -> list[DirectionShown]:
    """Return the directions with relatives of the model's shapes that the origin lacks.

    The nearer to the origin, by what the branches do, was made first.
    """
    completed = []
    for place, one in enumerate(shown):
        is_open = one.descent == Descent.UNDECIDED and is_beside(every[place])
        farther = is_open and is_farther(gram, place, origin)
        completed.append(MADE_FROM_IT if farther else one)
    return completed


def with_what_was_made_later(
    shown: Sequence[DirectionShown], gram: np.ndarray
) -> list[DirectionShown]:
    """Return the directions with relatives that were made from such as come from the model."""
    later = [place for place, one in enumerate(shown) if one in (MERGED_WITH, MADE_FROM_IT)]
    completed = []
    for place, one in enumerate(shown):
        is_open = one.descent == Descent.UNDECIDED
        past = is_open and any(is_made_past(gram, place, other) for other in later)
        completed.append(MADE_FROM_IT if past else one)
    return completed


def is_made_past(gram: np.ndarray, place: int, through: int) -> bool:
    """Return whether a relative was made from one that comes from the model."""
    if not is_reached_past(gram, place, through):
        return False
    products = relative_to(with_model(gram), through)
    return not may_be_origin(products, place, len(gram))


def with_siblings(
    shown: Sequence[DirectionShown],
    every: Sequence[Fit],
    ranking: Ranking,
    gram: np.ndarray,
    origin: int,
) -> list[DirectionShown]:
    """Return the directions with relatives that were made apart from the model's origin."""
    sibling = DirectionShown(Descent.SIBLING, DirectionReason.RIGHT_ANGLE, every[origin].name)
    completed = []
    for place, one in enumerate(shown):
        known = place in ranking.tied or one.descent in {Descent.CHILD, Descent.PARENT}
        nearer = not known and every[origin].better_than(every[place]).shown
        apart = nearer and standing_of_candidate(gram, place, origin).is_near_child
        completed.append(sibling if apart else one)
    return completed
