"""Layouts of small checkpoints, cut into matrices."""

import torch

from registry.architectures.layout import layout_of
from registry.checkpoints import Checkpoint


def cut(checkpoint: Checkpoint) -> dict[tuple[int, str, int | None], torch.Tensor]:
    """Every projection's matrix, by layer, projection and expert."""
    layout = layout_of(checkpoint)
    return {
        (site.layer, projection, expert): matrix
        for site in layout.projections
        for projection, expert, matrix in zip(
            site.parts, site.experts, site.cut(site.entry.load()), strict=True
        )
    }


def neox(rows_: int = 96) -> dict[str, torch.Tensor]:
    """A fused tensor whose parts alternate by head."""
    return {"gpt_neox.layers.0.attention.query_key_value.weight": torch.randn(rows_, 32)}
