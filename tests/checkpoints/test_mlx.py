"""registry.checkpoints.quantised.mlx: what the config states, and parts that do not fit."""

import pytest
import quantisers as q
import torch
from quantised_made import (
    MLX,
    STEM,
    broken,
    changed,
    check_broken,
    in_memory,
    mlx_config,
    random_matrix,
    same,
    under,
)

from registry.checkpoints.quantised import dequantised

BROKEN = {
    "NaN bias": (broken(MLX, biases=changed(MLX[".biases"], torch.nan)), "'biases' holds NaN"),
    "mlx biases": (broken(MLX, biases=torch.ones(3)), "do not fit each other"),
    "mlx words": (broken(MLX, weight=MLX[".weight"][:, :3]), "3 words do not hold"),
}
CONFIGS = {
    "mlx without config": (MLX, {}, "names no group_size and bits"),
    "mlx of 7 bits": (MLX, mlx_config(7), "names no group_size and bits"),
    "mlx of words": (MLX, mlx_config("4"), "names no group_size and bits"),
    "mlx of another mode": (
        MLX,
        {"quantization": {"group_size": 32, "bits": 4, "mode": "mxfp4"}},
        "names no",
    ),
    "mlx of another size": (MLX, mlx_config(4, 64), "words do not hold"),
}


@pytest.mark.parametrize(("parts", "reason"), BROKEN.values(), ids=BROKEN)
def test_parts_that_do_not_fit(parts, reason):
    """Parts that contradict each other are an error that names the tensor."""
    check_broken(parts, reason)


@pytest.mark.parametrize(("parts", "config", "reason"), CONFIGS.values(), ids=CONFIGS)
def test_configs_that_are_no_help(parts, config, reason):
    """What only the config can tell must be there, and known."""
    check_broken(parts, reason, config)


def test_mlx_settings_of_one_module():
    """MLX's config may give single modules other bits; three-dimensional weights are experts."""
    rows = [q.mlx(random_matrix(8, 64, seed), bits=3) for seed in range(2)]
    experts = {part: torch.stack([parts[part] for parts, _ in rows]) for part in rows[0][0]}
    config = {"quantization": {"group_size": 64, "bits": 4, STEM: {"group_size": 32, "bits": 3}}}
    (entry,) = dequantised(in_memory(under(STEM, experts)), config)
    assert (entry.shape, entry.stored) == ((2, 8, 64), "mlx 3-bit")
    assert same(entry.load(), torch.stack([values for _, values in rows]))
