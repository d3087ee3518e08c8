"""All sketches of one matrix, from one product with all their directions.

Whatever reads the residual stream is multiplied with vectors of its inputs, whatever writes it with
vectors of its outputs: the side of the stream, which the Gram sketch and the branch's side need.
"""

from dataclasses import dataclass

import numpy as np

from registry.architectures.residual_stream import ResidualStream
from registry.architectures.roles import WRITING
from registry.fingerprints.branch_sketches import BranchSide, branch_directions, side_of
from registry.fingerprints.matrix_place import MatrixPlace
from registry.fingerprints.subspace_sketches import SEED, SIZE
from registry.numerics.arrays import Values
from registry.numerics.sketches import COLUMNS_SEED, ROWS_SEED, signs
from registry.numerics.thin_products import times, transposed_times


@dataclass(frozen=True)
class MatrixSketches:
    """The sketches of a matrix W, outputs x inputs.

    Attributes:
        sketch: A^T W B / size with signs A, B: size x size, float32. Linear in W; its squared
            length is |W|_F^2 in the mean, off by a part of about 2 / size. Of a matrix of rank r it
            has rank r, or size if that is less.
        gram: S^T W^T W S with signs S, or S^T W W^T S where the projection writes: SIZE x SIZE,
            float32.
        side: of its branch; None where it has none.
    """

    sketch: np.ndarray
    gram: np.ndarray
    side: BranchSide | None


def matrix_sketches(
    stream: ResidualStream, place: MatrixPlace, matrix: Values, size: int
) -> MatrixSketches:
    """Return the sketches of a matrix of any floating type, outputs x inputs.

    Args:
        size: Rows and columns of the first.
    """
    rows, columns = matrix.shape
    writes = place.projection in WRITING
    near, far = (rows, columns) if writes else (columns, rows)
    near_seed, far_seed = ROWS_SEED, COLUMNS_SEED
    if not writes:
        near_seed, far_seed = far_seed, near_seed

    directions = [signs(near, size, near_seed), signs(near, SIZE, SEED)]
    of_branch = branch_directions(stream, place, near)
    if of_branch is not None:
        directions.append(of_branch)
    product = transposed_times if writes else times
    images = product(matrix, np.concatenate(directions, 1))  # far x directions

    image = images[:, :size]
    sketch = signs(far, size, far_seed).T @ image / np.float32(size)
    gram_image = images[:, size : size + SIZE]
    side = None
    if of_branch is not None:
        side = side_of(place, matrix, images[:, size + SIZE :])
    return MatrixSketches(
        sketch=sketch.T if writes else sketch, gram=gram_image.T @ gram_image, side=side
    )
