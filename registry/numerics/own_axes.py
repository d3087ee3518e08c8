"""Square maps in axes of their own: the directions that all of them together use most.

Maps M of one space to itself, given by products with thin matrices alone. Rotating the space
(M -> R^T M R) leaves what is returned unchanged, but for a rotation within the kept axes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from registry.numerics.sketches import signs

AXES = 24  # kept of the space
RANK = 32  # singular values kept of every map
BLOCK = 48  # vectors of the iteration
ROUNDS = 3  # in which a block comes close to the leading singular vectors
SEED = 41
NEGLIGIBLE = 1e-6  # of the largest singular value
INDEPENDENT = 1e-3  # of the largest pivot of a Gram matrix's root: 1e-10 are lost in float64
QUICK = 128  # rows of a Gram matrix whose eigenvectors all take less than SciPy's import

Product = Callable[[np.ndarray], np.ndarray]
"""Width x k to width x k, float32."""


@dataclass(frozen=True)
class SquareMap:
    """A map M of a space to itself.

    Attributes:
        width: dimensions of the space.
        apply: X to M X.
        apply_transposed: X to M^T X.
        trace: of M.
    """

    width: int
    apply: Product
    apply_transposed: Product
    trace: float

    def without_identity(self, block: np.ndarray) -> np.ndarray:
        """Return (M - trace / width) X."""
        share = np.float32(self.trace / self.width)
        return self.apply(block) - share * block

    def without_identity_transposed(self, block: np.ndarray) -> np.ndarray:
        """Return (M - trace / width)^T X."""
        share = np.float32(self.trace / self.width)
        return self.apply_transposed(block) - share * block


@dataclass(frozen=True)
class LeadingPart:
    """The leading singular values and vectors of a map, scaled to length 1 together.

    Attributes:
        left: width x r, the left vectors times the singular values.
        right: width x r, the right vectors.
    """

    left: np.ndarray
    right: np.ndarray

    @property
    def scaled_right(self) -> np.ndarray:
        """The right vectors times the singular values, width x r."""
        scaled: np.ndarray = self.right * np.linalg.norm(self.left, axis=0)
        return scaled


def leading_part(square: SquareMap) -> LeadingPart | None:
    """Return the leading singular triplets of M without its part along the identity.

    By subspace iteration (Halko, Martinsson and Tropp, 2011); None where nothing is left of M, or
    its values are too large for float32.
    """
    right = orthonormal(signs(square.width, min(BLOCK, square.width), SEED))
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32
        for _ in range(ROUNDS):
            left = orthonormal(square.without_identity(right))
            right = orthonormal(square.without_identity_transposed(left))
        image = square.without_identity(right).astype(np.float64)

    if not np.isfinite(image).all():
        return None
    left_vectors, values, small_right = np.linalg.svd(image, full_matrices=False)
    kept = values > NEGLIGIBLE * values[0]
    kept[RANK:] = False
    length = float(np.linalg.norm(values[kept]))
    if not 0 < length < float("inf"):
        return None

    scaled = left_vectors[:, kept] * (values[kept] / length)
    vectors = right.astype(np.float64) @ small_right.T[:, kept]
    return LeadingPart(scaled, vectors)


def orthonormal(block: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of a thin matrix's columns, of the same shape, float32.

    Of columns that are not finite it is NaN.
    """
    exact = block.astype(np.float64)
    basis = basis_by_cholesky(exact)
    if basis is None:
        basis = np.linalg.qr(exact).Q
    return basis.astype(np.float32)


def basis_by_cholesky(block: np.ndarray) -> np.ndarray | None:
    """Return an orthonormal basis from the Gram matrix, in a sixth of the time that QR takes.

    None of columns that are so dependent, or not finite, that float32 would show what is lost.
    """
    gram = block.T @ block
    try:
        lower = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        return None
    diagonal = lower.diagonal()
    if not INDEPENDENT * diagonal.max() < diagonal.min() < np.inf:
        return None
    basis: np.ndarray = block @ np.linalg.inv(lower).T
    return basis


def in_own_axes(parts: Sequence[LeadingPart]) -> list[np.ndarray]:
    """Return every map in the axes that all together use most: AXES x AXES each, float64.

    The axes U are the leading eigenvectors of the sum of M M^T + M^T M; the maps become U^T M U.
    Of a narrower space there are fewer axes, and zeros beside them. What signs eigenvectors leave
    open is chosen such that the largest element of each is positive.
    """
    sides = [part.left for part in parts] + [part.scaled_right for part in parts]
    axes = leading_left_vectors(np.concatenate(sides, 1))
    count = axes.shape[1]

    maps = []
    for part in parts:
        square = np.zeros((AXES, AXES))
        square[:count, :count] = (axes.T @ part.left) @ (part.right.T @ axes)
        maps.append(square)
    return maps


def leading_left_vectors(columns: np.ndarray) -> np.ndarray:
    """Return at most AXES left singular vectors of a matrix, those of the largest values.

    They are the eigenvectors of its Gram matrix, whose other side is taken where that is smaller.
    """
    is_narrow = len(columns) <= columns.shape[1]
    gram = columns @ columns.T if is_narrow else columns.T @ columns
    values, vectors = largest_eigenvectors(gram)
    kept = values > NEGLIGIBLE * values[0]
    axes = vectors[:, kept]
    if not is_narrow:
        axes = columns @ axes / np.sqrt(values[kept])
    largest = np.take_along_axis(axes, np.abs(axes).argmax(0)[None], 0)
    signed: np.ndarray = axes * np.sign(largest)
    return signed


def largest_eigenvectors(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the AXES largest eigenvalues of a symmetric matrix, falling, and their vectors."""
    size = len(gram)
    if size <= QUICK:
        every_value, every_vector = np.linalg.eigh(gram)
        return every_value[::-1][:AXES], every_vector[:, ::-1][:, :AXES]

    from scipy.linalg import eigh  # noqa: PLC0415  # numpy computes all of them

    values, vectors = eigh(gram, subset_by_index=(max(0, size - AXES), size - 1))
    return values[::-1], vectors[:, ::-1]
