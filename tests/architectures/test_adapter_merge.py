"""registry.architectures.adapter_merge: a base's weights with an adapter's deltas added."""

import json
from dataclasses import replace

import pytest
import torch
from adapters_made import CASES, FURTHER, make, query_factors, write_adapter
from checkpoints_made import llama, write_folder
from safetensors.torch import load_file

import registry
from registry.architectures.adapter_merge import merged, open_merged
from registry.checkpoints import Delta, open_checkpoint
from registry.errors import AdapterMismatch, BaseIsAdapter, NotAnAdapter

WEIGHT = "model.layers.0.self_attn.q_proj"


@pytest.fixture
def base(tmp_path):
    return write_folder(tmp_path / "base", llama())


@pytest.fixture
def adapter(tmp_path):
    name = f"base_model.model.{WEIGHT}.lora_{{}}.weight"
    factors = {name.format("A"): torch.ones(2, 16), name.format("B"): torch.ones(16, 2)}
    return write_adapter(tmp_path / "adapter", factors)


def test_deltas_are_added_when_weights_are_read(base, adapter):
    """The changed weight is base + scaling B A; every other is the base's."""
    whole = open_merged(adapter, base)
    weights = {entry.name: entry for entry in whole.entries}
    [delta] = [e for e in open_checkpoint(adapter).entries if isinstance(e, Delta)]
    stored = {entry.name: entry.load() for entry in open_checkpoint(base).entries}
    changed = f"{WEIGHT}.weight"
    assert torch.equal(weights[changed].load(), stored[changed] + delta.load())
    assert all(torch.equal(weights[n].load(), stored[n]) for n in stored if n != changed)
    assert whole.source == f"{adapter} merged into {base}"


def test_only_an_adapter_is_merged_into_a_model(base, adapter):
    """Two models, or two adapters, make no merge."""
    model, lora = open_checkpoint(base), open_checkpoint(adapter)
    with pytest.raises(NotAnAdapter, match="base"):
        merged(model, model)
    with pytest.raises(BaseIsAdapter, match="adapter"):
        merged(lora, lora)


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [(llama(hidden=32), "16 x 16, which is 32 x 32"), (llama(layers=0), "not there")],
    ids=["other shape", "no such weight"],
)
def test_an_adapter_of_another_base(tmp_path, adapter, tensors, reason):
    """What the adapter changes must be there, in its shape."""
    other = write_folder(tmp_path / "other", tensors or {"x.weight": torch.ones(2, 2)})
    with pytest.raises(AdapterMismatch, match=reason):
        open_merged(adapter, other)


@pytest.mark.parametrize("name", CASES)
def test_merged_equals_pefts_merge(peft_made, name):
    """Base and adapter together are the model that merge_and_unload saves."""
    case = peft_made(name)
    found, expected = (
        registry.fingerprint(case.adapter, base=case.base),
        registry.fingerprint(case.merged),
    )
    assert found.std == pytest.approx(expected.std, rel=1e-6)
    assert found.clusterings[0].labels == expected.clusterings[0].labels
    assert (found.kind, found.parameters, found.unknown) == (
        "model",
        expected.parameters,
        expected.unknown,
    )


@pytest.mark.parametrize("name", ["LoRA", "DoRA", "Conv1D", "patterns", "a head trained whole"])
def test_merged_bit_for_bit(peft_made, name):
    """So the digest of a merged upload tells its base and adapter."""
    case = peft_made(name)
    assert (
        registry.fingerprint(case.adapter, base=case.base).digest
        == registry.fingerprint(case.merged).digest
    )


@pytest.mark.parametrize("name", FURTHER)
def test_what_peft_merges_otherwise(tmp_path, name):
    """Stacks of experts, a base that is changed on load, single tokens: the merge is peft's."""
    case = make(tmp_path, FURTHER[name])
    adapter = registry.fingerprint(case.adapter)
    found = registry.fingerprint(case.adapter, base=case.base)
    expected = registry.fingerprint(case.merged)
    assert adapter.adapter.method == FURTHER[name].method
    assert found.std == pytest.approx(expected.std, rel=1e-6)
    weights = {entry.name: entry.load() for entry in open_checkpoint(case.merged).entries}
    for entry in open_merged(case.adapter, case.base).entries:
        assert torch.allclose(entry.load(), weights.pop(entry.name), rtol=1e-4, atol=1e-6)
    assert not weights


def test_bases_that_do_not_fit(peft_made, tmp_path):
    """Another model, an adapter as the base, and a model as the adapter are each told."""
    adapter, base = (
        write_adapter(tmp_path / "a", query_factors(layers=3)),
        write_folder(tmp_path / "b", llama()),
    )
    with pytest.raises(
        AdapterMismatch,
        match=r"changes 'model\.layers\.2\.self_attn\.q_proj\.weight', which is not",
    ):
        registry.fingerprint(adapter, base=base)
    with pytest.raises(AdapterMismatch, match="as 16 x 16, which is 8 x 8 there"):
        registry.fingerprint(adapter, base=write_folder(tmp_path / "c", llama(layers=3, hidden=8)))
    with pytest.raises(BaseIsAdapter, match="is itself an adapter"):
        registry.fingerprint(adapter, base=adapter)
    with pytest.raises(NotAnAdapter, match="is a whole model"):
        registry.fingerprint(base, base=base)


