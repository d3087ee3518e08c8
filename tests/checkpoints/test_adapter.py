"""registry.checkpoints.peft.adapter: factors become deltas by the base's names."""

import shutil

import pytest
import torch
from adapters_made import CASES, QUERY_FACTOR, query_factors, write_adapter
from checkpoints_made import llama, write_folder
from safetensors.torch import load_file

import registry
from registry.checkpoints import Delta, Entry, open_checkpoint
from registry.checkpoints.dtypes import F32, of
from registry.checkpoints.limits import limit
from registry.checkpoints.peft.adapter import adapter_entries, base_name, is_adapter
from registry.errors import (
    BrokenAdapter,
    BrokenFile,
    DeltasTooLarge,
    MissingAdapterConfig,
    UnsupportedAdapter,
)
from registry.numerics.arrays import as_tensor

QUERY = "base_model.model.h.0.q_proj"


def entry(name, *shape):
    tensor = torch.randn(shape, generator=torch.Generator().manual_seed(len(name)))
    return Entry(name, of(tensor.dtype), shape, tensor.detach)


def factors(module=QUERY, rank=2):
    return [entry(f"{module}.lora_A.weight", rank, 5), entry(f"{module}.lora_B.weight", 3, rank)]


NAMES = {
    "peft": ("base_model.model.h.0.q_proj", "h.0.q_proj"),
    "distributed": ("module.base_model.model.h.0.q_proj", "h.0.q_proj"),
    "compiled": ("base_model.model._orig_mod.h.0.q_proj", "h.0.q_proj"),
    "base layer": ("base_model.model.h.0.q_proj.base_layer.weight", "h.0.q_proj.weight"),
    "trained whole": ("base_model.model.score.modules_to_save.default.weight", "score.weight"),
    "the base's": ("h.0.q_proj.weight", "h.0.q_proj.weight"),
}


@pytest.mark.parametrize(("name", "expected"), NAMES.values(), ids=NAMES)
def test_base_names(name, expected):
    """What libraries put around a module is no part of its name."""
    assert base_name(name) == expected


def test_a_delta_is_the_scaled_product():
    """B A times alpha / r, in float32 and in float64, and its factors as they are stored."""
    a, b = factors()
    [delta] = adapter_entries([a, b], {"r": 2, "lora_alpha": 3}, "x")
    assert isinstance(delta, Delta)
    assert (delta.name, delta.shape, delta.rank, delta.scaling) == (
        "h.0.q_proj.weight",
        (3, 5),
        2,
        1.5,
    )
    assert torch.equal(delta.load(), b.load() @ a.load() * 1.5)
    assert torch.equal(delta.exact(), b.load().double() @ a.load().double() * 1.5)
    left, right = map(as_tensor, delta.factors())
    assert torch.equal(left, b.load())
    assert torch.equal(right, a.load())


def test_factors_of_eight_bits():
    """Factors in 8-bit floats are computed with in float32."""
    stored = []
    for factor in factors():
        tensor = factor.load().to(torch.float8_e4m3fn)
        stored.append(Entry(factor.name, of(tensor.dtype), tuple(tensor.shape), tensor.detach))
    [delta] = adapter_entries(stored, {"r": 2, "lora_alpha": 2}, "x")
    left, right = delta.factors()
    assert left.dtype == right.dtype == torch.float32
    assert torch.equal(delta.load(), left @ right)


def test_full_tensors_stand_beside():
    """A module trained whole keeps its tensors; the base's frozen copy and own weight are left out."""
    beside = [
        entry("base_model.model.score.modules_to_save.default.weight", 2, 5),
        entry("base_model.model.score.original_module.weight", 2, 5),
        entry(f"{QUERY}.base_layer.weight", 3, 5),
    ]
    found = adapter_entries([*factors(), *beside], {}, "x")
    assert [entry.name for entry in found] == ["h.0.q_proj.weight", "score.weight"]


