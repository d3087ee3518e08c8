"""registry.checkpoints.quantised.scaled: parts that fit, and parts that do not."""

import pytest
import quantisers as q
import torch
from quantised_made import (
    TABLE,
    broken,
    changed,
    check_broken,
    in_memory,
    random_matrix,
    same,
    under,
)

from registry.checkpoints.quantised import dequantised
from registry.errors import IncompleteQuantisation

BROKEN = {
    "infinite scale": (
        broken(TABLE, weight_scale=changed(torch.ones(8, 8), torch.inf)),
        "holds NaN or infinity",
    ),
    "scales do not cover": (broken(TABLE, weight_scale=torch.ones(3, 2)), "does not cover"),
    "scales of three dimensions": (
        broken(TABLE, weight_scale=torch.ones(2, 2, 2)),
        "does not cover",
    ),
    "no scales": (broken(TABLE, weight_scale=torch.ones(0)), "does not cover"),
    "zero point amiss": (
        broken(TABLE, weight_zero_point=torch.ones(3, dtype=torch.int8)),
        "does not go with",
    ),
}


@pytest.mark.parametrize(("parts", "reason"), BROKEN.values(), ids=BROKEN)
def test_parts_that_do_not_fit(parts, reason):
    """Parts that contradict each other are an error that names the tensor."""
    check_broken(parts, reason)


def test_experts_in_fp8():
    """Experts in one tensor have their scales beside them, named without `.weight`."""
    rows = [q.scaled(random_matrix(48, 64, seed), 24, 32, name="_scale_inv") for seed in range(3)]
    experts = {"x_proj": torch.stack([parts[".weight"] for parts, _ in rows])}
    experts["x_proj_scale_inv"] = torch.stack([parts[".weight_scale_inv"] for parts, _ in rows])
    (entry,) = dequantised(in_memory(experts), {})
    assert (entry.name, entry.stored) == ("x_proj", "fp8 e4m3")
    assert same(entry.load(), torch.stack([values for _, values in rows]))


def test_calibration_goes_with_its_weights():
    """Scales of activations say nothing of the weights and are no tensors of their own."""
    parts, _ = q.scaled(random_matrix(), 96, 96)
    entries = dequantised(in_memory(under("x", parts) | {"x.input_scale": torch.ones(1)}), {})
    assert [entry.name for entry in entries] == ["x.weight"]


def test_pairs_of_floats_are_not_taken_for_int8():
    """int8 beside weight_scale_inv can be FP4, two numbers a byte, and is refused."""
    parts = {".weight": torch.ones(4, 4, dtype=torch.int8), ".weight_scale_inv": torch.ones(4, 1)}
    with pytest.raises(IncompleteQuantisation, match="lacks parts of known types"):
        dequantised(in_memory(under("x", parts)), {})
