"""Where a projection matrix is stored."""

from dataclasses import dataclass

from registry.architectures.layout import ProjectionTensor


@dataclass(frozen=True)
class MatrixPlace:
    """One of the matrices that a tensor is cut into.

    Attributes:
        tensor: the tensor that holds the matrix.
        index: which of the tensor's matrices it is, counted from 0.
    """

    tensor: ProjectionTensor
    index: int

    @property
    def layer(self) -> int:
        """The layer that the matrix belongs to."""
        return self.tensor.layer

    @property
    def projection(self) -> str:
        """The projection that the matrix computes."""
        return self.tensor.parts[self.index]

    @property
    def expert(self) -> int | None:
        """The expert that the matrix belongs to; None where it serves every token."""
        return self.tensor.experts[self.index]

    @property
    def tensor_name(self) -> str:
        """The name of the tensor in the checkpoint."""
        return self.tensor.entry.name
