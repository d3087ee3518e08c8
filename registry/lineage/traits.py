"""A fingerprint as the arrays that comparisons read."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from registry.fingerprints import PROJECTIONS, Fingerprint, Matrix
from registry.numerics.sketches import unit

BRANCHES = ("attention", "mlp")
HALF = 128  # numbers of each branch's sketch in an outline
DEPTHS = 32  # points that a curve over the layers is read at
Spot = tuple[str, int]
"""A projection and an expert, -1 where it serves every token."""


@dataclass(frozen=True)
class Traits:
    """What one fingerprint has that is compared; layers are counted from 0 in the order of the model."""

    fingerprint: Fingerprint

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """The numbers of the layers as the names tell them."""
        return tuple(sorted({m.layer for m in self.fingerprint.matrices}))

    @cached_property
    def matrices(self) -> list[dict[Spot, list[Matrix]]]:
        """The matrices of every layer; several of one spot stand in the order of the fingerprint."""
        places = {layer: i for i, layer in enumerate(self.layers)}
        found: list[dict[Spot, list[Matrix]]] = [defaultdict(list) for _ in self.layers]
        for m in self.fingerprint.matrices:
            found[places[m.layer]][m.projection, -1 if m.expert is None else m.expert].append(m)
        return found

    def branches(self, kind: str, branch: str) -> np.ndarray:
        """Layers x 256: the `stream` or `token` sketches of one branch; zeros where there is none."""
        places = {layer: i for i, layer in enumerate(self.layers)}
        own = [b for b in self.fingerprint.branches if b.branch == branch and getattr(b, kind) is not None]
        size = len(getattr(own[0], kind)) if own else 1
        table = np.zeros((len(self.layers), size))
        for each in own:
            table[places[each.layer]] = getattr(each, kind)
        return table

    @cached_property
    def curves(self) -> np.ndarray:
        """std, skewness and kurtosis of every projection over depth: 7 x 3 x DEPTHS, NaN where it is missing."""
        table = np.full((len(PROJECTIONS), 3, DEPTHS), np.nan)
        for i, projection in enumerate(PROJECTIONS):
            own = [m for m in self.fingerprint.matrices if m.projection == projection and m.kurtosis is not None]
            layers = sorted({m.layer for m in own})
            if len(layers) < 2:  # noqa: PLR2004  # a curve has two ends
                continue
            rows = np.array([(m.layer, m.std, m.skewness, m.kurtosis) for m in own], float)
            means = np.array([rows[rows[:, 0] == layer, 1:].mean(0) for layer in layers])
            at = np.linspace(0, len(layers) - 1, DEPTHS)
            for j in range(3):
                table[i, j] = np.interp(at, np.arange(len(layers)), means[:, j])
        return table

    def spectra(self, rank: int = 16) -> list[dict[Spot, np.ndarray]]:
        """Logarithms of every matrix's largest singular values relative to their mean square."""
        return [
            {spot: log_spectrum(own[0].singular_values[:rank]) for spot, own in layer.items()}
            for layer in self.matrices
        ]


def outline(fingerprint: Fingerprint, kind: str) -> tuple[float, ...] | None:
    """Half of every branch's sketch of one kind, `stream` or `token`, summed over layers: 256 numbers of length 1.

    Near for models that share most layers, in whatever order. None where there are no sketches of the kind.
    """
    traits = Traits(fingerprint)
    sums = [traits.branches(kind, branch).sum(0) for branch in BRANCHES]
    whole = np.concatenate([own[:HALF] if own.any() else np.zeros(HALF) for own in sums])
    return tuple(unit(whole).tolist()) if whole.any() else None


def log_spectrum(values: tuple[float, ...]) -> np.ndarray:
    """Log of singular values, those that are not zero, over their root mean square."""
    kept: np.ndarray = np.array([v for v in values if v > 0])
    return np.asarray(np.log(kept) - 0.5 * np.log(np.mean(kept**2)))
