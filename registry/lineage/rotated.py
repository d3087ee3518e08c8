"""What a rotation of the residual stream leaves of matrices: their singular values."""

import math

import numpy as np

from registry.lineage.comparison import ModelComparison

SPECTRAL = 1e-3  # |log| of the ratio of singular values, above what rotation and rounding leave


def spectral_change(comparison: ModelComparison, projection: str) -> float | None:
    """Return the median |log| of the ratios of a projection's singular values; None without any."""
    ratios: list[float] = []
    for pair in comparison.changes.pairs:
        if pair.projection == projection and pair.same_shape:
            later, earlier = pair.later.singular_values, pair.earlier.singular_values
            for now, before in zip(later, earlier, strict=False):
                if now > 0 and before > 0:
                    ratios.append(abs(math.log(now / before)))
    return float(np.median(ratios)) if ratios else None


def mapped_within_heads(comparison: ModelComparison) -> bool:
    """Return whether the output's singular values changed where those of the MLP did not.

    Of what writes to the stream: gains are folded into what reads from it.
    """
    output = spectral_change(comparison, "output")
    down = spectral_change(comparison, "down")
    if output is None or down is None:
        return False
    return output > SPECTRAL >= down
