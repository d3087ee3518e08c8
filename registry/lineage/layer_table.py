"""Which matrix stands where: in a layer, counted from 0, at a spot of that layer."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from registry.lineage.matrix_columns import CODES, DENSE, NOWHERE, MatrixColumns

NUMBER_BITS = 16
EXPERT_BITS = 20
LAYER_SHIFT = 40  # above the three bits of a projection, an expert's and a number's

Spots = np.ndarray
"""Numbers that stand for spots: a projection, an expert, and which of several of a layer."""


def spot_of(
    projections: int | np.ndarray, experts: int | np.ndarray, numbers: int | np.ndarray = 0
) -> np.ndarray:
    """Return the spot of a projection's matrix of an expert, the first of a layer unless told."""
    expert_place = np.asarray(experts, int) + 1  # DENSE comes to 0
    head = (np.asarray(projections, int) << EXPERT_BITS) | expert_place
    spots: np.ndarray = (head << NUMBER_BITS) | numbers
    return spots


@dataclass(frozen=True, eq=False)
class LayerTable:
    """The places of a model's matrices, by layer and spot."""

    matrices: MatrixColumns

    @cached_property
    def numbers(self) -> np.ndarray:
        """The layers' numbers, as the fingerprint gives them, rising."""
        return np.unique(self.matrices.layers)

    @cached_property
    def layers(self) -> np.ndarray:
        """For every matrix the layer that it stands in."""
        return np.searchsorted(self.numbers, self.matrices.layers)

    def __len__(self) -> int:
        """Return how many layers there are."""
        return len(self.numbers)

    @cached_property
    def spots(self) -> Spots:
        """For every matrix its spot; shared experts of one kind are counted from 0."""
        matrices = self.matrices
        first = spot_of(matrices.projections, matrices.experts)
        keys = self.keys(self.layers, first)
        if len(np.unique(keys)) == len(keys):
            return first

        counts: dict[int, int] = {}
        spots = first.copy()
        for place in np.flatnonzero(matrices.experts == DENSE):
            key = int(keys[place])
            spots[place] += counts.get(key, 0)
            counts[key] = counts.get(key, 0) + 1
        return spots

    @staticmethod
    def keys(layers: np.ndarray, spots: Spots) -> np.ndarray:
        """Return one number for each layer and spot; negative ones for layers that are NOWHERE."""
        keys: np.ndarray = (np.asarray(layers) << LAYER_SHIFT) | spots
        return keys

    @cached_property
    def sorted_keys(self) -> tuple[np.ndarray, np.ndarray]:
        """The keys of all matrices, rising, and the places of these."""
        keys = self.keys(self.layers, self.spots)
        order = np.argsort(keys, kind="stable")
        return keys[order], order

    def find(self, layers: np.ndarray, spots: Spots) -> np.ndarray:
        """Return the places of the matrices at some layers and spots; NOWHERE of none."""
        known, order = self.sorted_keys
        keys = self.keys(layers, spots)
        if not len(known):
            return np.full(np.shape(keys), NOWHERE)
        nearest = np.clip(np.searchsorted(known, keys, side="right") - 1, 0, None)
        places: np.ndarray = np.where(known[nearest] == keys, order[nearest], NOWHERE)
        return places

    def in_every_layer(
        self, projection: str, experts: int | np.ndarray = DENSE, number: int = 0
    ) -> np.ndarray:
        """Return the place of a projection's matrix in every layer; NOWHERE where it is missing.

        Args:
            experts: Of all layers, or one for each.
        """
        if np.ndim(experts) == 0 and experts == DENSE and number == 0:
            places: np.ndarray = self.dense[CODES[projection]]
            return places
        spots = spot_of(CODES[projection], experts, number)
        return self.find(np.arange(len(self)), spots)

    @cached_property
    def dense(self) -> np.ndarray:
        """The first matrix of each projection that serves every token: 7 x layers."""
        projections = np.arange(len(CODES))[:, None]
        return self.find(np.arange(len(self)), spot_of(projections, DENSE))

    @property
    def has_experts(self) -> bool:
        """Whether any layer has experts."""
        return any(self.experts)

    @cached_property
    def experts(self) -> list[list[int]]:
        """By layer the numbers of its experts, rising; the layer's MLP is none."""
        experts: list[list[int]] = [[] for _ in range(len(self))]
        if (self.matrices.experts == DENSE).all():
            return experts
        routed = self.matrices.experts != DENSE
        pairs = np.stack([self.layers[routed], self.matrices.experts[routed]], 1)
        for layer, expert in np.unique(pairs, axis=0).tolist():
            experts[layer].append(expert)
        return experts

    @cached_property
    def by_spot(self) -> list[np.ndarray]:
        """The places of the matrices at each spot that any layer has one at, by layer."""
        _, where = np.unique(self.spots, return_inverse=True)
        order = np.argsort(where, kind="stable")
        cuts = np.flatnonzero(np.diff(where[order])) + 1
        return np.split(order, cuts) if len(order) else []


@dataclass(frozen=True)
class Layer:
    """One layer of a model."""

    table: LayerTable
    place: int

    @property
    def experts(self) -> list[int]:
        """The numbers of its experts, rising."""
        return self.table.experts[self.place]

    def find(
        self, projection: str, experts: int | np.ndarray = DENSE, number: int = 0
    ) -> np.ndarray:
        """Return the places of a projection's matrices of some experts; NOWHERE of none."""
        spots = spot_of(CODES[projection], experts, number)
        return self.table.find(np.full(np.shape(spots), self.place), spots)
