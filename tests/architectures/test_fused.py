"""registry.architectures.fused: how tensors of several projections are cut."""

import pytest
import torch
from checkpoints_made import write_folder
from layouts_made import cut, neox

from registry.architectures.fused import head_count
from registry.architectures.layout import layout_of
from registry.architectures.model_layout import model_layout
from registry.checkpoints import open_checkpoint
from registry.errors import CannotSplit, PartsDoNotFit, TwoNamings


@pytest.mark.parametrize(
    ("state", "config", "message"),
    [
        (neox(), {}, "num_attention_heads is missing"),
        (neox(), {"num_attention_heads": 5}, "num_attention_heads is 5"),
        (neox(), {"num_attention_heads": "4"}, "num_attention_heads is '4'"),
        (neox(), {"num_attention_heads": 0}, "num_attention_heads is 0"),
        (
            {"layers.0.self_attn.qkv_proj.weight": torch.randn(64, 32)},
            {},
            "query, key, value .its rows do not add up",
        ),
        (
            {"layers.0.mlp.gate_up_proj.weight": torch.randn(7, 32)},
            {},
            "gate, up .its rows do not add up",
        ),
        (
            {
                "layers.0.self_attn.qkv_proj.weight": torch.randn(32, 32),
                "layers.0.self_attn.o_proj.weight": torch.randn(32, 32),
            },
            {},
            "do not add up",
        ),
    ],
    ids=[
        "no config",
        "wrong heads",
        "text",
        "zero",
        "no output projection",
        "odd rows",
        "no rows left",
    ],
)
def test_what_cannot_be_split(tmp_path, state, config, message):
    """A fused tensor that does not fit is an error that names it."""
    checkpoint = open_checkpoint(write_folder(tmp_path, state, config))
    with pytest.raises(CannotSplit, match=message):
        layout_of(checkpoint)


def test_grouped_queries_need_no_config(tmp_path):
    """The output projection's width tells how many rows belong to the query."""
    state = {
        "layers.0.self_attn.qkv_proj.weight": torch.randn(48 + 2 * 16, 32),
        "layers.0.self_attn.o_proj.weight": torch.randn(32, 48),
    }
    found = cut(open_checkpoint(write_folder(tmp_path, state)))
    assert [tuple(found[0, p, None].shape) for p in ("query", "key", "value")] == [
        (48, 32),
        (16, 32),
        (16, 32),
    ]


@pytest.mark.parametrize(
    "config", [{"text_config": {"num_attention_heads": 4}, "num_attention_heads": 7}]
)
def test_head_counts_of_nested_configs(tmp_path, config):
    """A language model inside a larger one has its own number of heads."""
    layout = model_layout(open_checkpoint(write_folder(tmp_path, neox(), config)).entries, config)
    assert layout.projections[0].groups == 4


@pytest.mark.parametrize(
    ("config", "heads"),
    [
        ({}, None),
        ({"n_head": 3}, 3),
        ({"n_head": 3, "decoder": {"num_heads": 5}}, 5),
        ({"n_head": 3, "decoder": "a path"}, 3),
        ({"decoder": {"layers": 2}, "n_heads": 7}, 7),
    ],
    ids=["none", "own", "nested", "no table", "nested without heads"],
)
def test_head_count(config, heads):
    """The language part's number of heads counts before the whole model's."""
    assert head_count(config) == heads


def layout_of_tensors(folder, state, config=None):
    """The layout of a folder of these tensors."""
    return layout_of(open_checkpoint(write_folder(folder, state, config or {})))


def test_parts_that_do_not_fit_their_layer(tmp_path):
    """Halves of a gate alone, and a gate and an up that pass for an up, are refused by name."""
    down = {"layers.0.mlp.down_proj.weight": torch.ones(8, 12)}
    halves = down | {"layers.0.mlp.gate_up_proj.weight": torch.ones(12, 8)}
    with pytest.raises(PartsDoNotFit, match=r"gate_up_proj.* 6 rows.* 12 inputs of down"):
        layout_of_tensors(tmp_path / "halves", halves)
    doubled = down | {"layers.0.mlp.up_proj.weight": torch.ones(24, 8)}
    with pytest.raises(PartsDoNotFit, match=r"up_proj.* 24 rows.* 12 inputs of down"):
        layout_of_tensors(tmp_path / "doubled", doubled)


WQKV = {
    "layers.0.attention.wqkv.weight": torch.ones(16, 8),
    "layers.0.attention.wo.weight": torch.ones(8, 8),
}


@pytest.mark.parametrize(
    ("prefix", "config", "naming"),
    [
        ("", {}, "gpt_fast"),
        ("", {"model_type": "llama"}, "gpt_fast"),
        ("model.", {"model_type": "llama"}, "gpt_fast"),
        ("model.", {"model_type": "internlm2"}, "internlm2"),
        ("", {"llm_config": {"architectures": ["InternLM2ForCausalLM"]}}, "internlm2"),
    ],
    ids=["no config", "llama", "llama behind a prefix", "InternLM2", "nested"],
)
def test_one_name_of_two_namings(tmp_path, prefix, config, naming):
    """Wqkv is cut as InternLM2's where the config says so, else it is stacked as in gpt-fast."""
    state = {prefix + name: tensor for name, tensor in WQKV.items()}
    layout = layout_of_tensors(tmp_path, state, {"num_attention_heads": 4} | config)
    assert layout.projections[0].naming == naming


def test_a_name_that_fits_both_namings(tmp_path):
    """InternLM2's prefix without a stated type is refused with both names; the advice helps."""
    state = {f"model.{name}": tensor for name, tensor in WQKV.items()}
    config = {"num_attention_heads": 4}
    with pytest.raises(TwoNamings, match=r"gpt_fast or as internlm2.*model_type in config.json"):
        layout_of_tensors(tmp_path / "nothing", state, config)
    layout_of_tensors(tmp_path / "stated", state, config | {"model_type": "internlm2"})
