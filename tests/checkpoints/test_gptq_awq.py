"""registry.checkpoints.quantised.gptq_awq: parts that fit, and parts that do not."""

import pytest
import quantisers as q
import torch
from quantised_made import (
    AWQ,
    GPTQ,
    INTS,
    broken,
    changed,
    check_broken,
    gptq_config,
    in_memory,
    random_matrix,
    same,
    under,
)

from registry.checkpoints.quantised import dequantised

BROKEN = {
    "zero scale": (broken(GPTQ, scales=changed(GPTQ[".scales"], 0)), "'scales' holds zero"),
    "NaN scale": (broken(AWQ, scales=changed(AWQ[".scales"], torch.nan)), "'scales' holds NaN"),
    "group too high": (broken(GPTQ, g_idx=changed(GPTQ[".g_idx"], 2)), "names a missing group"),
    "group below zero": (broken(GPTQ, g_idx=changed(GPTQ[".g_idx"], -7)), "names a missing group"),
    "g_idx too short": (broken(GPTQ, g_idx=GPTQ[".g_idx"][:9]), "one number for each input"),
    "zeros too few": (broken(GPTQ, qzeros=GPTQ[".qzeros"][:, :3]), "known are"),
    "zeros of another height": (broken(GPTQ, qzeros=GPTQ[".qzeros"][:1]), "do not fit each other"),
    "scales of another width": (
        broken(GPTQ, scales=GPTQ[".scales"][:, :8]),
        "do not fit each other",
    ),
    "empty": (broken(GPTQ, qweight=torch.empty(0, 64, dtype=torch.int32)), "has the shape [0, 64]"),
    "flat": (broken(GPTQ, scales=torch.ones(64)), "has the shape [64]"),
    "integer scales": (broken(GPTQ, scales=GPTQ[".scales"].int()), "'scales' is stored as int32"),
    "too many groups": (
        broken(AWQ, scales=torch.ones(65, 64), qzeros=INTS.repeat(2, 1)[:65, :8]),
        "65 groups",
    ),
    "awq zeros": (broken(AWQ, qzeros=INTS), "do not fit each other"),
}
CONFIGS = {
    "a list": (GPTQ, gptq_config(checkpoint_format=["gptq"]), "layout is called"),
    "auto-round's own": (
        GPTQ,
        {"quantization_config": {"quant_method": "auto-round"}},
        "called 'auto-round'",
    ),
}


@pytest.mark.parametrize(("parts", "reason"), BROKEN.values(), ids=BROKEN)
def test_parts_that_do_not_fit(parts, reason):
    """Parts that contradict each other are an error that names the tensor."""
    check_broken(parts, reason)


@pytest.mark.parametrize(("parts", "config", "reason"), CONFIGS.values(), ids=CONFIGS)
def test_configs_that_are_no_help(parts, config, reason):
    """What only the config can tell must be there, and known."""
    check_broken(parts, reason, config)


def test_unfilled_group_indices_are_no_permutation():
    """A g_idx of zeros, as old writers left it, means groups in order."""
    parts, expected = q.gptq(random_matrix())
    (entry,) = dequantised(
        in_memory(under("x", parts | {".g_idx": torch.zeros(64, dtype=torch.int32)})), {}
    )
    assert same(entry.load(), expected)