def test_doras_magnitudes_stand_beside_their_deltas():
    """The row lengths belong to the delta, and are an entry of their own."""
    magnitude = entry(f"{QUERY}.lora_magnitude_vector", 3)
    delta, beside = adapter_entries([*factors(), magnitude], {"use_rslora": True}, "x")
    assert isinstance(delta, Delta)
    assert delta.method == "lora+rslora+dora"
    assert delta.magnitude is beside
    assert beside.name == "h.0.q_proj.lora_magnitude_vector"


BROKEN = {
    "a factor alone": ([factors()[0]], "not whole"),
    "ranks that differ": ([factors()[0], factors(rank=3)[1]], "do not fit"),
    "lengths of another number": (
        [*factors(), entry(f"{QUERY}.lora_magnitude_vector", 4)],
        "do not fit",
    ),
    "two adapters": (
        [*factors(), entry(f"{QUERY}.lora_A.other.weight", 2, 5)],
        "several adapters",
    ),
    "a long name": ([entry("x" * 1001, 2)], "1,001 characters"),
    "a large product": (
        [
            Entry(f"{QUERY}.lokr_w1", F32, (1 << 15, 1 << 7), torch.empty),
            Entry(f"{QUERY}.lokr_w2", F32, (1 << 7, 1 << 7), torch.empty),
        ],
        "would have the shape",
    ),
}


@pytest.mark.parametrize(("entries", "reason"), BROKEN.values(), ids=BROKEN)
def test_factors_that_do_not_go_together(entries, reason):
    """What makes no delta is an error before anything is read."""
    with pytest.raises(BrokenAdapter, match=reason):
        adapter_entries(entries, {}, "x")


def test_methods_that_are_not_read():
    """An adapter without known factors is refused by its own word for its kind."""
    with pytest.raises(UnsupportedAdapter, match="PROMPT_TUNING"):
        adapter_entries([entry("prompt_embeddings", 8, 5)], {"peft_type": "PROMPT_TUNING"}, "x")


@pytest.mark.parametrize(
    ("extra", "configured", "expected"),
    [([], False, True), ([f"{QUERY}.base_layer.weight"], False, False),
     ([f"{QUERY}.base_layer.weight"], True, True)],
    ids=["factors alone", "a model with adapters on it", "configured"],
)  # fmt: skip
def test_what_is_an_adapter(extra, configured, expected):
    """Factors are an adapter's unless base weights come along and no config says otherwise."""
    entries = [*factors(), *(entry(name, 3, 5) for name in extra)]
    assert is_adapter(entries, configured=configured) is expected
    assert not is_adapter([entry("h.0.q_proj.weight", 3, 5)], configured=True)


@pytest.mark.parametrize("name", CASES)
def test_updates_equal_pefts(peft_made, name):
    """Each entry multiplies out to what peft adds to that weight, and says of which shape and method it is."""
    case = peft_made(name)
    updates = {
        entry.name: entry
        for entry in open_checkpoint(case.adapter).entries
        if isinstance(entry, Delta)
    }
    assert set(updates) == set(case.updates)
    for weight, update in updates.items():
        expected = (
            case.updates[weight].T
            if "Conv1D" in name or "embed" in weight
            else case.updates[weight]
        )
        transposed = update.exact().T if "embed" in weight else update.exact()
        assert torch.allclose(transposed, expected, rtol=1e-6, atol=1e-9)
        assert (tuple(update.load().shape), update.method) == (update.shape, CASES[name].method)


def test_every_file_gives_one_fingerprint(peft_made, tmp_path):
    """As .bin, under a training script's names and by its file's name: the same digest and vectors."""
    expected = registry.fingerprint(peft_made("LoRA").adapter)
    folder = shutil.copytree(peft_made("LoRA").adapter, tmp_path / "bin")
    tensors = load_file(folder / "adapter_model.safetensors")
    (folder / "adapter_model.safetensors").unlink()
    torch.save(tensors, folder / "adapter_model.bin")
    wrapped = {
        name.replace("base_model.model.", "module.base_model.model._orig_mod.")
        .replace(".self_attn", "._checkpoint_wrapped_module.self_attn")
        .replace(".weight", ".default.weight"): tensor
        for name, tensor in tensors.items()
    }
    torch.save(wrapped, folder / "pytorch_model.bin")
    for source in (
        folder / "adapter_model.bin",
        folder,
        peft_made("LoRA").adapter / "adapter_model.safetensors",
    ):
        found = registry.fingerprint(source)
        assert (found.digest, found.std, found.clusterings) == (
            expected.digest,
            expected.std,
            expected.clusterings,
        )


