"""Two related models with the layers that correspond, seen from one of them."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from registry.lineage.features import ModelFeatures
from registry.lineage.layer_sources import Places
from registry.lineage.weight_views import SideBySide

COPIED = 0.6  # cosine of two layers' matrices above which one began as a copy of the other


class Matched(NamedTuple):
    """Matrices of two models that correspond: places of the model's, and of the other's."""

    ours: np.ndarray
    theirs: np.ndarray


@dataclass(frozen=True)
class PairInOrder:
    """Two related models, seen from one of them.

    Attributes:
        model: The one in question.
        other: The one that it may come from.
        places: For every layer of `model` the layer of `other`.
    """

    model: ModelFeatures
    other: ModelFeatures
    places: Places

    @cached_property
    def reversed(self) -> "PairInOrder":
        """The same pair seen from the other.

        Of several layers with one source the first counts; a layer that is none's source, but like
        one that is, comes from the same.
        """
        places: list[int | None] = [None] * self.other.layer_count
        for layer, place in enumerate(self.places):
            if place is not None and place < len(places) and places[place] is None:
                places[place] = layer

        known = [layer for layer, place in enumerate(places) if place is not None]
        for layer in set(range(len(places))) - set(known):
            copies = [one for one in known if self.other.layer_cosines[layer, one] > COPIED]
            if copies:
                places[layer] = places[copies[0]]
        return PairInOrder(self.other, self.model, tuple(places))

    @cached_property
    def side_by_side(self) -> SideBySide:
        """The two with the layers that correspond."""
        return SideBySide(self.model, self.other, self.places)

    @cached_property
    def cut(self) -> Matched:
        """The model's matrices whose counterparts have more rows or columns, none fewer."""
        model, other = self.model.matrices, self.other.matrices
        places = self.side_by_side.at_same_spots
        ours = np.flatnonzero(places >= 0)
        theirs = places[ours]
        more_rows = other.rows[theirs] - model.rows[ours]
        more_cols = other.cols[theirs] - model.cols[ours]
        within = (more_rows >= 0) & (more_cols >= 0) & (more_rows + more_cols > 0)
        return Matched(ours[within], theirs[within])

    @cached_property
    def matched(self) -> Matched:
        """Matrices of both that correspond, in one shape."""
        counterparts = self.side_by_side.counterparts
        ours = np.flatnonzero(counterparts >= 0)
        return Matched(ours, counterparts[ours])

    @cached_property
    def energies(self) -> tuple[float, float]:
        """Sums of squares of the matched matrices, of the model and the other."""
        later = self.model.matrices.energies[self.matched.ours].sum()
        earlier = self.other.matrices.energies[self.matched.theirs].sum()
        return float(later), float(earlier)

    @property
    def equal(self) -> bool:
        """Whether the matched matrices are all equal once cast to bf16."""
        return bool(self.side_by_side.equal[self.matched.ours].all())

    @cached_property
    def apart(self) -> float:
        """The squared distance of the matched matrices."""
        differ = ~self.side_by_side.equal[self.matched.ours]
        ours, theirs = self.matched.ours[differ], self.matched.theirs[differ]
        model, other = self.model.matrices, self.other.matrices
        squares = 0.0
        for size in model.stack_rows:
            of_model, later = model.sketches_at(ours, size)
            of_other, earlier = other.sketches_at(theirs, size)
            both = of_model & of_other
            change = later[both[of_model]] - earlier[both[of_other]]
            squares += float(np.vdot(change, change))

        blind = np.isin(ours, model.without_sketch) & np.isin(theirs, other.without_sketch)
        lengths = model.energies[ours[blind]] ** 0.5 - other.energies[theirs[blind]] ** 0.5
        return squares + float(lengths @ lengths)

    @property
    def distinct_shares(self) -> tuple[float, float]:
        """The mean variety of the matched matrices' values, of both models; 0 if not all known."""
        columns = self.model.matrices.distinct_share, self.other.matrices.distinct_share
        return self.means(*columns)

    @property
    def zero_shares(self) -> tuple[float, float]:
        """The mean share of zeros in the matched matrices, of both models; 0 if not all known."""
        return self.means(self.model.matrices.zero_share, self.other.matrices.zero_share)

    def means(self, later: np.ndarray, earlier: np.ndarray) -> tuple[float, float]:
        """Return the means of a column of each model over the matched matrices."""
        ours, theirs = later[self.matched.ours], earlier[self.matched.theirs]
        if not len(ours) or np.isnan(ours).any() or np.isnan(theirs).any():
            return 0.0, 0.0
        return float(ours.mean()), float(theirs.mean())
