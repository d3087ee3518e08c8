"""registry.checkpoints.peft.unmerged: whole models that still have an adapter on them."""

import json

import pytest
import torch
from adapters_made import query_factors, write_adapter
from checkpoints_made import llama, write_folder

import registry
from registry.checkpoints import open_checkpoint
from registry.checkpoints.peft.unmerged import adapter_of, is_unmerged
from registry.errors import BrokenAdapter, UnmergedAdapter

PREFIX = "base_model.model."
QUERY = "model.layers.{}.self_attn.q_proj"
SETTINGS = {"r": 4, "lora_alpha": 8, "base_model_name_or_path": "org/base"}


def dumped(layer_name="q_proj.base_layer.weight"):
    """The Llama with factors on its queries, as zero_to_fp32 writes it."""
    tensors = {}
    for name, tensor in llama().items():
        tensors[PREFIX + name.replace("q_proj.weight", layer_name)] = tensor
    for name, tensor in query_factors().items():
        tensors[name.replace(".weight", ".default.weight")] = tensor
    return tensors


def merged_by_hand(layers=(0, 1)):
    tensors = llama()
    factors = query_factors()
    for layer in layers:
        a, b = (factors[f"{PREFIX}{QUERY.format(layer)}.lora_{role}.weight"] for role in "AB")
        tensors[f"{QUERY.format(layer)}.weight"] = tensors[f"{QUERY.format(layer)}.weight"] + 2 * (
            b @ a
        )
    return tensors