def test_a_model_beside_an_adapter(tmp_path):
    """The model wins, unless the adapter's file is named."""
    folder = write_adapter(write_folder(tmp_path / "both", llama()), query_factors())
    assert registry.fingerprint(folder).kind == "model"
    assert registry.fingerprint(folder / "adapter_model.safetensors").kind == "adapter"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("org/base", "org/base"),
        ("C:\\models\\Llama-3", "Llama-3"),
        ("/data/gpt2/", "gpt2"),
        (None, None),
        ("", None),
    ],
)
def test_the_declared_base(tmp_path, given, expected):
    """A hub id as it is, the last part of a path of any system, or nothing."""
    assert (
        open_checkpoint(
            write_adapter(tmp_path, query_factors(), base_model_name_or_path=given)
        ).base
        == expected
    )


def test_enable_lora(tmp_path):
    """The old layout: A for the enabled parts together, B their grouped convolution, nothing for the others."""
    a, b = torch.randn(8, 12), torch.randn(24, 4, 1)
    name = "base_model.model.transformer.h.0.attn.c_attn.lora_{}.weight"
    folder = write_adapter(
        tmp_path, {name.format("A"): a, name.format("B"): b}, enable_lora=[True, False, True]
    )
    convolved = torch.nn.functional.conv1d(a.double()[None], b.double(), groups=2)[0]
    update = open_checkpoint(folder).entries[0]
    expected = torch.cat([convolved[:12], torch.zeros(12, 12), convolved[12:]]) * 2
    assert torch.allclose(update.exact(), expected)
    found = registry.fingerprint(folder)
    assert found.projections == ("query", "value")
    assert found.std[2] == pytest.approx(float(convolved[12:].std(correction=0)) * 2)


def test_enable_lora_of_another_shape(tmp_path):
    """Rows that are not equal parts, or a wider kernel, are refused before anything is read."""
    name = "base_model.model.transformer.h.0.attn.c_attn.lora_{}.weight"
    for shape, enabled in [
        ((25, 4, 1), [True, False, True]),
        ((24, 4, 2), [True, True]),
        ((24, 4, 1), [False]),
    ]:
        tensors = {name.format("A"): torch.ones(8, 12), name.format("B"): torch.ones(shape)}
        with pytest.raises(BrokenAdapter, match="do not fit"):
            open_checkpoint(write_adapter(tmp_path, tensors, enable_lora=enabled))


def test_transposed_factors(tmp_path):
    """A pickle may hold a view; the Kronecker product is that of its entries."""
    name = "base_model.model.model.layers.0.self_attn.q_proj.lokr_w{}"
    left, right = torch.randn(4, 4), torch.randn(4, 3)
    folder = write_adapter(tmp_path, {name.format(1): left}, peft_type="LOKR")
    (folder / "adapter_model.safetensors").unlink()
    torch.save({name.format(1): left, name.format(2): right.T}, folder / "adapter_model.bin")
    [update] = open_checkpoint(folder).entries
    expected = torch.kron(left.double(), right.T.double().contiguous()) * update.scaling
    assert torch.equal(update.exact(), expected)
    assert update.shape == (12, 16)


