"""registry.checkpoints.peft.adapter: factors become deltas by the base's names."""

import pytest
import torch

from registry.checkpoints import Delta, Entry
from registry.checkpoints.dtypes import F32, of
from registry.checkpoints.peft.adapter import adapter_entries, base_name, is_adapter
from registry.errors import BrokenAdapter, UnsupportedAdapter

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
    left, right = delta.factors()
    assert torch.equal(left, b.load())
    assert torch.equal(right, a.load())


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
