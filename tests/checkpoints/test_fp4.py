"""registry.checkpoints.quantised.fp4: parts that do not fit."""

import pytest
import torch
from quantised_made import MODELOPT, MXFP4, NVFP4, broken, changed, check_broken

BROKEN = {
    "nvfp4 scales": (
        broken(NVFP4, weight_scale=NVFP4[".weight_scale"][:, :3]),
        "'weight_scale' has the wrong size",
    ),
    "nvfp4 global": (
        broken(NVFP4, weight_global_scale=torch.ones(2)),
        "'weight_global_scale' is not one number",
    ),
    "nvfp4 global zero": (
        broken(NVFP4, weight_global_scale=torch.zeros(1)),
        "'weight_global_scale' holds zero",
    ),
    "modelopt second": (
        broken(MODELOPT, weight_scale_2=torch.tensor(torch.inf)),
        "'weight_scale_2' holds NaN",
    ),
    "mxfp4 NaN": (
        broken(MXFP4, weight_scale=changed(MXFP4[".weight_scale"], 255)),
        "'weight_scale' holds NaN",
    ),
}


@pytest.mark.parametrize(("parts", "reason"), BROKEN.values(), ids=BROKEN)
def test_parts_that_do_not_fit(parts, reason):
    """Parts that contradict each other are an error that names the tensor."""
    check_broken(parts, reason)