WRONG = {
    "half a pair": (lambda t: t.pop(QUERY_FACTOR.format(0, "B")), {}, BrokenAdapter),
    "shapes": (
        lambda t: t.update({QUERY_FACTOR.format(0, "B"): torch.ones(16, 3)}),
        {},
        BrokenAdapter,
    ),
    "a vector": (
        lambda t: t.update({QUERY_FACTOR.format(0, "B"): torch.ones(4)}),
        {},
        BrokenAdapter,
    ),
    "two adapters": (
        lambda t: t.update({QUERY_FACTOR.format(0, "A.x"): torch.ones(4, 16)}),
        {},
        BrokenAdapter,
    ),
    "a long name": (lambda t: t.update({"x" * 2000: torch.ones(4)}), {}, BrokenAdapter),
    "alpha": (dict, {"lora_alpha": "many"}, BrokenAdapter),
    "alpha without end": (dict, {"lora_alpha": float("inf")}, BrokenAdapter),
    "rank": (dict, {"r": [4]}, BrokenAdapter),
    "a pattern that takes too long": (
        dict,
        {"alpha_pattern": {"(" * 40 + "[a-z_0-9.]?" + "){9}" * 40 + "!": 4}},
        BrokenAdapter,
    ),
    "no table of patterns": (dict, {"rank_pattern": [1]}, BrokenAdapter),
    "enable_lora": (dict, {"enable_lora": [1, 0]}, BrokenAdapter),
    "another method": (
        lambda t: (t.clear(), t.update(prompt_embeddings=torch.ones(4, 4))),
        {},
        UnsupportedAdapter,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_malformed(tmp_path, name):
    """Each gets one sentence."""
    spoil, settings, error = WRONG[name]
    tensors = query_factors()
    spoil(tensors)
    with pytest.raises(error, match=r"^[^\n]+\Z"):
        registry.fingerprint(write_adapter(tmp_path, tensors, **settings))


def test_large_claims(tmp_path):
    """A small file whose update would fill the memory is refused."""
    name = "base_model.model.model.layers.0.self_attn.q_proj.hada_w{}"
    tensors = {name.format(f"{i}_a"): torch.ones(1 << 16, 1) for i in (1, 2)}
    tensors |= {name.format(f"{i}_b"): torch.ones(1, 1 << 16) for i in (1, 2)}
    with pytest.raises(BrokenAdapter, match=r"would have the shape \[65536, 65536\]"):
        registry.fingerprint(write_adapter(tmp_path, tensors))


def test_a_name_that_is_too_long(tmp_path):
    """A tensor's name in an adapter has a longest length."""
    name = "x" * limit("adapter-name") + ".lora_A.weight"
    with pytest.raises(BrokenAdapter, match="name has 1,014 characters"):
        open_checkpoint(write_adapter(tmp_path, {name: torch.ones(2, 2)}))


def test_claims_beyond_what_is_stored(tmp_path):
    """LoHa of a few kilobytes whose delta is of gigabytes is refused unread, unless it is merged."""
    sides = {"hada_w1_a": (8000, 1), "hada_w1_b": (1, 8000)}
    sides |= {"hada_w2_a": (8000, 1), "hada_w2_b": (1, 8000)}
    factors = {}
    for role, shape in sides.items():
        factors[f"base_model.model.layers.0.self_attn.q_proj.{role}"] = torch.ones(shape)
    adapter = write_adapter(tmp_path, factors)
    with pytest.raises(DeltasTooLarge, match="64,000,000 numbers in 128,000 bytes.* --merge-into"):
        registry.fingerprint(adapter)
    assert open_checkpoint(adapter).kind == "adapter"


def test_without_a_config(tmp_path):
    """Nobody can tell the scaling."""
    folder = write_adapter(tmp_path, query_factors())
    (folder / "adapter_config.json").unlink()
    with pytest.raises(MissingAdapterConfig, match=r"without its adapter_config\.json"):
        registry.fingerprint(folder)


def test_a_base_weight_that_came_along(tmp_path):
    """A training script's dump of everything: the base's weights under the updates are no part of the adapter."""
    dump = {
        f"base_model.model.model.layers.{i}.self_attn.q_proj.base_layer.weight": torch.ones(16, 16)
        for i in (0, 1)
    }
    plain = registry.fingerprint(write_adapter(tmp_path / "a", query_factors()))
    assert registry.fingerprint(write_adapter(tmp_path / "b", query_factors() | dump)) == plain


def test_a_cut_off_upload(data):
    """One sentence."""
    (folder,) = data.glob("adapters_malformed/*")
    with pytest.raises(BrokenFile, match="damaged or not what its name says"):
        registry.fingerprint(folder)
