"""Matrices of which only the shape is known, and what formulas of matrices make of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outline:
    """Stands for a matrix in a formula. Its operators are those of torch.Tensor; they raise ValueError for misfits."""

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.shape) != 2:  # noqa: PLR2004  # rows and columns
            raise ValueError(self.shape)

    @property
    def T(self) -> "Outline":  # noqa: N802  # as tensors call it
        """The transpose."""
        return Outline(self.shape[::-1])

    def __matmul__(self, other: "Outline") -> "Outline":
        if self.shape[1] != other.shape[0]:
            raise ValueError(self.shape, other.shape)
        return Outline((self.shape[0], other.shape[1]))

    def __mul__(self, other: "Outline") -> "Outline":
        """Entry by entry; a single row or column serves for all."""
        pairs = list(zip(self.shape, other.shape, strict=True))
        if any(n != m and 1 not in (n, m) for n, m in pairs):
            raise ValueError(self.shape, other.shape)
        return Outline(tuple(n if m == 1 else m for n, m in pairs))

    def kron(self, other: "Outline") -> "Outline":
        """Kronecker product."""
        return Outline((self.shape[0] * other.shape[0], self.shape[1] * other.shape[1]))
