"""registry.numerics.histograms: bins that depend on the value alone."""

import math

import numpy as np
import pytest
import torch

from registry.numerics import histograms
from registry.numerics.histograms import BINS, COUNTED_FROM, HIGH, LOW, SIDE, edges, histogram


@pytest.fixture(params=[False, True], ids=["torch", "compiled"])
def way(request, monkeypatch):
    """Both ways to count, whatever the size."""
    monkeypatch.setattr(histograms, "COUNTED_FROM", 1 if request.param else math.inf)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64], ids=str
)
def test_values_are_counted_between_the_edges(dtype):
    """The counts are numpy's over the same borders, from every type; a border belongs to the outer bin."""
    values = torch.randn(2003, generator=torch.Generator().manual_seed(2)).to(dtype)
    exact = values.double().numpy()
    counts = histogram(values.reshape(1, -1))
    upper, _ = np.histogram(exact[exact > 0], edges()[SIDE + 1 :])
    assert counts.dtype == np.int64
    assert counts.sum() == 2003
    assert counts[SIDE + 1 :].tolist() == upper.tolist()


@pytest.mark.usefixtures("way")
def test_small_large_and_nonfinite_values():
    """Small ones count as zero, large ones as the largest, NaN and infinities not at all."""
    values = [
        0.0,
        -0.0,
        2.0 ** (LOW - 1),
        -(2.0 ** (HIGH + 9)),
        1e30,
        math.nan,
        math.inf,
        -math.inf,
    ]
    counts = histogram(torch.tensor([values]))
    assert counts[SIDE] == 3
    assert (counts[0], counts[-1]) == (1, 1)
    assert counts.sum() == 5


def test_edges_are_symmetric_and_rising():
    """There is a border on either side of each bin; zero lies in the middle one."""
    borders = edges()
    assert len(borders) == BINS + 1
    assert (np.diff(borders) > 0).all()
    assert (borders == -borders[::-1]).all()
    assert borders[SIDE + 1] == 2.0**LOW
    assert borders[-1] == 2.0 ** (HIGH + 1)


@pytest.mark.parametrize("shape", [(30, 40), (300, 400)], ids=str)
def test_histograms_add_up(shape):
    """The whole is the sum of its parts, in any order and layout."""
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(3)).bfloat16()
    whole = histogram(matrix)
    assert (whole == histogram(matrix[::2]) + histogram(matrix[1::2])).all()
    assert (whole == histogram(matrix.T)).all()


def test_compiled_and_torch_agree(monkeypatch):
    """A tensor large enough for the kernel has the counts that torch gives without it."""
    matrix = torch.randn(COUNTED_FROM // 64, 64, generator=torch.Generator().manual_seed(4))
    counts = histogram(matrix)
    monkeypatch.setattr(histograms, "compiled", lambda: None)
    assert (histogram(matrix) == counts).all()
