"""registry.fingerprints.other_tensors: the tensors outside the projections, and tied embeddings."""

import torch
from checkpoints_made import llama, write_folder

from registry.checkpoints import open_checkpoint
from registry.fingerprints.compute import compute
from registry.fingerprints.record import Fingerprint


def fingerprint(folder, tensors, **config) -> Fingerprint:
    return compute(
        open_checkpoint(write_folder(folder, tensors, {"model_type": "llama", **config}))
    )


def test_every_other_tensor_has_a_record(tmp_path):
    """Embedding, norms and head are recorded with group, layer, shape and length."""
    tensors = llama() | {"lm_head.weight": torch.ones(32, 16)}
    records = {tensor.name: tensor for tensor in fingerprint(tmp_path, tensors).tensors}
    norm = records["model.layers.1.input_layernorm.weight"]
    assert (norm.group, norm.layer, norm.shape, norm.length) == ("norm", 1, (16,), 4.0)
    head = records["lm_head.weight"]
    assert (head.group, head.layer, head.shape) == ("head", None, (32, 16))
    assert records["model.embed_tokens.weight"].group == "embedding"
    assert len(records) == 4


def test_records_are_ordered_by_layer(tmp_path):
    """Tensors outside the layers come first, then those of each layer, whatever the threads."""
    folder = write_folder(tmp_path, llama(layers=12))
    layers = [tensor.layer for tensor in compute(open_checkpoint(folder), threads=4).tensors]
    assert layers == [None, *range(12)]


def test_a_trained_embedding_shows_how_far_it_moved(tmp_path):
    """The sketches' difference over the length is near the relative change."""
    base, child = llama(), llama()
    name = "model.embed_tokens.weight"
    child[name] = child[name] * 1.1
    before = fingerprint(tmp_path / "base", base).tensors[0]
    after = fingerprint(tmp_path / "child", child).tensors[0]
    difference = torch.tensor(after.sketch) - torch.tensor(before.sketch)
    size = float(difference.norm()) / before.length
    assert before.name == name
    assert 0.05 < size < 0.2


def test_a_missing_head_is_the_embedding(tmp_path):
    """Without a head the embedding is taken for it, unless the config says otherwise."""
    assert fingerprint(tmp_path / "one", llama()).tied is True
    assert fingerprint(tmp_path / "other", llama(), tie_word_embeddings=False).tied is None


def test_a_head_that_equals_the_embedding_is_tied(tmp_path):
    """A head stored beside an equal embedding is tied; another head is not."""
    tensors = llama()
    embedding = tensors["model.embed_tokens.weight"]
    copied = tensors | {"lm_head.weight": embedding.clone()}
    trained = tensors | {"lm_head.weight": embedding + 1}
    assert fingerprint(tmp_path / "copied", copied).tied is True
    assert fingerprint(tmp_path / "trained", trained).tied is False


def test_without_an_embedding_nothing_is_said(tmp_path):
    """A checkpoint of layers alone does not show whether its head is tied."""
    tensors = llama()
    del tensors["model.embed_tokens.weight"]
    assert fingerprint(tmp_path, tensors).tied is None
