"""registry.fingerprints.digests: digests of tensors and of whole models."""

from dataclasses import replace

import pytest
import torch
from checkpoints_made import llama, write_folder

import registry
from registry.checkpoints import Entry
from registry.checkpoints.dtypes import F32
from registry.fingerprints.digests import (
    OtherTensor,
    TensorDigests,
    content_digest,
    digest_of_cast,
    tensor_digests,
)

NORM = OtherTensor(Entry("norm", F32, (4,), torch.empty), TensorDigests("norm's"))


@pytest.fixture(scope="module")
def matrices(tmp_path_factory):
    """The matrices of a small model in bf16, which a cast leaves as they are."""
    tensors = {name: tensor.bfloat16() for name, tensor in llama().items()}
    return registry.fingerprint(write_folder(tmp_path_factory.mktemp("m") / "m", tensors)).matrices


def test_a_cast_that_changes_nothing_has_no_digest():
    """Of bf16, and of float32 that holds what bf16 holds; of other values it has its own."""
    values = torch.tensor([1.0, 2.5])
    assert tensor_digests(values.bfloat16()).cast_digest is None
    assert tensor_digests(values).cast_digest is None
    assert tensor_digests(values + 1e-4).cast_digest is not None


def test_names_and_copies_do_not_count(matrices):
    """Neither the tensors' names nor a tensor that is stored twice; a place and a value do."""
    digest = content_digest(matrices, [NORM])
    renamed = [replace(matrix, tensor="x") for matrix in matrices]
    assert content_digest(renamed, [NORM, NORM]) == digest
    assert content_digest(matrices, []) != digest
    moved = [replace(matrix, layer=matrix.layer + 1) for matrix in matrices]
    assert content_digest(moved, [NORM]) != digest
    experts = [replace(matrix, expert=0) for matrix in matrices]
    assert content_digest(experts, [NORM]) != digest


def test_the_digest_of_the_cast_model(matrices):
    """Is that of a model which holds the cast values; None where the cast changes none."""
    assert digest_of_cast(matrices, [NORM]) is None
    other = replace(NORM, digests=TensorDigests("norm's", "cast norm's"))
    cast = replace(NORM, digests=TensorDigests("cast norm's"))
    assert digest_of_cast(matrices, [other]) == content_digest(matrices, [cast])
    wide = [replace(matrix, cast_digest=f"cast {matrix.digest}") for matrix in matrices]
    narrow = [replace(matrix, digest=f"cast {matrix.digest}") for matrix in matrices]
    assert digest_of_cast(wide, [NORM]) == content_digest(narrow, [NORM])
