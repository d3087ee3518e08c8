"""registry.lora_init.peft_files, with peft reading what is written."""

import json

import adapters_made as made
import peft
import pytest
import torch
import transformers as tf
from bases_made import BASES, REFERENCE, logits, save_base
from safetensors.torch import load_file

from registry.errors import BaseNotWritable, FolderNotEmpty
from registry.lora_init import peft_files
from registry.lora_init.initialisation import lora_init
from registry.lora_init.peft_files import shard_name, sharded, shortest_end


@pytest.fixture(params=BASES)
def base(request, tmp_path):
    return save_base(request.param, tmp_path / request.param)


@pytest.fixture
def llama(tmp_path):
    return save_base("llama", tmp_path / "llama")


def test_peft_loads_and_trains_it(base, tmp_path):
    """Every factor arrives where it belongs, the output moves, and a step moves the factors alone."""
    done = lora_init(base, REFERENCE, tmp_path / "start", lora_rank=4)
    network = tf.AutoModelForCausalLM.from_pretrained(base)
    before = logits(network)
    network = peft.PeftModel.from_pretrained(network, str(tmp_path / "start"), is_trainable=True)
    written = load_file(tmp_path / "start" / "adapter_model.safetensors")
    loaded = {
        name.replace(".default", ""): p for name, p in network.named_parameters() if p.requires_grad
    }
    assert loaded.keys() == written.keys()
    assert all(torch.equal(loaded[name], written[name]) for name in written)
    assert done.modules == len(written) // 2
    assert done.output.relative == pytest.approx(float(spread(logits(network), before)), rel=3)
    tokens = torch.arange(12)[None]
    loss = network(tokens, labels=tokens).loss
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in loaded.values())


def spread(after, before):
    return (after - before).norm() / (before - before.mean(-1, keepdim=True)).norm()


def test_the_output_can_be_kept(base, tmp_path):
    """With the start taken off the base, both together give what the base gave."""
    done = lora_init(base, REFERENCE, tmp_path / "start", lora_rank=4, keep_output=True)
    network = tf.AutoModelForCausalLM.from_pretrained(tmp_path / "start" / "base")
    network = peft.PeftModel.from_pretrained(network, str(tmp_path / "start"))
    assert torch.allclose(
        logits(network), logits(tf.AutoModelForCausalLM.from_pretrained(base)), atol=1e-5
    )
    assert done.output.relative < 1e-5
    assert json.loads((tmp_path / "start" / "adapter_config.json").read_text())[
        "base_model_name_or_path"
    ] == str(tmp_path / "start" / "base")


def test_published_without_its_head(tmp_path):
    """GPT-2 as it is published, whose tensors lack the prefix that the whole model has."""
    torch.manual_seed(0)
    made.gpt2().transformer.save_pretrained(tmp_path / "bare")
    assert not any(
        name.startswith("transformer")
        for name in load_file(tmp_path / "bare" / "model.safetensors")
    )
    lora_init(
        tmp_path / "bare", REFERENCE, tmp_path / "start", lora_rank=2, targets=["query", "output"]
    )
    network = peft.PeftModel.from_pretrained(
        tf.GPT2LMHeadModel.from_pretrained(tmp_path / "bare"), tmp_path / "start"
    )
    written = load_file(tmp_path / "start" / "adapter_model.safetensors")
    found = dict(network.named_parameters())
    assert all(
        torch.equal(found[name.replace(".weight", ".default.weight")], t)
        for name, t in written.items()
    )


def test_what_stands_there_is_kept(llama, tmp_path):
    """A folder that is not empty is refused, and so is subtracting from a single file."""
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("mine")
    with pytest.raises(FolderNotEmpty, match="choose another"):
        lora_init(llama, REFERENCE, full)
    with pytest.raises(BaseNotWritable, match=r"\(it is no folder\); drop --keep-output"):
        lora_init(llama / "model.safetensors", REFERENCE, tmp_path / "start", keep_output=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "llama"]


def test_a_base_in_shards(llama, tmp_path, monkeypatch):
    """A large base is written in several files with an index that transformers reads."""
    monkeypatch.setattr(peft_files, "SHARD", 20_000)
    lora_init(llama, REFERENCE, tmp_path / "start", lora_rank=2, keep_output=True)
    index = json.loads((tmp_path / "start" / "base" / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 1
    network = tf.AutoModelForCausalLM.from_pretrained(tmp_path / "start" / "base")
    network = peft.PeftModel.from_pretrained(network, str(tmp_path / "start"))
    expected = logits(tf.AutoModelForCausalLM.from_pretrained(llama))
    assert torch.allclose(logits(network), expected, atol=1e-5)


def test_names():
    """Of shards, and the shortest ends of modules that no other module shares."""
    assert shard_name(1, 1) == "model.safetensors"
    assert shard_name(2, 3) == "model-00002-of-00003.safetensors"
    assert list(sharded([])) == [[]]
    others = {"model.layers.0.attn.out"}
    assert shortest_end("model.layers.0.mlp.up", others) == "up"
    assert shortest_end("model.layers.0.mlp.out", others) == "mlp.out"
