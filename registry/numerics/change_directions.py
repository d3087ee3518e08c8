"""The directions that a change of a matrix writes to, and what stood in them before."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from registry.numerics.arrays import Values, as_array
from registry.numerics.thin_products import widened

KEPT = 8  # directions
SPARE = 4  # more, for the iteration to converge
ITERATIONS = 1
SEED = 31


@dataclass(frozen=True)
class ChangeImage:
    """A change D = W' - W in its first m directions u, rows of W and W' being outputs.

    Attributes:
        energy: |D|^2.
        values: Squared singular values |u^T D|^2, falling: m.
        left: The directions, rows x m.
        before: |u^T W|^2: m.
        after: |u^T W'|^2: m.
        product: <u^T D, u^T W>: m.
    """

    energy: float
    values: np.ndarray
    left: np.ndarray
    before: np.ndarray
    after: np.ndarray
    product: np.ndarray


def change_image(later: Values, earlier: Values) -> ChangeImage | None:
    """Return where a matrix changed to, outputs x inputs; None where it did not change.

    NaN and infinities count as zero. A block iteration, exact for changes of rank KEPT at most.
    """
    before = widened(as_array(earlier))
    change = widened(as_array(later))
    change = change - before  # the first may be a view of what the file holds
    energy = float(np.vdot(change, change))
    if energy == 0:
        return None

    rows, columns = change.shape
    width = min(KEPT + SPARE, rows, columns)
    draw = np.random.default_rng(SEED)
    right = draw.standard_normal((columns, width)).astype(np.float32)
    for _ in range(ITERATIONS):
        outer = np.linalg.qr(change @ right).Q
        right = np.linalg.qr(change.T @ outer).Q
    outer, values, _ = np.linalg.svd(change @ right, full_matrices=False)

    left = outer[:, :KEPT]
    of_change = left.T @ change  # m x columns
    of_earlier = left.T @ before
    return ChangeImage(
        energy=energy,
        values=values[:KEPT].astype(np.float64) ** 2,
        left=left,
        before=squares(of_earlier),
        after=squares(of_earlier + of_change),
        product=np.einsum("ij,ij->i", of_change, of_earlier).astype(np.float64),
    )


def squares(rows: np.ndarray) -> np.ndarray:
    """Return the squared length of every row."""
    lengths: np.ndarray = np.einsum("ij,ij->i", rows, rows).astype(np.float64)
    return lengths


def shared_energy(images: Sequence[ChangeImage], count: int) -> float:
    """Return the share of all changes, each of length 1, in `count` directions that they share.

    Of matrices of as many rows.
    """
    columns = [image.left * np.sqrt(image.values / image.energy) for image in images]
    stacked = np.concatenate(columns, axis=1)  # rows x n m
    values = np.linalg.svd(stacked, compute_uv=False)
    return float((values[:count] ** 2).sum()) / len(images)
