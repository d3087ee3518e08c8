"""registry.architectures.adapter_merge: a base's weights with an adapter's deltas added."""

import json
from dataclasses import replace

import pytest
import torch
from adapters_made import CASES, FURTHER, make, query_factors, write_adapter
from checkpoints_made import llama, write_folder
from safetensors.torch import load_file

import registry
from registry.architectures.adapter_merge import BaseTensors, is_transposed, merged, open_merged
from registry.checkpoints import Delta, Entry, open_checkpoint
from registry.checkpoints.dtypes import F32
from registry.errors import AdapterMismatch, BaseIsAdapter, NotAnAdapter

WEIGHT = "model.layers.0.self_attn.q_proj"


def entry(name, shape=(2, 2)):
    return Entry(name, F32, shape, lambda: torch.zeros(shape))


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


@pytest.mark.parametrize(
    ("name", "found"),
    [("h.0.c.weight", "h.0.c.weight"), ("transformer.h.0.c.weight", "h.0.c.weight"),
     ("c.weight", "h.0.c.weight"), ("d.weight", None), ("e.weight", None)],
    ids=["same", "longer", "shorter", "several", "none"],
)  # fmt: skip
def test_either_name_may_have_a_prefix(name, found):
    """A tensor is found by the end of its name, if it is the only one."""
    tensors = BaseTensors([entry("h.0.c.weight"), entry("h.0.d.weight"), entry("h.1.d.weight")])
    place = tensors.find(name)
    assert (place and place.name) == found


@pytest.mark.parametrize(
    ("stored", "delta", "by_name", "expected"),
    [((2, 3), (2, 3), True, False), ((3, 2), (2, 3), False, True),
     ((2, 2), (2, 2), True, True), ((2, 2), (2, 2), False, False)],
    ids=["as it is", "the other way", "square, Conv1D", "square"],
)  # fmt: skip
def test_orientation_is_derived_from_the_shape(stored, delta, by_name, expected):
    """Where a weight is square its name decides."""
    assert is_transposed(entry("w", stored), entry("w", delta), by_name) is expected


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
