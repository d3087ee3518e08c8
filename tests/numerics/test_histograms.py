"""registry.numerics.histograms."""

import numpy as np
import pytest
import torch

from registry.numerics.histograms import BINS, SIDE, edges, histogram


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64], ids=str
)
@pytest.mark.parametrize("shape", [(7, 9), (300, 500)], ids=["by torch", "compiled"])
def test_every_weight_is_counted(dtype, shape):
    """As numpy counts them, however they lie; the bins' lower ends belong to them, mirrored below zero."""
    values = (0.05 * torch.randn(*shape, generator=torch.Generator().manual_seed(0))).to(dtype)
    expected, _ = np.histogram(np.abs(values.double().numpy()), edges()[SIDE + 1 :])
    found = histogram(values)
    assert found.sum() == values.numel()
    assert (found[SIDE + 1 :] + found[:SIDE][::-1]).tolist() == expected.tolist()
    assert histogram(values.T).tolist() == found.tolist()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU to count on")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_on_a_gpu(dtype):
    """The same counts."""
    values = (0.05 * torch.randn(300, 500, generator=torch.Generator().manual_seed(0))).to(dtype)
    assert histogram(values.cuda()).tolist() == histogram(values).tolist()


def test_ends_and_holes():
    """Tiny values are zero, huge ones are the largest, and what is no number is not counted."""
    found = histogram(torch.tensor([0.0, -0.0, 1e-9, 300.0, -300.0, float("nan"), float("inf")]))
    assert (found[SIDE], found[-1], found[0], found.sum()) == (3, 1, 1, 5)
    assert len(edges()) == BINS + 1
