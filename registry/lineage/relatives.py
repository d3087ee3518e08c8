"""Which of several related models explains most of a model's weights, and which do so equally.

Differences between two candidates are taken directly, number by number, so that what they have in
common cancels; the error of a difference is the scatter of its parts (docs/method.md, The nearest
relative).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from registry.lineage.features import ModelFeatures
from registry.lineage.mixtures import mixture_of, relative_to
from registry.lineage.weight_views import VIEWS, Part, Places, Residual, SideBySide, View

DEVIATIONS = 3.0  # standard deviations of its own error up to which a difference shows nothing
SLIGHT = 1e-6  # of the weights' energy: what the rounding of sketches and types may leave
BLIND = 0.25  # of what the best candidate leaves: a view that is blind to more must leave less
# of the squared distance to the hub: what runs from one model have in common, on the same kind of
# data, brings one of them nearer to another by this much at most
DRIFT = 0.45
HUB_FIRST = 0.6  # of the same: above, the hub is named and not the nearest
DEEPER = 5.0  # times the squared distance: what another depth of the nearer candidate outweighs
MIXED = 0.1  # of the squared distance to its nearest: a mixture of others leaves less
DISTINCT = 1e-3  # of the weights' length: candidates that differ by less are one
ALONGSIDE = 0.75  # of the weights' energy: candidates that leave more stand in other axes
MOST = 24  # candidates among which mixtures and the hub are looked for


@dataclass(frozen=True)
class Candidate:
    """A related model, and which of its layers are the model's own.

    Attributes:
        name: What it is registered as.
        features: Its fingerprint.
        places: For every layer of the model in question, the candidate's layer.
    """

    name: str
    features: ModelFeatures
    places: Places


@dataclass(frozen=True)
class Difference:
    """How much less one candidate leaves unexplained than another, of the energy of all weights.

    Attributes:
        value: Positive where the first explains more.
        error: Standard deviation, from the scatter of the sketches' rows and columns.
    """

    value: float
    error: float

    @property
    def shown(self) -> bool:
        """Whether the first explains more, beyond errors."""
        return self.value > max(DEVIATIONS * self.error, SLIGHT)


@dataclass(frozen=True)
class Fit:
    """What a candidate leaves unexplained of a model, part by part, each in one view.

    Attributes:
        name: The candidate's.
        residuals: By part.
        linear: Whether every view is linear in the weights, that of the matrices.
        same_depth: Whether it has as many layers as the model.
    """

    name: str
    residuals: dict[Part, Residual]
    linear: bool = True
    same_depth: bool = True

    @cached_property
    def energy(self) -> float:
        """Sum of the squared weights of the model."""
        return sum(residual.energy for residual in self.residuals.values())

    @cached_property
    def vector(self) -> np.ndarray:
        """Every number of model - candidate, part after part."""
        return np.concatenate([residual.numbers for residual in self.residuals.values()])

    @cached_property
    def layers(self) -> np.ndarray:
        """For every number of the vector, the model's layer; OUTSIDE for none."""
        return np.concatenate([residual.layers for residual in self.residuals.values()])

    @cached_property
    def square(self) -> float:
        """The squared distance of model and candidate."""
        return float(self.vector @ self.vector)

    @property
    def explained(self) -> float:
        """1 - |model - candidate|^2 / |model|^2, over all of the model's weights; at least 0."""
        return max(0.0, 1 - self.square / self.energy) if self.energy else 0.0

    def better_than(self, other: "Fit") -> Difference:
        """Return how much more this candidate explains than another."""
        value = 0.0
        variance = 0.0
        for part, residual in self.residuals.items():
            against = other.residuals[part]
            parts = against.numbers**2 - residual.numbers**2
            value += float(parts.sum())
            variance += scatter(parts, residual)
        energy = self.energy or 1.0
        return Difference(value / energy, variance**0.5 / energy)


def scatter(parts: np.ndarray, residual: Residual) -> float:
    """Return the variance of a sum of numbers that stand in rows and columns of sketches.

    Those of a row, or column, share a random direction: sums of rows and columns scatter about
    their block's mean, less what is counted twice.
    """
    if not len(parts):
        return 0.0
    counts = np.bincount(residual.blocks)
    means = np.bincount(residual.blocks, parts) / counts
    centred = parts - means[residual.blocks]
    rows = np.bincount(residual.rows, centred)
    columns = np.bincount(residual.columns, centred)
    alone = float(centred @ centred)
    return max(float(rows @ rows) + float(columns @ columns) - alone, alone)


