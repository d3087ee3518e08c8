"""How far every layer of a model has moved from its parent, by projection. Imports no matplotlib.

Of two models: |child - parent| / |parent|, as their stored sketches give it. Of an adapter and its
base: |delta| / |base|, from the standard deviations.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.errors import NothingToDraw
from registry.fingerprints.record import NamedFingerprint
from registry.lineage.changes import WeightChanges
from registry.lineage.comparison import ModelComparison
from registry.lineage.features import ModelFeatures
from registry.lineage.matrix_columns import NOWHERE


class DriftCell(NamedTuple):
    """The drift of one projection of one layer.

    Attributes:
        layer: Number of the child's layer.
        source: Number of the parent's layer that it comes from.
        matrices: How many there are, of which the drift is the median.
    """

    layer: int
    source: int
    projection: str
    matrices: int
    drift: float


@dataclass(frozen=True, eq=False)
class LayerDrift:
    """The drift between a child and its parent.

    Attributes:
        child, parent: Their names.
        layers: Numbers of the child's L layers.
        sources: Numbers of the parent's layers that these come from; None of a layer that is new.
        drift: Medians over each layer's matrices of a projection: 7 x L, in the order of
            PROJECTIONS; 0 where they are equal, NaN where none has a counterpart of its shape.
        matrices: How many matrices each of them is the median of: 7 x L.
    """

    child: str
    parent: str
    layers: tuple[int, ...]
    sources: tuple[int | None, ...]
    drift: np.ndarray
    matrices: np.ndarray

    @classmethod
    def between(cls, child: NamedFingerprint, parent: NamedFingerprint) -> "LayerDrift":
        """Return the drift of a model or adapter from its parent.

        Raises NothingToDraw where no two matrices have one shape, and for a model beside an
        adapter.
        """
        if parent.fingerprint.adapter and not child.fingerprint.adapter:
            how = "name the adapter first, then its base"
            raise NothingToDraw(name=child.name, what="layer drift from an adapter", how=how)

        of_adapter = bool(child.fingerprint.adapter) and not parent.fingerprint.adapter
        changes = changes_in_order(child, parent) if of_adapter else changes_matched(child, parent)
        sizes = sizes_of_delta(changes) if of_adapter else changes.pairs.sizes
        drift, matrices = tables(changes, sizes)
        if np.isnan(drift).all():
            what = f"matrix with a counterpart of its shape in {parent.name!r}"
            raise NothingToDraw(name=child.name, what=what, how="give a model and its parent")

        numbers = changes.b.table.numbers.tolist()
        places = changes.sources.tolist()
        sources = [None if place == NOWHERE else numbers[place] for place in places]
        return cls(
            child=child.name,
            parent=parent.name,
            layers=tuple(changes.a.table.numbers.tolist()),
            sources=tuple(sources),
            drift=drift,
            matrices=matrices,
        )

    @cached_property
    def by_layer(self) -> np.ndarray:
        """The median drift of each layer's projections; NaN of a layer without any."""
        medians = np.full(len(self.layers), np.nan)
        for place, column in enumerate(self.drift.T):
            known = column[~np.isnan(column)]
            if len(known):
                medians[place] = np.median(known)
        return medians

    @cached_property
    def projections(self) -> tuple[str, ...]:
        """The projections of which any layer has a drift."""
        present = ~np.isnan(self.drift).all(1)
        return tuple(name for name, is_there in zip(PROJECTIONS, present, strict=True) if is_there)

    @property
    def rows(self) -> np.ndarray:
        """The drift of `projections` alone: projections x L."""
        places = [PROJECTIONS.index(name) for name in self.projections]
        rows: np.ndarray = self.drift[places]
        return rows

    def cells(self) -> Iterator[DriftCell]:
        """Yield every drift that is known, by layer and projection."""
        for place, (layer, source) in enumerate(zip(self.layers, self.sources, strict=True)):
            for row, projection in enumerate(PROJECTIONS):
                size = float(self.drift[row, place])
                if source is not None and not np.isnan(size):
                    matrices = int(self.matrices[row, place])
                    yield DriftCell(layer, source, projection, matrices, size)


def changes_matched(child: NamedFingerprint, parent: NamedFingerprint) -> WeightChanges:
    """Return the changes of a model, with each layer beside the one that it comes from."""
    return ModelComparison.of(child.fingerprint, parent.fingerprint).changes


def changes_in_order(child: NamedFingerprint, parent: NamedFingerprint) -> WeightChanges:
    """Return an adapter's delta beside its base: layers of one number belong together."""
    delta = ModelFeatures.of(child.fingerprint)
    base = ModelFeatures.of(parent.fingerprint)
    places = dict(zip(base.table.numbers.tolist(), range(len(base.table)), strict=True))
    return WeightChanges(delta, base, tuple(map(places.get, delta.table.numbers.tolist())))


def sizes_of_delta(changes: WeightChanges) -> np.ndarray:
    """Return |delta| / |base| of every pair of one shape; NaN of others."""
    pairs = changes.pairs
    delta = pairs.later.energies[pairs.ours]
    base = pairs.earlier.energies[pairs.theirs]
    comparable = pairs.same_shape & (base > 0)
    sizes = np.full(len(pairs), np.nan)
    sizes[comparable] = np.sqrt(delta[comparable] / base[comparable])
    return sizes


def tables(changes: WeightChanges, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the median size and the number of matrices by projection and layer: 7 x L each."""
    shape = len(PROJECTIONS), len(changes.a.table)
    drift = np.full(shape, np.nan)
    counts = np.zeros(shape, int)
    known = np.flatnonzero(~np.isnan(sizes))
    cells = changes.pairs.projections[known] * shape[1] + changes.pairs.layers[known]
    for cell in np.unique(cells):
        chosen = sizes[known[cells == cell]]
        drift.flat[cell] = np.median(chosen)
        counts.flat[cell] = len(chosen)
    return drift, counts
