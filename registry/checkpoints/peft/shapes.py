"""Matrices of which only the shape is known: the formulas of adapters give their deltas' shapes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MatrixShape:
    """Stands for a matrix in a formula.

    Its operators are those of torch.Tensor; they raise ValueError for shapes that do not fit.
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.shape) != 2:  # noqa: PLR2004  # rows and columns
            raise ValueError(self.shape)

    @property
    def T(self) -> "MatrixShape":  # noqa: N802  # as tensors call it
        """The transpose."""
        return MatrixShape(self.shape[::-1])

    def __matmul__(self, other: "MatrixShape") -> "MatrixShape":
        rows, inner = self.shape
        other_inner, columns = other.shape
        if inner != other_inner:
            raise ValueError(self.shape, other.shape)
        return MatrixShape((rows, columns))

    def __mul__(self, other: "MatrixShape") -> "MatrixShape":
        """Multiply entry by entry; a single row or column serves for all."""
        sizes = []
        for size, other_size in zip(self.shape, other.shape, strict=True):
            if size != other_size and 1 not in (size, other_size):
                raise ValueError(self.shape, other.shape)
            sizes.append(size if other_size == 1 else other_size)
        return MatrixShape(tuple(sizes))

    def kron(self, other: "MatrixShape") -> "MatrixShape":
        """Return the shape of the Kronecker product."""
        rows, columns = self.shape
        other_rows, other_columns = other.shape
        return MatrixShape((rows * other_rows, columns * other_columns))
