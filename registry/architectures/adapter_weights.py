"""The matrices of a delta one by one, for a base that keeps them otherwise than the adapter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from registry.architectures.projection_tensors import ProjectionTensor
from registry.checkpoints import Delta, Entry
from registry.checkpoints.dtypes import F32, F64, DType
from registry.checkpoints.peft.weights import with_delta
from registry.numerics.arrays import Values, as_array, as_tensor

if TYPE_CHECKING:
    from torch import Tensor

STACK = 3  # dimensions of a stack of experts


@dataclass(frozen=True)
class MatrixDelta:
    """One of the matrices that a delta is cut into, read whenever it is asked for.

    Attributes:
        delta: The delta of a fused weight or a stack of experts.
        tensor: How it is cut.
        index: Which of its matrices it is.
    """

    delta: Delta
    tensor: ProjectionTensor
    index: int

    def factors(self) -> tuple[Values, Values]:
        """Read B and A of this matrix alone."""
        assert self.delta.factors
        left, right = self.delta.factors()
        b, a = as_array(left), as_array(right)
        expert, part = divmod(self.index, len(self.tensor.sizes))
        if a.ndim == STACK:
            b, a = b[expert], a[expert]
        return self.tensor.split(b)[part], a

    def product(self, dtype: DType) -> "Tensor":
        """Read the matrix, outputs x inputs, with its scaling."""
        if self.delta.factors is None:
            whole = self.delta.exact()
            return self.tensor.cut(whole)[self.index].to(dtype.torch)
        b, a = self.factors()
        product: Tensor = as_tensor(b).to(dtype.torch) @ as_tensor(a).to(dtype.torch)
        return product * self.delta.scaling

    def magnitude(self) -> np.ndarray:
        """Read the row lengths of this matrix that DoRA sets."""
        assert self.delta.magnitude
        lengths = self.delta.magnitude.array().reshape(-1, 1)
        return self.tensor.split(lengths)[self.index]


def matrix_delta(delta: Delta, tensor: ProjectionTensor, index: int) -> Delta:
    """Return the delta of one of the matrices that a delta is cut into."""
    matrix = MatrixDelta(delta, tensor, index)
    magnitude = delta.magnitude
    return replace(
        delta,
        shape=tensor.shapes[index],
        read=lambda: matrix.product(F32),
        exact=lambda: matrix.product(F64),
        factors=matrix.factors if delta.factors else None,
        magnitude=magnitude and replace(magnitude, read=matrix.magnitude),
    )


class ChangedPart(NamedTuple):
    """One of the matrices of a base's tensor, and what is added to it.

    Attributes:
        tensor: How the base's tensor is cut; its parts do not alternate.
        number: Which of its matrices is changed.
        delta: Outputs x inputs.
        heads: How many heads the delta's rows are ordered by, where their halves alternate.
    """

    tensor: ProjectionTensor
    number: int
    delta: Delta
    heads: int | None


def with_parts(weight: Entry, parts: Sequence[ChangedPart]) -> Entry:
    """Return a fused weight's entry, or a stack's, some of whose matrices have deltas."""

    def load() -> "Tensor":
        stored = weight.load()
        for part in parts:
            matrix = part.tensor.cut(stored)[part.number]  # a view of what was read
            alone = Entry(weight.name, weight.dtype, tuple(matrix.shape), matrix.detach)
            changed = with_delta(alone, part.delta, transposed=False, heads=part.heads)
            matrix.copy_(changed.load())
        return stored

    return Entry(weight.name, weight.dtype, weight.shape, load)


def heads_of(delta: Delta, config: Mapping[str, Any]) -> int | None:
    """Return how many heads a delta's rows are ordered by, as the base's config counts them.

    None where its rows are in the base's order, 0 where the config counts none that divide them.
    """
    if delta.heads is None:
        return None
    count = config.get(delta.heads.value, config.get("num_attention_heads"))
    if type(count) is not int or count < 1 or delta.shape[0] % (2 * count):
        return 0
    return count
