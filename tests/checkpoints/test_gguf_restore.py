"""registry.checkpoints.formats.gguf_restore: what the converter did is undone."""

import numpy as np
import pytest
import torch
from gguf import GGUFWriter
from gguf.constants import GGMLQuantizationType as Kind
from gguf_made import loaded, permuted, write

from registry.architectures.layout import layout_of
from registry.checkpoints import open_checkpoint
from registry.errors import BrokenFile


@pytest.mark.parametrize("arch", ["llama", "olmo", "granite", "mistral3"])
def test_reordered_rows_are_put_back(tmp_path, arch):
    """Weights and biases of query and key, whose head counts differ."""
    query, bias = torch.randn(16, 8), torch.randn(16)
    key = torch.randn(4, 8)
    tensors = {
        "blk.0.attn_q.weight": permuted(query, 4),
        "blk.0.attn_q.bias": permuted(bias, 4),
        "blk.0.attn_k.weight": permuted(key, 2),
    }
    path = write(
        tmp_path / "m.gguf", {name: (t.numpy(), Kind.F32) for name, t in tensors.items()}, arch
    )
    found = loaded(path)
    for name, expected in zip(tensors, (query, bias, key), strict=True):
        assert torch.equal(found[name], expected)


@pytest.mark.parametrize("arch", ["qwen2", "gemma", "bert", "command-r"])
def test_other_rows_stay(tmp_path, arch):
    """Most architectures are not reordered."""
    query = np.random.default_rng(0).standard_normal((16, 8), np.float32)
    found = loaded(write(tmp_path / "m.gguf", {"blk.0.attn_q.weight": (query, Kind.F32)}, arch))
    np.testing.assert_array_equal(found["blk.0.attn_q.weight"].numpy(), query)


@pytest.mark.parametrize("heads", [0, 3, 16, 1 << 31])
def test_heads_that_do_not_fit(tmp_path, heads):
    """A head count that the rows do not divide into is one BrokenFile."""
    path = write(
        tmp_path / "m.gguf",
        {"blk.0.attn_q.weight": (np.ones((16, 8), np.float32), Kind.F32)},
        heads=heads,
    )
    with pytest.raises(
        BrokenFile, match=f"{heads} heads, which 'blk.0.attn_q.weight' does not divide into"
    ):
        open_checkpoint(path)


def test_heads_by_layer(tmp_path):
    """Where layers differ, each has its own head count."""
    query = torch.randn(8, 4)
    writer = GGUFWriter(tmp_path / "m.gguf", "deci")
    writer.add_head_count([4, 2])
    for layer, heads in enumerate((4, 2)):
        writer.add_tensor(f"blk.{layer}.attn_q.weight", permuted(query, heads).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert all(torch.equal(found, query) for found in loaded(tmp_path / "m.gguf").values())


def test_fused_tensors(tmp_path):
    """Phi-3 keeps query, key and value in one tensor, and gate and up in another that is called up."""
    shapes = {
        "attn_qkv": (64, 32),
        "attn_output": (32, 32),
        "ffn_up": (96, 32),
        "ffn_down": (32, 48),
    }
    draw = np.random.default_rng(0)
    tensors = {
        f"blk.0.{name}.weight": draw.standard_normal(shape, np.float32)
        for name, shape in shapes.items()
    }
    path = write(
        tmp_path / "m.gguf", {name: (data, Kind.F32) for name, data in tensors.items()}, "phi3"
    )
    checkpoint = open_checkpoint(path)
    layout = layout_of(checkpoint)
    cut = {
        p: m
        for site in layout.projections
        for p, m in zip(site.parts, site.cut(site.entry.load()), strict=True)
    }
    assert {name: tuple(matrix.shape) for name, matrix in cut.items()} == {
        "query": (32, 32),
        "key": (16, 32),
        "value": (16, 32),
        "output": (32, 32),
        "gate": (48, 32),
        "up": (48, 32),
        "down": (32, 48),
    }
    np.testing.assert_array_equal(cut["up"].numpy(), tensors["blk.0.ffn_up.weight"][48:])
    assert layout.unknown == ()


def test_linear_attention_is_no_attention(tmp_path):
    """Qwen3-Next's linear layers call their query, key and value as others do; they are left out."""
    shapes = {
        "0.attn_qkv": (64, 32),
        "0.ssm_out": (32, 32),
        "0.attn_gate": (32, 32),
        "1.attn_q": (32, 32),
    }
    draw = np.random.default_rng(0)
    tensors = {
        f"blk.{name}.weight": draw.standard_normal(shape, np.float32)
        for name, shape in shapes.items()
    }
    path = write(
        tmp_path / "m.gguf", {name: (data, Kind.F32) for name, data in tensors.items()}, "qwen3next"
    )
    checkpoint = open_checkpoint(path)
    layout = layout_of(checkpoint)
    assert [site.entry.name for site in layout.projections] == ["blk.1.attn_q.weight"]
    assert layout.unknown == ()
