"""The outline of a fingerprint: short vectors by which a shortlist of relatives is searched.

Nearby outlines suggest that two models share most layers, in whatever order these stand.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from registry.fingerprints.record import Branch, Fingerprint
from registry.numerics.unit_vectors import unit

BRANCHES = ("attention", "mlp")
OWN_AXES = 24  # rows and columns of a sketch in the model's own axes
HALF = 128  # numbers of each branch's sketch in an outline


@dataclass(frozen=True)
class Outline:
    """Vectors of length 1, rounded to half precision; 256 numbers but for `own`.

    Attributes:
        start: image of the first values of all projections' tensors; None for an adapter.
        stream: sums of the branches' sketches in the residual stream's own axes.
        token: sums of their sketches in the anchor tokens' axes; None without an embedding.
        own: 64 numbers that no rotation of the model's own axes changes; None where no layer has
            such a sketch.
    """

    start: tuple[float, ...] | None
    stream: tuple[float, ...] | None
    token: tuple[float, ...] | None
    own: tuple[float, ...] | None = None


def outline(fingerprint: Fingerprint) -> Outline:
    """Return the outline of a fingerprint; None stands for each part that it has no sketches of."""
    branches = sorted(fingerprint.branches, key=by_layer)
    return Outline(
        start=fingerprint.start,
        stream=summed([(branch.branch, branch.stream) for branch in branches]),
        token=summed([(branch.branch, branch.token) for branch in branches]),
        own=own_outline(branches),
    )


def by_layer(branch: Branch) -> int:
    """Return the layer of a branch."""
    return branch.layer


def summed(sketches: Sequence[tuple[str, tuple[float, ...] | None]]) -> tuple[float, ...] | None:
    """Return the first halves of sketches, summed over layers for each branch, of length 1."""
    sums = {branch: np.zeros(HALF) for branch in BRANCHES}
    for branch, sketch in sketches:
        if sketch is not None:
            sums[branch] += sketch[:HALF]

    whole = np.concatenate([sums[branch] for branch in BRANCHES])
    return tuple(unit(whole).tolist()) if whole.any() else None


def own_outline(branches: Sequence[Branch]) -> tuple[float, ...] | None:
    """Return roots of singular values of the sketches in the model's own axes, of length 1.

    For attention and for the mlp 16 of every layer, in the mean, and 8 of the layers' mean and of
    its symmetric part. None without such sketches.
    """
    numbers = []
    for name in BRANCHES:
        of_name = [branch for branch in branches if branch.branch == name]
        sketches = [branch.own for branch in of_name if branch.own is not None]
        nothing = (0.0,) * OWN_AXES**2
        squares = np.reshape(sketches or [nothing], (-1, OWN_AXES, OWN_AXES))
        mean = squares.mean(0)
        numbers.append(root_singular_values(squares).mean(0)[:16])
        numbers.append(root_singular_values(mean)[:8])
        numbers.append(root_singular_values((mean + mean.T) / 2)[:8])

    whole = np.concatenate(numbers)
    return tuple(unit(whole).tolist()) if whole.any() else None


def root_singular_values(matrices: np.ndarray) -> np.ndarray:
    """Return the square roots of the singular values of one matrix or many, falling."""
    return np.sqrt(np.linalg.svd(matrices, compute_uv=False))
