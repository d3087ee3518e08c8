"""The directions that a layer reads from the residual stream and writes to it: what an adapter's updates fit, or not.

An adapter is trained on its base's activations, so that its updates read and write along the base's strongest
directions. Of every layer: sums of W^T W over the projections that read the stream (query, key, value, gate, up) and of
W W^T over those that write it (output, down), each scaled alike and without its part along the identity, as sketches
S^T (...) S with signs S.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import torch

from registry.architectures.roles import WRITING
from registry.fingerprints.record import Matrix, Space
from registry.numerics.sketches import signs, times, transposed_times, without_identity
from registry.numerics.unit_vectors import unit

SIZE, SEED = 16, 31


def gram(projection: str, matrix: torch.Tensor) -> torch.Tensor:
    """S^T W^T W S, or S^T W W^T S where the projection writes: SIZE x SIZE, float32."""
    if projection in WRITING:
        thin = transposed_times(matrix, signs(matrix.shape[0], SIZE, SEED))
    else:
        thin = times(matrix, signs(matrix.shape[1], SIZE, SEED))
    return (thin.T @ thin).cpu()


def thin_gram(
    projection: str,
    left: torch.Tensor,
    right: torch.Tensor,
    triangles: tuple[torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """The same of left @ right, from these factors and the R of each one's QR, up to scale.

    The outer factor is as long as its triangle: |left x| = |R x|.
    """
    own, outer = (left.T, triangles[1]) if projection in WRITING else (right, triangles[0])
    inner = torch.nan_to_num(own.to(torch.float32), 0.0, 0.0, 0.0) @ signs(own.shape[1], SIZE, SEED)
    thin = outer @ inner.double()
    return (thin.T @ thin).float()


def spaces(grams: Iterable[tuple[Matrix, torch.Tensor]]) -> tuple[Space, ...]:
    """Of every layer what it reads and what it writes, from the Gram sketches of its matrices."""
    sums: dict[tuple[int, str], np.ndarray] = defaultdict(lambda: np.zeros(SIZE * (SIZE + 1) // 2))
    for matrix, own in grams:
        writes = matrix.projection in WRITING
        width = matrix.rows if writes else matrix.cols
        sums[matrix.layer, "writes" if writes else "reads"] += shape_of(own.double().numpy(), width)
    return tuple(
        Space(*place, tuple(unit(total).tolist())) for place, total in sorted(sums.items())
    )


def shape_of(own: np.ndarray, width: int) -> np.ndarray:
    """A Gram sketch without the identity's part: the upper triangle, of length 1; off the diagonal it counts twice."""
    rest = without_identity(own, identity_of(width))
    rows, columns = np.triu_indices(SIZE)
    flat = rest[rows, columns] * np.where(rows == columns, 1.0, np.sqrt(2))
    return np.asarray(flat / (np.linalg.norm(flat) or 1.0))


@lru_cache(256)
def identity_of(width: int) -> np.ndarray:
    """S^T S: the Gram sketch of the identity."""
    own = signs(width, SIZE, SEED).double().numpy()
    return np.asarray(own.T @ own)
