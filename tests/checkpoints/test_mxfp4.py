"""registry.checkpoints.quantised.mxfp4: GPT-OSS' experts."""

import pytest
import quantisers as q
import torch
from checkpoints_made import write_folder
from quantised_made import in_memory, same, under

from registry.checkpoints import open_checkpoint
from registry.checkpoints.quantised import dequantised
from registry.errors import BrokenQuantisation


def test_experts_in_mxfp4(tmp_path):
    """GPT-OSS' experts come out as experts x inputs x outputs; every power of two is exact."""
    draw = torch.Generator().manual_seed(0)
    parts, expected = q.mxfp4(
        torch.randn(2, 64, 24, generator=draw) * 10.0 ** torch.arange(-6, 6).repeat(2)
    )
    name = "model.layers.0.mlp.experts.gate_up_proj"
    (entry,) = open_checkpoint(write_folder(tmp_path, under(name, parts))).entries
    assert (entry.name, entry.stored, entry.shape) == (name, "mxfp4", (2, 64, 24))
    assert same(entry.load(), expected)


@pytest.mark.parametrize(
    ("part", "change", "reason"),
    [
        ("_scales", lambda t: t[:, :1], "do not fit"),
        ("_blocks", lambda t: t[..., :8], "do not fit"),
        ("_scales", lambda t: torch.full_like(t, 255), "'_scales' holds NaN"),
    ],
    ids=["scales too few", "half blocks", "NaN"],
)
def test_parts_that_do_not_fit(part, change, reason):
    """Blocks and scales must go together, and a scale be a number."""
    parts, _ = q.mxfp4(torch.ones(1, 64, 2))
    parts[part] = change(parts[part])
    with pytest.raises(BrokenQuantisation, match=reason):
        [entry.load() for entry in dequantised(in_memory(under("x_proj", parts)), {})]
