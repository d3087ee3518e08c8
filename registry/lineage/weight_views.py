"""One model beside others as vectors whose squared differences are shares of its weights' energy.

Several views of the same weights: their own sketches, and what is left of them in other axes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from registry.fingerprints.record import Tensor
from registry.lineage.features import ModelFeatures
from registry.lineage.layer_sources import Places, source_layers
from registry.lineage.matrix_columns import NOWHERE
from registry.lineage.residuals import Blocks, Residual


class View(StrEnum):
    """What of the weights is looked at; the later ones are blind to more changes of axes."""

    MATRICES = "matrices"  # linear sketches
    STREAM = "stream"  # branches, in the axes of the residual stream
    TOKEN = "token"  # noqa: S105  # branches, in those of the tokens
    SPECTRA = "spectra"


class Part(StrEnum):
    """Weights whose axes change together."""

    SCORES = "scores"  # queries and keys
    ATTENTION = "attention"  # values and outputs
    MLP = "mlp"
    OTHER = "other"  # tensors outside the projections


OUTSIDE = -1  # the layer of tensors that stand in none
VIEWS = {
    Part.SCORES: (View.MATRICES,),
    Part.ATTENTION: (View.MATRICES, View.STREAM, View.TOKEN, View.SPECTRA),
    Part.MLP: (View.MATRICES, View.STREAM, View.TOKEN, View.SPECTRA),
    Part.OTHER: (View.MATRICES,),
}
PROJECTIONS_OF = {
    Part.SCORES: ("query", "key"),
    Part.ATTENTION: ("value", "output"),
    Part.MLP: ("gate", "up", "down"),
}


@dataclass(frozen=True)
class SideBySide:
    """A model in question beside another whose layers are known to be its own.

    Attributes:
        later: The model in question.
        earlier: The other.
        places: For every layer of `later` the layer of `earlier`.
    """

    later: ModelFeatures
    earlier: ModelFeatures
    places: Places

    def residual(self, part: Part, view: View) -> Residual:
        """Return what is left of a part in a view; all of it without a counterpart."""
        if part == Part.OTHER:
            return Residual.of(list(self._tensors()))
        if view == View.MATRICES:
            return Residual.of(list(self._matrices(part)))
        if view == View.SPECTRA:
            return Residual.of(list(self._spectra(part)))
        return Residual.of(list(self._branches(part, view)))

    @cached_property
    def sources(self) -> np.ndarray:
        """`places` as an array; NOWHERE of a layer without one."""
        return source_layers(self.places, self.later.layer_count, self.earlier.layer_count)

    @cached_property
    def at_same_spots(self) -> np.ndarray:
        """For every matrix the other's at its spot of the source; NOWHERE without one."""
        table = self.later.table
        return self.earlier.table.find(self.sources[table.layers], table.spots)

    @cached_property
    def counterparts(self) -> np.ndarray:
        """For every matrix that at its spot of the source, where it has the same shape."""
        later, earlier = self.later.matrices, self.earlier.matrices
        places = self.at_same_spots
        paired = np.flatnonzero(places >= 0)
        others = places[paired]
        same_rows = later.rows[paired] == earlier.rows[others]
        same_cols = later.cols[paired] == earlier.cols[others]
        counterparts = np.full(len(places), NOWHERE)
        alike = same_rows & same_cols
        counterparts[paired[alike]] = others[alike]
        return counterparts

    @cached_property
    def equal(self) -> np.ndarray:
        """Whether each matrix has a counterpart that is equal, once cast to bf16."""
        equal = np.zeros(len(self.counterparts), bool)
        paired = np.flatnonzero(self.counterparts >= 0)
        others = self.counterparts[paired]
        digests = self.later.matrices.digests, self.earlier.matrices.digests
        equal[paired] = digests[0][paired] == digests[1][others]
        return equal

    def _matrices(self, part: Part) -> Iterator[Blocks]:
        matrices = self.later.matrices
        of_part = matrices.of_projections(*PROJECTIONS_OF[part])
        for stack in matrices.stacks:
            rows = np.flatnonzero(of_part[stack.places])
            places = stack.places[rows]
            later = stack.numbers[rows]
            earlier = np.zeros_like(later)
            present, others = self.earlier.matrices.sketches_at(
                self.counterparts[places], stack.size
            )
            earlier[present] = others
            equal = self.equal[places]
            earlier[equal] = later[equal]
            yield self._blocks(places, squares(later), squares(earlier))

        blind = matrices.without_sketch
        places = blind[of_part[blind]]
        lengths = matrices.energies[places].reshape(-1, 1, 1) ** 0.5
        equal = self.equal[places].reshape(-1, 1, 1)
        yield self._blocks(places, lengths, np.where(equal, lengths, 0.0))

    def _blocks(self, places: np.ndarray, later: np.ndarray, earlier: np.ndarray) -> Blocks:
        """Return the blocks of some matrices of the model in question."""
        energies = self.later.matrices.energies[places]
        return Blocks(self.later.table.layers[places], later, earlier, energies)

    def _spectra(self, part: Part) -> Iterator[Blocks]:
        """Yield singular values on the scale of weights.

        A change of norm e, random in direction, moves each singular value by e / sqrt(rows x
        columns).
        """
        later, earlier = self.later.matrices, self.earlier.matrices
        of_part = later.of_projections(*PROJECTIONS_OF[part])
        for count in np.unique(later.spectrum_sizes[of_part]).tolist():
            places = np.flatnonzero(of_part & (later.spectrum_sizes == count))
            scale = (later.rows[places] * later.cols[places] / max(count, 1)) ** 0.5
            values = later.singular_values[places, :count] * scale[:, None]
            others = self.counterparts[places]
            paired = (others >= 0) & (earlier.spectrum_sizes[others] == count)
            found = np.zeros_like(values)
            known = earlier.singular_values[others[paired], :count]
            found[paired] = known * scale[paired, None]
            yield self._blocks(places, values[:, None], found[:, None])

    def _branches(self, part: Part, view: View) -> Iterator[Blocks]:
        """Yield the sketches of branches: products of two matrices, so that squares count half."""
        table, matrices = self.later.table, self.later.matrices
        of_part = matrices.of_projections(*PROJECTIONS_OF[part])
        sums = np.bincount(table.layers[of_part], matrices.energies[of_part], len(table))
        layers = np.unique(table.layers[of_part])
        energies = sums[layers]

        mine = rows_at(self.later.sketches.tables[str(view), str(part)], layers)
        theirs = rows_at(self.earlier.sketches.tables[str(view), str(part)], self.sources[layers])
        if theirs.shape != mine.shape:
            theirs = np.zeros_like(mine)
        known = mine.any(1)
        scale = (energies[known, None] / 2) ** 0.5
        later, earlier = scale * mine[known], scale * theirs[known]
        yield Blocks(layers[known], later[:, None], earlier[:, None], energies[known])

        lengths = energies[~known].reshape(-1, 1, 1) ** 0.5
        yield Blocks(layers[~known], lengths, np.zeros_like(lengths), energies[~known])

    def _tensors(self) -> Iterator[Blocks]:
        others = {}
        for tensor in self.earlier.model.tensors:
            others[placed_name(tensor.name, tensor.layer), tensor.layer, tensor.shape] = tensor

        by_size: dict[int, list[tuple[Tensor, Tensor | None]]] = {}
        for tensor in self.later.model.tensors:
            place = tensor.layer
            if place is not None:
                place = self.places[place] if place < len(self.places) else None
            other = others.get((placed_name(tensor.name, tensor.layer), place, tensor.shape))
            by_size.setdefault(len(tensor.sketch), []).append((tensor, other))
        for pairs in by_size.values():
            yield tensor_blocks(pairs)


