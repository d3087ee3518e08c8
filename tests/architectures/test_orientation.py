"""registry.architectures.orientation: which way round weights are stored."""

import pytest
import torch
from checkpoints_made import write_folder
from layouts_made import cut

from registry.architectures.orientation import Stacked, are_transposed
from registry.checkpoints import open_checkpoint


def test_orientation_of_experts_is_derived_from_their_shapes(tmp_path):
    """Experts stored inputs x outputs are transposed, even where down is square."""
    state = {"layers.0.mlp.experts.gate_up_proj": torch.randn(3, 16, 32),
             "layers.0.mlp.experts.down_proj": torch.randn(3, 16, 16)}  # fmt: skip
    found = cut(open_checkpoint(write_folder(tmp_path, state)))
    assert torch.equal(found[0, "up", 2], state["layers.0.mlp.experts.gate_up_proj"][2].T[16:])
    assert torch.equal(found[0, "down", 1], state["layers.0.mlp.experts.down_proj"][1].T)


@pytest.mark.parametrize(
    ("up", "down", "expected"),
    [
        (Stacked((64, 16), 2), Stacked((16, 32), 1), False),
        (Stacked((16, 64), 2), Stacked((32, 16), 1), True),
        (Stacked((32, 16), 1), Stacked((16, 32), 1), False),
        (Stacked((16, 32), 1), Stacked((32, 16), 1), False),
        (Stacked((5, 7), 2), Stacked((11, 13), 1), False),
    ],
    ids=["outputs x inputs", "inputs x outputs", "not fused", "not fused, wide", "no fit"],
)
def test_fused_experts_show_their_orientation(up, down, expected):
    """Gate and up in one tensor fit down in one orientation only; a single projection fits in both."""
    assert are_transposed(up, down) is expected
