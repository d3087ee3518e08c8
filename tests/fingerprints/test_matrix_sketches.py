"""registry.fingerprints.matrix_sketches: all sketches of a matrix, against their formulas."""

import numpy as np
import pytest

from registry.architectures.projection_tensors import ProjectionTensor
from registry.architectures.residual_stream import ResidualStream
from registry.checkpoints import Entry
from registry.checkpoints.dtypes import F32
from registry.fingerprints.branch_sketches import branch_side
from registry.fingerprints.matrix_place import MatrixPlace
from registry.fingerprints.matrix_sketches import matrix_sketches
from registry.fingerprints.subspace_sketches import SEED, SIZE
from registry.numerics.sketches import COLUMNS_SEED, ROWS_SEED, signs

WIDTH, INNER = 24, 40
DRAW = np.random.default_rng(1)
STREAM = ResidualStream(
    WIDTH,
    tokens=DRAW.standard_normal((5, WIDTH), np.float32),
    gains={(0, "mlp_in"): DRAW.standard_normal(WIDTH, np.float32)},
)


def place_of(projection: str, matrix: np.ndarray) -> MatrixPlace:
    """Return where a made-up matrix is stored."""
    entry = Entry("layers.0", F32, matrix.shape, lambda: matrix)
    tensor = ProjectionTensor(entry, "made", 0, (projection,), (None,), False, (len(matrix),), 1)
    return MatrixPlace(tensor, 0)


@pytest.mark.parametrize("projection", ["query", "value", "output", "up", "down"])
@pytest.mark.parametrize("size", [6, 18])
def test_sketches_are_their_products(projection, size):
    """A^T W B / size, S^T W^T W S or S^T W W^T S, and the branch's side as it is alone."""
    writes = projection in {"output", "down"}
    shape = (WIDTH, INNER) if writes else (INNER, WIDTH)
    matrix = DRAW.standard_normal(shape, np.float32)
    place = place_of(projection, matrix)
    made = matrix_sketches(STREAM, place, matrix, size)

    rows, columns = signs(shape[0], size, ROWS_SEED), signs(shape[1], size, COLUMNS_SEED)
    assert made.sketch == pytest.approx(rows.T @ matrix @ columns / size, abs=1e-4)
    image = (matrix.T if writes else matrix) @ signs(WIDTH, SIZE, SEED)
    assert made.gram == pytest.approx(image.T @ image, rel=1e-3, abs=1e-2)

    alone = branch_side(STREAM, place, matrix)
    assert (made.side is None) == (alone is None) == (projection == "query")
    if made.side is not None and alone is not None:
        assert made.side.thin == pytest.approx(alone.thin, abs=1e-2)
        assert (made.side.lengths == alone.lengths).all()


def test_a_matrix_of_another_width_has_no_side():
    """It does not stand beside the stream."""
    matrix = DRAW.standard_normal((INNER, WIDTH + 1), np.float32)
    assert matrix_sketches(STREAM, place_of("up", matrix), matrix, 6).side is None
