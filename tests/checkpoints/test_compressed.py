"""registry.checkpoints.quantised.compressed: parts that do not fit."""

import pytest
import torch
from quantised_made import INTS, PACKED, broken, check_broken

BROKEN = {
    "other rows": (broken(PACKED, weight_shape=torch.tensor([63, 64])), "says 63 rows"),
    "other width": (broken(PACKED, weight_shape=torch.tensor([64, 1 << 62])), "do not hold"),
    "negative width": (broken(PACKED, weight_shape=torch.tensor([64, -64])), "do not hold"),
    "shape of three": (broken(PACKED, weight_shape=torch.tensor([64, 64, 1])), "not two numbers"),
    "packed scales": (broken(PACKED, weight_scale=torch.ones(3, 2)), "does not go with"),
    "packed zeros": (broken(PACKED, weight_zero_point=INTS), "has the wrong size"),
}


@pytest.mark.parametrize(("parts", "reason"), BROKEN.values(), ids=BROKEN)
def test_parts_that_do_not_fit(parts, reason):
    """Parts that contradict each other are an error that names the tensor."""
    check_broken(parts, reason)
