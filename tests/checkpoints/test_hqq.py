"""registry.checkpoints.quantised.hqq: words of several packings, and parts that do not fit."""

import pytest
import quantisers as q
import torch
from quantised_made import (
    HQQ,
    STEM,
    broken,
    changed,
    check_broken,
    in_memory,
    random_matrix,
    same,
    under,
)

from registry.checkpoints.quantised import dequantised

BROKEN = {
    "hqq words": (broken(HQQ, W_q=HQQ[".W_q"][:9]), "do not hold 4,096 numbers"),
    "hqq wide words": (broken(HQQ, W_q=HQQ[".W_q"].int()), "do not hold 4,096 numbers"),
    "hqq shape": (broken(HQQ, shape=torch.tensor([1 << 40, 1 << 40])), "do not hold"),
    "hqq shape of three": (broken(HQQ, shape=torch.tensor([2, 2, 2])), "not two numbers"),
    "hqq negative shape": (broken(HQQ, shape=torch.tensor([-64, -64])), "its shape is [-64, -64]"),
    "hqq scales": (broken(HQQ, scale=torch.ones(3, 1)), "'scale' of [3, 1] does not go with"),
    "hqq zero is NaN": (broken(HQQ, zero=changed(HQQ[".zero"], torch.nan)), "'zero' holds NaN"),
}


@pytest.mark.parametrize(("parts", "reason"), BROKEN.values(), ids=BROKEN)
def test_parts_that_do_not_fit(parts, reason):
    """Parts that contradict each other are an error that names the tensor."""
    check_broken(parts, reason)


def test_words_of_two_packings():
    """Kept as floats, words of 3 bits look like words of 4: scales tell."""
    parts, expected = q.hqq(random_matrix(32, 32, 0), bits=3, as_float=True)
    (entry,) = dequantised(in_memory(under(STEM, parts)), {})
    assert entry.stored == "hqq 3-bit"
    assert same(entry.load(), expected)