def squares(sketches: np.ndarray) -> np.ndarray:
    """Return sketches, a row each, as squares."""
    size = round(sketches.shape[1] ** 0.5)
    return sketches.reshape(-1, size, size)


def placed_name(name: str, layer: int | None) -> str:
    """Return a tensor's name without the number of its layer."""
    if layer is None:
        return name
    return name.replace(f".{layer}.", ".*.", 1)


def rows_at(table: np.ndarray, layers: np.ndarray) -> np.ndarray:
    """Return the sketches of some layers, zeros where there is none."""
    rows = np.zeros((len(layers), table.shape[1]))
    known = (layers >= 0) & (layers < len(table))
    rows[known] = table[layers[known]]
    return rows


def tensor_blocks(pairs: Sequence[tuple[Tensor, Tensor | None]]) -> Blocks:
    """Return the blocks of tensors beside their counterparts, all with sketches of one size."""
    layers = []
    earlier = []
    for tensor, other in pairs:
        layers.append(OUTSIDE if tensor.layer is None else tensor.layer)
        if other is None:
            earlier.append(np.zeros(len(tensor.sketch)))
        elif other.bf16_digest == tensor.bf16_digest:
            earlier.append(np.array(tensor.sketch))
        else:
            earlier.append(np.array(other.sketch))
    later = np.array([tensor.sketch for tensor, _ in pairs], float)
    lengths = np.array([tensor.length for tensor, _ in pairs])
    return Blocks(np.array(layers), later[:, None], np.array(earlier)[:, None], lengths**2)