def write(folder, tensors, settings=None):
    write_folder(folder, tensors)
    if settings is not None:
        (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


@pytest.mark.parametrize("layer_name", ["q_proj.base_layer.weight", "q_proj.weight"])
def test_with_the_adapters_config(tmp_path, layer_name):
    """The model is read that base and adapter compute: the same as the merged one."""
    folder = write(tmp_path / "dumped", dumped(layer_name), SETTINGS)
    merged = write(tmp_path / "merged", merged_by_hand())
    found, expected = registry.fingerprint(folder), registry.fingerprint(merged)
    assert (found.digest, found.kind, found.unknown) == (expected.digest, "model", ())
    checkpoint = open_checkpoint(folder)
    assert (checkpoint.base, checkpoint.kind) == ("org/base", "model")


def test_without_the_adapters_config(tmp_path):
    """Nobody can tell the scaling; with the config that the message asks for, it is read."""
    folder = write(tmp_path, dumped())
    with pytest.raises(UnmergedAdapter, match=r"q_proj.lora_A.default.weight.*put that file into"):
        registry.fingerprint(folder)
    assert registry.fingerprint(write(tmp_path, dumped(), SETTINGS)).layers == 2


def test_no_initialisation_is_taken_off_again(tmp_path):
    """The weight under the factors is the one that training began with."""
    plain = registry.fingerprint(write(tmp_path / "a", dumped(), SETTINGS))
    pissa = {**SETTINGS, "init_lora_weights": "pissa"}
    assert registry.fingerprint(write(tmp_path / "b", dumped(), pissa)) == plain


def test_what_was_trained_whole(tmp_path):
    """Of a module that was trained whole the trained weight counts, not the frozen copy."""
    tensors = dumped()
    trained = torch.ones(32, 16)
    embedding = tensors.pop(f"{PREFIX}model.embed_tokens.weight")
    tensors[f"{PREFIX}model.embed_tokens.original_module.weight"] = embedding
    tensors[f"{PREFIX}model.embed_tokens.modules_to_save.default.weight"] = trained
    entries = open_checkpoint(write(tmp_path, tensors, SETTINGS)).entries
    weights = {entry.name: entry.load() for entry in entries}
    assert set(weights) == set(llama())
    assert torch.equal(weights["model.embed_tokens.weight"], trained)


@pytest.mark.parametrize("place", ["token_adapter.base_layer", "original_module"])
def test_single_tokens(tmp_path, place):
    """Rows of an embedding are set in it; it has two names, of which a dump may keep one."""
    tensors = dumped()
    embedding = tensors.pop(f"{PREFIX}model.embed_tokens.weight")
    wrapper = f"{PREFIX}model.embed_tokens"
    tensors[f"{wrapper}.{place}.weight"] = embedding
    tensors[f"{wrapper}.token_adapter.trainable_tokens_delta.default"] = torch.ones(2, 16)
    settings = {**SETTINGS, "trainable_token_indices": [3, 1]}
    entries = open_checkpoint(write(tmp_path, tensors, settings)).entries
    weights = {entry.name: entry.load() for entry in entries}
    expected = llama()["model.embed_tokens.weight"]
    expected[[3, 1]] = 1
    assert torch.equal(weights["model.embed_tokens.weight"], expected)


def test_biases(tmp_path):
    """What B adds to a bias is scaled as the factors are."""
    tensors = dumped()
    module = f"{PREFIX}{QUERY.format(0)}"
    tensors[f"{module}.base_layer.bias"] = torch.ones(16)
    tensors[f"{module}.lora_B.default.bias"] = torch.full((16,), 3.0)
    entries = open_checkpoint(write(tmp_path, tensors, SETTINGS)).entries
    weights = {entry.name: entry.load() for entry in entries}
    assert torch.equal(weights[f"{QUERY.format(0)}.bias"], torch.full((16,), 7.0))


def test_square_weights_of_conv1d(tmp_path):
    """Which way round a square weight is stands in the adapter's config."""
    upright = write(tmp_path / "a", dumped(), SETTINGS)
    turned = write(tmp_path / "b", dumped(), {**SETTINGS, "fan_in_fan_out": True})
    name = f"{QUERY.format(0)}.weight"
    stored = llama()[name]
    changes = []
    for folder in (upright, turned):
        [weight] = [entry for entry in open_checkpoint(folder).entries if entry.name == name]
        changes.append(weight.load() - stored)
    assert torch.allclose(changes[0], changes[1].T, atol=1e-5)


def test_adapters_that_the_config_keeps_for_others(tmp_path):
    """Phi-4-multimodal's factors are for images and sound: its text has the weights alone."""
    tensors = {}
    for name, tensor in dumped().items():
        tensors[name.removeprefix(PREFIX).replace("default", "vision")] = tensor
    folder = write_folder(tmp_path / "a", tensors, {"vision_lora": {"r": 4}})
    plain = registry.fingerprint(write_folder(tmp_path / "b", llama()))
    assert registry.fingerprint(folder).std == plain.std
    with pytest.raises(UnmergedAdapter, match="lora_A.vision"):
        registry.fingerprint(write_folder(tmp_path / "c", tensors, {}))


def test_two_adapters_on_one_model(tmp_path):
    """Which of them counts is not known."""
    tensors = dumped()
    for name, tensor in query_factors().items():
        tensors[name.replace(".weight", ".other.weight")] = tensor
    with pytest.raises(BrokenAdapter, match="several adapters"):
        registry.fingerprint(write(tmp_path, tensors, SETTINGS))


def test_a_weight_of_another_shape(tmp_path):
    """Factors that do not fit the weight under them are refused."""
    tensors = dumped()
    tensors[f"{PREFIX}{QUERY.format(0)}.base_layer.weight"] = torch.ones(4, 4)
    with pytest.raises(BrokenAdapter, match="is not there or has another shape"):
        registry.fingerprint(write(tmp_path, tensors, SETTINGS))


def test_what_is_a_model_with_an_adapter(tmp_path):
    """Every factor must have a weight under it: an adapter alone has none, a model no factors."""
    adapter = open_checkpoint(write_adapter(tmp_path / "a", query_factors()))
    assert adapter.kind == "adapter"
    assert not is_unmerged(open_checkpoint(write_folder(tmp_path / "b", llama())).entries)
    assert adapter_of("h.0.q_proj.lora_A.vision.weight") == "vision"
