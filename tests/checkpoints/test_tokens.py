"""registry.checkpoints.peft.tokens: the rows of single tokens that an adapter sets."""

import json

import pytest
import torch
from adapters_made import query_factors, write_adapter
from checkpoints_made import llama, write_folder

import registry
from registry.architectures.adapter_merge import open_merged
from registry.checkpoints import open_checkpoint
from registry.checkpoints.tensors import TokenRows
from registry.errors import AdapterMismatch, BrokenAdapter, NoDeltas

ROWS = {
    "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta": torch.ones(2, 16)
}
ALONE = {"base_model.model.model.embed_tokens.trainable_tokens_delta": torch.ones(2, 16)}
EMBEDDING = "model.embed_tokens.weight"

NAMED = {
    "a list": {"trainable_token_indices": [5, 2]},
    "by embedding": {"trainable_token_indices": {"lm_head": [1], "embed_tokens": [5, 2]}},
    "of the other kind": {"token_indices": [5, 2]},
}


@pytest.mark.parametrize("settings", NAMED.values(), ids=NAMED)
def test_which_tokens_they_are(tmp_path, settings):
    """The config names them, for one embedding or for each."""
    adapter = open_checkpoint(write_adapter(tmp_path, query_factors() | ROWS, **settings))
    [rows] = [entry for entry in adapter.entries if isinstance(entry, TokenRows)]
    assert (rows.weight, rows.tokens, rows.shape) == (EMBEDDING, (5, 2), (2, 16))


UNNAMED = {
    "nowhere": {},
    "another number": {"trainable_token_indices": [5]},
    "another embedding": {"trainable_token_indices": {"lm_head": [5, 2]}},
    "no numbers": {"trainable_token_indices": ["a", "b"]},
    "below zero": {"trainable_token_indices": [-1, 2]},
}


@pytest.mark.parametrize("settings", UNNAMED.values(), ids=UNNAMED)
def test_tokens_that_are_not_named(tmp_path, settings):
    """Rows without their places are refused."""
    adapter = write_adapter(tmp_path, query_factors() | ROWS, **settings)
    with pytest.raises(BrokenAdapter, match="does not name the tokens of the 2 rows"):
        open_checkpoint(adapter)


def test_rows_alone(tmp_path):
    """Nothing of them is a projection; merged, as the message says, they are in the embedding."""
    settings = {"peft_type": "TRAINABLE_TOKENS", "token_indices": [5, 2]}
    adapter = write_adapter(tmp_path / "adapter", ALONE, **settings)
    with pytest.raises(NoDeltas, match="trainable_tokens_delta alone.*--merge-into BASE"):
        registry.fingerprint(adapter)
    base = write_folder(tmp_path / "base", llama())
    assert registry.fingerprint(adapter, base=base).kind == "model"
    weights = {entry.name: entry.load() for entry in open_merged(adapter, base).entries}
    expected = llama()[EMBEDDING]
    expected[[5, 2]] = 1
    assert torch.equal(weights[EMBEDDING], expected)


def test_a_tied_head_follows(tmp_path):
    """Where the head is the embedding again, its rows are set too."""
    tensors = llama()
    tensors["lm_head.weight"] = tensors[EMBEDDING].clone()
    adapter = write_adapter(tmp_path / "a", query_factors() | ROWS, trainable_token_indices=[5, 2])
    for tied in (True, False):
        base = write_folder(tmp_path / f"base{tied}", tensors, {"tie_word_embeddings": tied})
        weights = {entry.name: entry.load() for entry in open_merged(adapter, base).entries}
        changed = not torch.equal(weights["lm_head.weight"], tensors["lm_head.weight"])
        assert changed is tied


@pytest.mark.parametrize(
    ("tokens", "width", "reason"),
    [([5, 99], 16, "row 99 of 'model.embed_tokens.weight', which has 32"), ([5, 2], 8, "width")],
)
def test_embeddings_that_do_not_fit(tmp_path, tokens, width, reason):
    """The rows must be there, and as wide."""
    rows = {name: torch.ones(2, width) for name in ROWS}
    factors = query_factors() | rows
    adapter = write_adapter(tmp_path / "adapter", factors, trainable_token_indices=tokens)
    base = write_folder(tmp_path / "base", llama())
    with pytest.raises(AdapterMismatch, match=reason):
        open_merged(adapter, base)


def test_an_embedding_that_is_not_there(tmp_path):
    """A base without the embedding is another model's."""
    tensors = {name: tensor for name, tensor in llama().items() if name != EMBEDDING}
    adapter = write_adapter(tmp_path / "a", query_factors() | ROWS, trainable_token_indices=[5, 2])
    settings = json.loads((adapter / "adapter_config.json").read_text())
    assert settings["trainable_token_indices"] == [5, 2]
    with pytest.raises(AdapterMismatch, match="embed_tokens.weight', which is not there"):
        open_merged(adapter, write_folder(tmp_path / "base", tensors))
