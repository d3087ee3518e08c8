"""registry.architectures.stored_heads: TransformerLens keeps heads apart, inputs x outputs."""

import pytest
import torch
from checkpoints_made import write_folder
from layouts_made import cut

from registry.architectures.layout import layout_of
from registry.checkpoints import open_checkpoint
from registry.errors import NotAMatrix

HEADS, HEAD, HIDDEN, INNER = 4, 2, 8, 12


def of_lens() -> dict[str, torch.Tensor]:
    """A layer as TransformerLens saves it."""
    inward = {f"blocks.0.attn.W_{part}": torch.randn(HEADS, HIDDEN, HEAD) for part in "QKV"}
    return inward | {
        "blocks.0.attn.W_O": torch.randn(HEADS, HEAD, HIDDEN),
        "blocks.0.mlp.W_gate": torch.randn(HIDDEN, INNER),
        "blocks.0.mlp.W_in": torch.randn(HIDDEN, INNER),
        "blocks.0.mlp.W_out": torch.randn(INNER, HIDDEN),
        "blocks.0.attn.b_Q": torch.randn(HEADS, HEAD),
        "embed.W_E": torch.randn(20, HIDDEN),
        "unembed.W_U": torch.randn(HIDDEN, 20),
        "pos_embed.W_pos": torch.randn(6, HIDDEN),
    }


def test_every_projection_is_outputs_by_inputs(tmp_path):
    """Each does to a vector what TransformerLens does with its heads; nothing is unknown."""
    state = of_lens()
    checkpoint = open_checkpoint(write_folder(tmp_path, state))
    matrices = cut(checkpoint)
    x = torch.randn(HIDDEN)
    for part in ("query", "key", "value"):
        weights = state[f"blocks.0.attn.W_{part[0].upper()}"]
        expected = torch.einsum("d,hdk->hk", x, weights).flatten()
        torch.testing.assert_close(matrices[0, part, None] @ x, expected)
    z = torch.randn(HEADS, HEAD)
    written = torch.einsum("hk,hkd->d", z, state["blocks.0.attn.W_O"])
    torch.testing.assert_close(matrices[0, "output", None] @ z.flatten(), written)
    torch.testing.assert_close(matrices[0, "up", None], state["blocks.0.mlp.W_in"].T)
    torch.testing.assert_close(matrices[0, "down", None], state["blocks.0.mlp.W_out"].T)
    assert layout_of(checkpoint).unknown == ()


def test_heads_of_another_shape(tmp_path):
    """Two dimensions are no heads."""
    state = of_lens() | {"blocks.0.attn.W_Q": torch.ones(8, 8)}
    with pytest.raises(NotAMatrix, match="W_Q"):
        layout_of(open_checkpoint(write_folder(tmp_path, state)))
