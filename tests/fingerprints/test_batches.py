"""registry.fingerprints.batches: matrices that wait for others of their shape."""

from pathlib import Path

import pytest
from checkpoints_made import llama, write_folder

from registry.architectures.layout import layout_of
from registry.checkpoints import open_checkpoint
from registry.fingerprints.batches import Batches
from registry.fingerprints.digests import TensorDigests
from registry.fingerprints.matrix import HashedMatrix
from registry.fingerprints.matrix_place import MatrixPlace


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of five layers, in bfloat16."""
    tensors = {
        name: tensor.bfloat16()
        for name, tensor in llama(layers=5, hidden=128, inner=320, keys=64).items()
    }
    return write_folder(tmp_path_factory.mktemp("batches"), tensors)


def hashed_matrices(folder: Path) -> list[HashedMatrix]:
    tensors = layout_of(open_checkpoint(folder)).projections
    nothing = TensorDigests("")
    return [
        HashedMatrix(MatrixPlace(tensor, 0), tensor.entry.load(), nothing, None)
        for tensor in tensors
    ]


def test_batches_are_of_one_shape(folder):
    """All are given out when they take more than the limit, each once; what is left comes at the end."""
    given = hashed_matrices(folder)
    batches = Batches(3 * 7 * 320 * 128, 1)
    found = [batch for matrix in given for batch in batches.add(matrix)]
    assert len(found) > 0
    found += batches.take()
    assert all(len({matrix.values.shape for matrix in batch}) == 1 for batch in found)
    assert max(map(len, found)) > 1
    names = [matrix.place.tensor_name for batch in found for matrix in batch]
    assert sorted(names) == sorted(matrix.place.tensor_name for matrix in given)
    assert batches.take() == []


def test_without_a_limit_each_is_given_out_by_itself(folder):
    """So that it is computed at once."""
    batches = Batches(0, 1)
    given = hashed_matrices(folder)
    assert [batches.add(matrix) for matrix in given] == [[[matrix]] for matrix in given]
