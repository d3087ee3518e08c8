"""What several candidates leave unexplained of a model, and by how much one leaves less.

Differences between two candidates are taken directly, number by number, so that what they have in
common cancels; the error of a difference is the scatter of its parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from registry.lineage.features import ModelFeatures
from registry.lineage.layer_sources import Places
from registry.lineage.matrix_columns import NOWHERE
from registry.lineage.residuals import Residual
from registry.lineage.weight_views import VIEWS, Part, SideBySide, View

DEVIATIONS = 3.0  # standard deviations of its own error up to which a difference shows nothing
SLIGHT = 1e-6  # of the weights' energy: what the rounding of sketches and types may leave
SURE = 0.3  # of the weights' energy: where so little is left the axes are the same
BLIND = 0.25  # of what the best candidate leaves: a view that is blind to more must leave less
ALONGSIDE = 0.75  # of the weights' energy: candidates that leave more stand in other axes
OUTSIDE_COUNTS = 0.1  # of the projections' energy


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


@dataclass(frozen=True, eq=False)
class Fit:
    """What a candidate leaves unexplained of a model, part by part, each in one view.

    Attributes:
        name: The candidate's.
        residuals: By part.
        linear: Whether every view is linear in the weights, that of the matrices.
        same_depth: Whether it has as many layers as the model.
        same_shapes: Whether the layers that correspond have matrices of the same shapes.
    """

    name: str
    residuals: dict[Part, Residual]
    linear: bool = True
    same_depth: bool = True
    same_shapes: bool = True

    @cached_property
    def energy(self) -> float:
        """Sum of the squared weights of the model."""
        return sum(residual.energy for residual in self.residuals.values())

    @cached_property
    def vector(self) -> np.ndarray:
        """Every number of model - candidate, part after part.

        Tensors outside the projections, of which few numbers are known, count for OUTSIDE_COUNTS
        of the projections at most.
        """
        numbers = []
        for part, residual in self.residuals.items():
            numbers.append(residual.numbers * self.weights[part])
        return np.concatenate(numbers)

    @cached_property
    def weights(self) -> dict[Part, float]:
        """By part, the factor of its numbers in the vector."""
        outside = self.residuals[Part.OTHER].energy
        limit = OUTSIDE_COUNTS * (self.energy - outside)
        weight = (limit / outside) ** 0.5 if outside > limit else 1.0
        return {part: weight if part == Part.OTHER else 1.0 for part in self.residuals}

    @cached_property
    def length(self) -> float:
        """The squared length of the model itself, weighted as the vector is."""
        lengths = [each.energy * self.weights[part] ** 2 for part, each in self.residuals.items()]
        return sum(lengths)

    @cached_property
    def layers(self) -> np.ndarray:
        """For every number of the vector, the model's layer; OUTSIDE for none."""
        return np.concatenate([residual.layers for residual in self.residuals.values()])

    @cached_property
    def square(self) -> float:
        """The squared distance of model and candidate, weighted as the vector is."""
        return float(self.vector @ self.vector)

    @property
    def explained(self) -> float:
        """1 - |model - candidate|^2 / |model|^2, over all of the model's weights; at least 0."""
        left = sum(residual.square for residual in self.residuals.values())
        return max(0.0, 1 - left / self.energy) if self.energy else 0.0

    def better_than(self, other: "Fit") -> Difference:
        """Return how much more this candidate explains than another."""
        value = 0.0
        variance = 0.0
        for part, residual in self.residuals.items():
            against = other.residuals[part]
            parts = against.numbers**2 - residual.numbers**2
            weight = self.weights[part] ** 2
            value += weight * float(parts.sum())
            variance += weight**2 * scatter(parts, residual)
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
    pairs = [SideBySide(model, other.features, other.places) for other in candidates]
    seen = {part: best_view(pairs, part) for part in Part}
    linear = all(part.view == View.MATRICES for part in seen.values())

    every = []
    for place, candidate in enumerate(candidates):
        residuals = {part: in_view.residuals[place] for part, in_view in seen.items()}
        same_depth = candidate.features.layer_count == model.layer_count
        same_shapes = have_same_shapes(pairs[place])
        every.append(Fit(candidate.name, residuals, linear, same_depth, same_shapes))
    return every


def have_same_shapes(pair: SideBySide) -> bool:
    """Return whether the matched layers have the same matrices, of the same rows and columns."""
    layers = pair.sources != NOWHERE
    ours = layers[pair.later.table.layers]
    if (pair.counterparts[ours] == NOWHERE).any():
        return False
    others = np.bincount(pair.earlier.table.layers, minlength=pair.earlier.layer_count)
    return int(others[pair.sources[layers]].sum()) == int(ours.sum())


def branch_vectors(
    model: ModelFeatures, candidates: Sequence[Candidate], nearest: int
) -> np.ndarray:
    """Return model - candidate as what the branches do, in the axes that bring one nearest.

    Returns:
        candidates x numbers, whatever the shapes of the matrices.
    """
    pairs = [SideBySide(model, other.features, other.places) for other in candidates]
    best = np.zeros((len(pairs), 0))
    least = float("inf")
    for view in (View.STREAM, View.TOKEN):
        rows = []
        for pair in pairs:
            parts = [pair.residual(part, view).numbers for part in (Part.ATTENTION, Part.MLP)]
            rows.append(np.concatenate(parts))
        left = float(rows[nearest] @ rows[nearest])
        if left < least:
            best, least = np.stack(rows), left
    return best


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
        if best.residuals and least < SURE * energy_in(best.residuals):
            break
        residuals = [pair.residual(part, view) for pair in pairs]
        left = min((residual.square for residual in residuals), default=0.0)
        if view == View.SPECTRA and least < ALONGSIDE * energy_in(residuals):
            continue  # the spectra of unrelated layers are near one another
        if view == View.MATRICES or left < BLIND * least:
            best, least = SeenPart(view, residuals), left
    return best


def energy_in(residuals: Sequence[Residual]) -> float:
    """Return the energy of the part that residuals are of."""
    return residuals[0].energy if residuals else 0.0
