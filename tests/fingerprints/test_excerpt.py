"""registry.fingerprints.excerpt and whole_digests: what is measured of a part of a model."""

from dataclasses import replace

import models_made as made
import pytest
import torch
from checkpoints_made import write_folder

import registry
from registry.checkpoints import open_checkpoint
from registry.errors import NonFiniteWeights
from registry.fingerprints.equal_weights import equal_weights
from registry.fingerprints.excerpt import attention_of, chosen_layers, excerpt
from registry.fingerprints.whole_digests import WholeDigests, whole_digests

ROOT = made.grown()
LAYERS = (1, 2)


@pytest.fixture
def folder(tmp_path):
    narrow = {name: tensor.to(torch.bfloat16) for name, tensor in ROOT.items()}
    return write_folder(tmp_path / "root", narrow)


def without_spectra(matrix):
    return replace(matrix, singular_values=(), bounds=None)


def test_layers_of_a_model(folder):
    """They have the records that the whole fingerprint has of them, but for most spectra."""
    part = excerpt(open_checkpoint(folder), LAYERS)
    whole = attention_of(registry.fingerprint(folder, rank=16), LAYERS)
    assert list(map(without_spectra, part.matrices)) == list(map(without_spectra, whole.matrices))
    assert part.branches == whole.branches
    assert {tensor.name for tensor in part.tensors} == {tensor.name for tensor in whole.tensors}
    assert (part.clusterings, part.layers, part.vocabulary) == ((), 2, whole.vocabulary)


def test_all_layers_without_spectra(folder):
    """Everything else is there; the smallest tensor of each chosen layer has its spectrum."""
    part = excerpt(open_checkpoint(folder), None)
    whole = registry.fingerprint(folder, rank=16)
    assert (part.digest, part.std, part.branches) == (whole.digest, whole.std, whole.branches)
    assert (part.tensors, part.spaces, part.start) == (whole.tensors, whole.spaces, whole.start)
    with_spectra = [matrix for matrix in part.matrices if matrix.singular_values]
    assert {matrix.layer for matrix in with_spectra} == set(chosen_layers(range(made.LAYERS)))
    assert {matrix.projection for matrix in with_spectra} <= {"key", "value"}


def test_chosen_layers():
    """One after a third and one after two thirds; none of a model with few."""
    assert chosen_layers(range(32)) == (10, 21)
    assert chosen_layers([4, 5, 6, 9]) == (5, 6)
    assert chosen_layers(range(3)) == ()


def test_whole_digests(folder):
    """They are those of the fingerprint."""
    digests = whole_digests(open_checkpoint(folder))
    assert digests == WholeDigests.of(registry.fingerprint(folder, rank=16))
    assert equal_weights(digests, digests)
    renamed = replace(digests, by_name=dict.fromkeys(digests.by_name, "another"))
    assert not equal_weights(digests, renamed)
    assert not equal_weights(digests, replace(digests, digest="another", cast_digest=None))


def test_a_cast_copy_has_equal_digests(folder, tmp_path):
    """Once both are cast to bf16."""
    wide = {name: tensor.float() * (1 + 1e-5) for name, tensor in ROOT.items()}
    narrow = {name: tensor.to(torch.bfloat16) for name, tensor in wide.items()}
    copies = write_folder(tmp_path / "wide", wide), write_folder(tmp_path / "narrow", narrow)
    one, other = (whole_digests(open_checkpoint(copy)) for copy in copies)
    assert one.digest != other.digest
    assert equal_weights(one, other)


def test_bad_values_in_a_chosen_layer(tmp_path):
    """They are refused as in the whole model."""
    broken = {name: tensor.clone() for name, tensor in ROOT.items()}
    broken["model.layers.1.self_attn.q_proj.weight"][0, 0] = float("nan")
    checkpoint = open_checkpoint(write_folder(tmp_path / "broken", broken))
    with pytest.raises(NonFiniteWeights, match="q_proj"):
        excerpt(checkpoint, LAYERS)
    assert excerpt(checkpoint, LAYERS, allow_nonfinite=True).nonfinite == 1
