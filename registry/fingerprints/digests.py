"""SHA-256 digests of tensors and of whole checkpoints."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from registry.checkpoints import Entry
from registry.checkpoints.dtypes import FLOATING
from registry.fingerprints.digest_lines import Placed, digest_of_lines, placed_digest
from registry.numerics.arrays import Values, as_array, contiguous, is_floating
from registry.numerics.digest import PiecewiseDigests, cast_digest, tensor_digest
from registry.numerics.flat_sketches import WIDTH, FlatSketch

PIECE = 64 << 20  # bytes of a large tensor that are in memory at a time; a multiple of ROUND values
LARGE = 2 * PIECE
NO_SKETCH = FlatSketch(0.0, (0.0,) * WIDTH)


@dataclass(frozen=True)
class TensorDigests:
    """The digests of one tensor, hexadecimal.

    Attributes:
        digest: of its values.
        cast_digest: of its values in bf16; None where the cast changes none of them.
    """

    digest: str
    cast_digest: str | None = None


@dataclass(frozen=True)
class OtherTensor:
    """A tensor that is no projection: embeddings, norms, biases.

    Attributes:
        entry: its name, type and shape.
        digests: of its values.
        sketch: its length and signed sums; zeros for an adapter's.
        layer: that it belongs to; None outside the layers, and for an adapter's.
    """

    entry: Entry
    digests: TensorDigests
    sketch: FlatSketch = NO_SKETCH
    layer: int | None = None


def tensor_digests(values: Values) -> TensorDigests:
    """Return the digests of a tensor of any type and shape."""
    array = as_array(values)
    if not is_floating(array.dtype):
        return TensorDigests(tensor_digest(as_floats(array)).hex())
    cast = cast_digest(array)
    return TensorDigests(tensor_digest(array).hex(), cast.hex() if cast else None)


def comes_in_pieces(entry: Entry) -> bool:
    """Return whether a tensor is so large that it is digested a piece at a time."""
    return entry.nbytes > LARGE and entry.comes_in_pieces and entry.dtype in FLOATING


def held_bytes(entry: Entry) -> int:
    """Return the bytes of memory that digesting a tensor takes."""
    return PIECE if comes_in_pieces(entry) else entry.nbytes


def pieces_of(entry: Entry) -> Iterator[np.ndarray]:
    """Read a tensor that comes in pieces, flat."""
    return entry.in_pieces(PIECE // entry.dtype.itemsize)


def finished(digests: PiecewiseDigests) -> TensorDigests:
    """Return the digests of a tensor of which all pieces were taken."""
    cast = digests.cast_digest()
    return TensorDigests(digests.tensor_digest().hex(), cast.hex() if cast else None)


def as_floats(array: np.ndarray) -> np.ndarray:
    """Return whole numbers, truth values or complex numbers as floats that hold each of them.

    Whole numbers beyond 2^53 are rounded: no table of a model has them.
    """
    if np.iscomplexobj(array):
        parts = contiguous(array).view(f"f{array.itemsize // 2}")
        return parts.reshape(*array.shape, 2)
    return array.astype(np.float16 if array.itemsize == 1 else np.float64)


def content_digest(matrices: Sequence[Placed], others: Sequence[OtherTensor]) -> str:
    """Return the SHA-256 over the digests of every weight.

    Projections count with their place, other tensors of a layer with that layer, and as often as
    they stand there; outside the layers by value alone, each once. So the format, the sharding, the
    names and whether tied weights are stored twice leave it unchanged.
    """
    lines = list({placed_digest(matrix) for matrix in matrices})
    outside = {f"other {other.digests.digest}" for other in others if other.layer is None}
    lines += outside
    lines += [f"{o.layer} other {o.digests.digest}" for o in others if o.layer is not None]
    return digest_of_lines(lines)


def digest_of_cast(matrices: Sequence[Placed], others: Sequence[OtherTensor]) -> str | None:
    """Return the content digest of the model cast to bf16; None where the cast changes nothing."""
    matrices_change = any(matrix.cast_digest for matrix in matrices)
    others_change = any(other.digests.cast_digest for other in others)
    if not matrices_change and not others_change:
        return None

    return content_digest(
        [cast_matrix(matrix) for matrix in matrices],
        [cast_other(other) for other in others],
    )


def cast_matrix(matrix: Placed) -> Placed:
    """Return the matrix with the digest that it has in bf16."""
    return replace(matrix, digest=matrix.cast_digest or matrix.digest)


def cast_other(other: OtherTensor) -> OtherTensor:
    """Return the tensor with the digest that it has in bf16."""
    digest = other.digests.cast_digest or other.digests.digest
    return replace(other, digests=TensorDigests(digest))
