"""registry.architectures.adapter_layout: which projections an adapter's deltas belong to."""

import shutil

import pytest
import torch
from adapters_made import write_adapter

import registry
from registry.architectures.adapter_layout import adapter_layout, published_heads, with_heads
from registry.checkpoints import Entry, open_checkpoint
from registry.checkpoints.dtypes import F32
from registry.errors import CannotSplit

MODULE = "base_model.model.model.layers.0.self_attn.{}"


def layout_with(folder, outputs, *modules, inputs=24):
    """The layout of an adapter of rank 4 that changes these modules."""
    factors = {}
    for module in modules:
        name = MODULE.format(module)
        factors[f"{name}.lora_A.weight"] = torch.ones(4, inputs)
        factors[f"{name}.lora_B.weight"] = torch.ones(outputs, 4)
    return adapter_layout(open_checkpoint(write_adapter(folder, factors)))


def fused(inputs, layers):
    """Deltas of query_key_value."""
    return [
        Entry(f"h.{i}.attn.query_key_value.weight", F32, (3 * inputs, inputs), torch.empty)
        for i in range(layers)
    ]


def test_without_an_output_projection_the_query_is_square(tmp_path):
    """Of a stacked delta the query takes as many rows as inputs, and the others share the rest."""
    [tensor] = layout_with(tmp_path / "adapter", 48, "qkv_proj").projections
    assert tensor.sizes == (24, 12, 12)


@pytest.mark.parametrize("outputs", [24, 47], ids=["no rows left", "odd rows"])
def test_rows_that_do_not_add_up(tmp_path, outputs):
    """A stacked delta that leaves no even shares for key and value is refused."""
    with pytest.raises(CannotSplit, match="do not add up"):
        layout_with(tmp_path / "adapter", outputs, "qkv_proj")


def test_full_tensors_beside_are_no_projections(tmp_path):
    """A weight that was trained whole is listed among the others, whatever its name."""
    name = MODULE.format("q_proj")
    tensors = {f"{name}.lora_A.weight": torch.ones(2, 8), f"{name}.lora_B.weight": torch.ones(8, 2)}
    tensors |= {MODULE.format("k_proj.weight"): torch.ones(8, 8)}
    layout = adapter_layout(open_checkpoint(write_adapter(tmp_path / "adapter", tensors)))
    assert [tensor.parts for tensor in layout.projections] == [("query",)]
    assert [entry.name for entry in layout.others] == ["model.layers.0.self_attn.k_proj.weight"]


@pytest.mark.parametrize(
    ("config", "inputs", "layers", "heads"),
    [
        ({}, 128, 6, 4),
        ({}, 2048, 16, 8),
        ({}, 2048, 24, 16),
        ({}, 2048, 5, None),
        ({}, 129, 6, None),
        ({"n_head": 2}, 128, 6, None),
    ],
    ids=["by width", "by depth", "by another depth", "no such depth", "unknown", "configured"],
)
def test_heads_of_published_models(config, inputs, layers, heads):
    """Width, and depth where widths are shared, tell the heads; a config that counts them is left as it is."""
    found = with_heads(config, fused(inputs, layers))
    assert found.get("num_attention_heads") == heads
    assert found.items() >= config.items()


def test_published_heads_divide_their_widths():
    """Each row of heads.toml is a model that can exist."""
    assert all(model.inputs % model.heads == 0 for model in published_heads())


def test_heads_that_nobody_knows(peft_made, tmp_path):
    """An interleaved update needs the number of heads."""
    folder = shutil.copytree(
        peft_made("interleaved").adapter,
        tmp_path / "a",
        ignore=shutil.ignore_patterns("config.json"),
    )
    with pytest.raises(CannotSplit, match="num_attention_heads is missing"):
        registry.fingerprint(folder)


@pytest.mark.parametrize(
    ("inputs", "layers", "expected"),
    [(1024, 3, 16), (2048, 16, 8), (2048, 24, 16), (2048, 5, None), (1000, 12, None)],
    ids=["one answer", "Pythia 1B", "BLOOM 1B7", "either", "never published"],
)
def test_heads_by_width_and_depth(inputs, layers, expected):
    """By width, and by depth where that does not settle it; a config is believed before."""
    meta = torch.empty(0)
    updates = [
        Entry("query_key_value.weight", F32, (3 * inputs, inputs), meta.clone)
        for _ in range(layers)
    ]
    assert with_heads({}, updates).get("num_attention_heads") == expected
    assert with_heads({"n_head": 3}, updates) == {"n_head": 3}
