"""Fingerprints as the arrays that comparisons read; layers are counted from 0 in the order of the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.fingerprints.record import Branch, Fingerprint, Matrix
from registry.numerics.unit_vectors import unit

BRANCHES = ("attention", "mlp")
KINDS = ("stream", "token")
HALF = 128  # numbers of each branch's sketch in an outline
DEPTHS = 32  # points that a curve over the layers is read at
Spot = tuple[str, int, int]
"""A projection, an expert (-1 where it serves every token), and which of several such matrices of a layer."""


@dataclass(frozen=True)
class Sketches:
    """The branches' sketches of one model. tables: by kind and branch, layers x 256; zeros where one is missing."""

    tables: dict[tuple[str, str], np.ndarray]

    @classmethod
    def of(cls, branches: Sequence[Branch]) -> "Sketches":
        """Those of a fingerprint."""
        sketches = [stacked([getattr(b, kind) for b in branches]) for kind in KINDS]
        return cls.placed([b.layer for b in branches], [b.branch for b in branches], sketches)

    @classmethod
    def placed(
        cls, layers: Sequence[int], branches: Sequence[str], sketches: Sequence[np.ndarray]
    ) -> "Sketches":
        """Every branch's layer and name, and of every kind its sketch, a row each."""
        numbers, places = np.unique(np.array(layers, int), return_inverse=True)
        tables = {}
        for kind, rows in zip(KINDS, sketches, strict=True):
            for branch in BRANCHES:
                own = np.array([each == branch for each in branches], bool)
                tables[kind, branch] = np.zeros((len(numbers), rows.shape[1]))
                tables[kind, branch][places[own]] = rows[own]
        return cls(tables)

    def outline(self, kind: str) -> tuple[float, ...] | None:
        """Half of every branch's sketch, summed over layers: 256 numbers of length 1; None where there are none.

        Near for models that share most layers, in whatever order.
        """
        sums = [self.tables[kind, branch].sum(0) for branch in BRANCHES]
        whole = np.concatenate([own[:HALF] if own.any() else np.zeros(HALF) for own in sums])
        return tuple(unit(whole).tolist()) if whole.any() else None


def stacked(sketches: Sequence[tuple[float, ...] | None]) -> np.ndarray:
    """A row each, zeros for one that is missing."""
    size = next((len(sketch) for sketch in sketches if sketch is not None), 1)
    nothing = (0.0,) * size
    return np.array([nothing if sketch is None else sketch for sketch in sketches]).reshape(
        -1, size
    )


@dataclass(frozen=True)
class Traits:
    """What one fingerprint has that is compared."""

    fingerprint: Fingerprint

    @cached_property
    def sketches(self) -> Sketches:
        """Of its branches."""
        return Sketches.of(self.fingerprint.branches)

    @cached_property
    def layers(self) -> list[dict[Spot, Matrix]]:
        """The matrices of every layer."""
        numbers = sorted({m.layer for m in self.fingerprint.matrices})
        found: dict[int, dict[Spot, Matrix]] = {number: {} for number in numbers}
        for m in self.fingerprint.matrices:
            own, expert = found[m.layer], -1 if m.expert is None else m.expert
            several = (
                sum(spot[:2] == (m.projection, expert) for spot in own) if m.expert is None else 0
            )
            own[m.projection, expert, several] = m
        return list(found.values())

    @cached_property
    def curves(self) -> np.ndarray:
        """std, skewness and kurtosis of every projection over depth: 7 x 3 x DEPTHS, NaN where it is missing."""
        return np.array([self.curve(projection) for projection in PROJECTIONS])

    def curve(self, projection: str) -> np.ndarray:
        """Those of one projection: 3 x DEPTHS, the mean where a layer has several matrices."""
        own = [
            m
            for m in self.fingerprint.matrices
            if m.projection == projection and m.kurtosis is not None
        ]
        if not own:
            return np.full((3, DEPTHS), np.nan)
        rows = np.array([(m.layer, m.std, m.skewness, m.kurtosis) for m in own], float)
        layers = np.unique(rows[:, 0])
        means = np.array([rows[rows[:, 0] == layer, 1:].mean(0) for layer in layers])
        at = np.linspace(0, len(layers) - 1, DEPTHS)
        return np.array([np.interp(at, np.arange(len(layers)), column) for column in means.T])