def fits(model: ModelFeatures, candidates: Sequence[Candidate]) -> list[Fit]:
    """Return what each candidate leaves of a model, every part seen in one view for all."""
    pairs = []
    for candidate in candidates:
        pairs.append(SideBySide(model, candidate.features, candidate.places))
    seen = {part: best_view(pairs, part) for part in Part}
    linear = all(part.view == View.MATRICES for part in seen.values())

    every = []
    for place, candidate in enumerate(candidates):
        residuals = {part: in_view.residuals[place] for part, in_view in seen.items()}
        same_depth = len(candidate.features.layers) == len(model.layers)
        every.append(Fit(candidate.name, residuals, linear, same_depth))
    return every


class SeenPart(NamedTuple):
    """A part's residuals, one for each candidate, and the view that they are in."""

    view: View
    residuals: list[Residual]


def best_view(pairs: Sequence[SideBySide], part: Part) -> SeenPart:
    """Return a part's residuals in the first view in which some candidate leaves little.

    A view that is blind to more is taken only where it leaves less than BLIND of the others.
    """
    best = SeenPart(View.MATRICES, [])
    least = float("inf")
    for view in VIEWS[part]:
        residuals = [pair.residual(part, view) for pair in pairs]
        left = min((residual.square for residual in residuals), default=0.0)
        if view == View.MATRICES or left < BLIND * least:
            best, least = SeenPart(view, residuals), left
    return best


@dataclass(frozen=True)
class Ranking:
    """Candidates in the order of what they explain.

    Attributes:
        order: Their places, the one to be named first, then by what they explain.
        tied: Places of those that fit as well as the first, itself included.
    """

    order: tuple[int, ...]
    tied: frozenset[int]


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
    if hub is not None and squares[nearest] > DRIFT * squares[hub]:
        reach = max(reach, squares[hub])
        if squares[nearest] > HUB_FIRST * squares[hub]:
            first = hub

    alike = of_same_depth(every, by_distance)
    if alike is not None and not every[first].same_depth:
        if squares[alike] < DEEPER * squares[first]:
            reach = max(reach, squares[alike])
            first = alike

    tied = {first, nearest}
    for place, fit in enumerate(every):
        if squares[nearest] <= squares[place] <= reach:
            tied.add(place)
        elif squares[place] > reach and not every[first].better_than(fit).shown:
            tied.add(place)

    places = by_distance.tolist()
    places.remove(first)
    places.sort(key=lambda place: place not in tied)
    return Ranking((first, *places), frozenset(tied))


def of_same_depth(every: Sequence[Fit], by_distance: np.ndarray) -> int | None:
    """Return the nearest candidate with as many layers as the model."""
    for place in by_distance:
        if every[place].same_depth:
            return int(place)
    return None


def unmixed(gram: np.ndarray, by_distance: np.ndarray) -> int:
    """Return the nearest candidate that is no mixture of others, unless it is by far the nearest.

    An average of runs is nearer to another run than the model that all began from.

    Args:
        gram: Products of (model - candidate), candidates x candidates.
        by_distance: Places of candidates, nearest first.
    """
    near = by_distance[:MOST]
    for place, following in zip(near, near[1:], strict=False):
        if gram[place, place] < gram[following, following] / 2:
            return int(place)
        others = near[near != place]
        products = relative_to(gram, place)[np.ix_(others, others)]
        distance = float(products.diagonal().min())
        is_copy = distance < DISTINCT * gram[place, place]
        if is_copy or mixture_of(products).left > MIXED * distance:
            return int(place)
    return int(by_distance[0])


def hub_of(gram: np.ndarray, by_distance: np.ndarray, energy: float) -> int | None:
    """Return the candidate at which others stand most nearly at right angles; None of too few.

    Models that were made from it apart have changed in directions of their own.
    """
    squares = np.diag(gram)[by_distance]
    near = by_distance[squares < ALONGSIDE * energy][:MOST]
    best = None
    least = float("inf")
    for place in near:
        products = relative_to(gram, place)[np.ix_(near, near)]
        lengths = np.sqrt(np.clip(products.diagonal(), 0, None))
        distinct = lengths > DISTINCT * energy**0.5
        if distinct.sum() < 3:
            continue
        kept = products[np.ix_(distinct, distinct)]
        cosines = kept / np.outer(lengths[distinct], lengths[distinct])
        pairs = cosines[np.triu_indices(len(cosines), 1)]
        crowding = float(np.mean(pairs**2))
        if crowding < least:
            best, least = int(place), crowding
    return best