def test_names_with_another_prefix(peft_made, tmp_path):
    """GPT-2 is published without `transformer.`, which adapters have."""
    case = peft_made("Conv1D")
    tensors = {
        name.removeprefix("transformer."): t
        for name, t in load_file(case.base / "model.safetensors").items()
    }
    bare = write_folder(
        tmp_path / "bare", tensors, json.loads((case.base / "config.json").read_text())
    )
    found, expected = (
        registry.fingerprint(case.adapter, base=bare),
        registry.fingerprint(case.merged),
    )
    assert found.std == expected.std


def test_merged_in_the_bases_type(tmp_path):
    """The sum is rounded to bf16 where the base is kept so."""
    case = make(tmp_path, CASES["LoRA"], torch.bfloat16)
    found, expected = (
        registry.fingerprint(case.adapter, base=case.base),
        registry.fingerprint(case.merged),
    )
    assert (found.dtype, found.digest) == ("bfloat16", expected.digest)


@pytest.mark.parametrize(("near", "far"), [(False, False), (True, False), (False, True)])
def test_a_merged_model_is_as_far_as_its_parts(peft_made, near, far):
    """Where the base or the adapter comes over a network, the next tensor is fetched ahead."""
    adapter, base = (
        open_checkpoint(peft_made("LoRA").adapter),
        open_checkpoint(peft_made("LoRA").base),
    )
    found = merged(replace(adapter, remote=near), replace(base, remote=far))
    assert (found.remote, found.kind) == (near or far, "model")


def fused(layers=2):
    """The made-up Llama with query, key and value in one tensor."""
    tensors = llama(layers=layers)
    for layer in range(layers):
        attention = f"model.layers.{layer}.self_attn"
        parts = [tensors.pop(f"{attention}.{part}_proj.weight") for part in "qkv"]
        tensors[f"{attention}.qkv_proj.weight"] = torch.cat(parts)
    return tensors


def test_parts_of_a_fused_weight(tmp_path):
    """Deltas of query and value go into their rows of a weight that holds both."""
    factors = {}
    for part, outputs in (("q", 16), ("v", 8)):
        name = f"base_model.model.model.layers.0.self_attn.{part}_proj.lora_{{}}.weight"
        factors |= {name.format("A"): torch.randn(2, 16), name.format("B"): torch.ones(outputs, 2)}
    adapter = write_adapter(tmp_path / "adapter", factors, r=2, lora_alpha=2)
    apart = open_merged(adapter, write_folder(tmp_path / "apart", llama()))
    together = open_merged(adapter, write_folder(tmp_path / "fused", fused()))
    expected = {entry.name: entry.load() for entry in apart.entries}
    name = "model.layers.0.self_attn.{}_proj.weight"
    [weight] = [entry for entry in together.entries if entry.name == name.format("qkv")]
    stacked = torch.cat([expected[name.format(part)] for part in "qkv"])
    assert torch.equal(weight.load(), stacked)


@pytest.mark.parametrize("is_transposed", [False, True])
def test_single_experts_of_a_stack(tmp_path, is_transposed):
    """Deltas of experts one by one go into the stack that holds them all, either way round."""
    draw = torch.Generator().manual_seed(0)
    expert = "model.layers.0.mlp.experts.{}.{}_proj"
    factors = {}
    changes = {}
    for number in range(3):
        for part, (outputs, inputs) in {"gate": (10, 16), "up": (10, 16), "down": (16, 10)}.items():
            a = torch.randn(2, inputs, generator=draw)
            b = torch.randn(outputs, 2, generator=draw)
            name = f"base_model.model.{expert.format(number, part)}"
            factors |= {f"{name}.lora_A.weight": a, f"{name}.lora_B.weight": b}
            changes[number, part] = b @ a * 2
    adapter = write_adapter(tmp_path / "adapter", factors, r=2, lora_alpha=4)

    tensors = llama(layers=1)
    gate_up, down = torch.randn(3, 20, 16, generator=draw), torch.randn(3, 16, 10, generator=draw)
    stacks = {"gate_up": gate_up, "down": down}
    for part, stack in stacks.items():
        stored = stack.mT if is_transposed else stack
        tensors[f"model.layers.0.mlp.experts.{part}_proj"] = stored.contiguous()
    merged_stacks = open_merged(adapter, write_folder(tmp_path / "base", tensors)).entries
    weights = {entry.name: entry.load() for entry in merged_stacks}
    for number in range(3):
        change = torch.cat([changes[number, "gate"], changes[number, "up"]])
        expected = {"gate_up": gate_up[number] + change, "down": down[number]}
        expected["down"] = down[number] + changes[number, "down"]
        for part, matrix in expected.items():
            stored = weights[f"model.layers.0.mlp.experts.{part}_proj"][number]
            assert torch.allclose(stored.T if is_transposed else stored, matrix, atol=1e-5)


def test_a_bias_that_is_not_there(tmp_path):
    """What B adds to a bias needs one."""
    bias = {"base_model.model.model.layers.0.self_attn.q_proj.lora_B.bias": torch.ones(16)}
    adapter = write_adapter(tmp_path / "adapter", query_factors() | bias)
    with pytest.raises(AdapterMismatch, match="q_proj.bias', which is not there"):
        open_merged(adapter, write_folder(tmp_path / "base", llama()))


def test_a_part_of_another_shape(tmp_path):
    """Rows that a fused weight does not have are told."""
    name = "base_model.model.model.layers.0.self_attn.v_proj.lora_{}.weight"
    factors = {name.format("A"): torch.ones(2, 16), name.format("B"): torch.ones(12, 2)}
    adapter = write_adapter(tmp_path / "adapter", factors, r=2)
    with pytest.raises(AdapterMismatch, match="as 12 x 16, which is 8 x 16 there"):
        open_merged(adapter, write_folder(tmp_path / "fused", fused()))
