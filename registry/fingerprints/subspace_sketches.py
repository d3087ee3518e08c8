"""The subspaces that a layer reads from the residual stream and writes to it, as sketches.

An adapter is trained on its base's activations, so that its deltas read and write along the base's
strongest directions. Of every layer: sums of W^T W over the projections that read the stream
(query, key, value, gate, up) and of W W^T over those that write it (output, down), each scaled
alike and without its part along the identity, as sketches S^T (...) S with S of random signs.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from registry.architectures.roles import WRITING
from registry.fingerprints.record import Matrix, Space
from registry.numerics.arrays import Values, as_array, finite, float64
from registry.numerics.sketches import signs, without_identity
from registry.numerics.unit_vectors import unit

SIZE, SEED = 16, 31
NUMBERS = SIZE * (SIZE + 1) // 2  # of the upper triangle of a symmetric sketch
UPPER = np.triu_indices(SIZE)
UPPER_WEIGHTS = np.where(UPPER[0] == UPPER[1], 1.0, np.sqrt(2))


def gram_sketch_of_factors(
    projection: str,
    left: Values,
    right: Values,
    triangles: tuple[Values, Values],
) -> np.ndarray:
    """Return the Gram sketch of left @ right from its factors, up to scale: SIZE x SIZE, float32.

    Args:
        left: outputs x r.
        right: r x inputs.
        triangles: R of the QR of left, and of right^T.

    The outer factor of a product may be replaced by its triangle, for |left x| = |R x|.
    """
    left_triangle, right_triangle = triangles
    if projection in WRITING:
        inner, outer_triangle = as_array(left).T, right_triangle
    else:
        inner, outer_triangle = as_array(right), left_triangle

    image = finite(inner) @ signs(inner.shape[1], SIZE, SEED)
    thin = as_array(outer_triangle) @ float64(image)
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32
        gram: np.ndarray = (thin.T @ thin).astype(np.float32)
    return gram


def subspaces(grams: Iterable[tuple[Matrix, Values]]) -> tuple[Space, ...]:
    """Return what every layer reads and writes, by layer, from its matrices' Gram sketches."""
    sums: dict[tuple[int, str], np.ndarray] = defaultdict(no_numbers)
    for matrix, gram in grams:
        if matrix.projection in WRITING:
            side, width = "writes", matrix.rows
        else:
            side, width = "reads", matrix.cols
        sums[matrix.layer, side] += direction(float64(as_array(gram)), width)

    spaces = []
    for (layer, side), total in sorted(sums.items()):
        spaces.append(Space(layer, side, tuple(unit(total).tolist())))
    return tuple(spaces)


def no_numbers() -> np.ndarray:
    """Return the sum of no sketches."""
    return np.zeros(NUMBERS)


def direction(gram: np.ndarray, width: int) -> np.ndarray:
    """Return the upper triangle of a Gram sketch without the identity's part, of length 1.

    Entries off the diagonal stand twice in the sketch, hence the factor sqrt(2). width: of the
    stream.
    """
    rest = without_identity(gram, identity_sketch(width))
    flat = rest[UPPER] * UPPER_WEIGHTS
    return np.asarray(flat / (np.linalg.norm(flat) or 1.0))


@lru_cache(256)
def identity_sketch(width: int) -> np.ndarray:
    """Return S^T S, the Gram sketch of the identity: SIZE x SIZE, float64."""
    random_signs = signs(width, SIZE, SEED).astype(np.float64)
    return np.asarray(random_signs.T @ random_signs)
