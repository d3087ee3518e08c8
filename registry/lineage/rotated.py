"""What a rotation of the residual stream leaves of matrices: their singular values."""

import numpy as np

from registry.lineage.comparison import ModelComparison

SPECTRAL = 1e-3  # |log| of the ratio of singular values, above what rotation and rounding leave


def spectral_change(comparison: ModelComparison, projection: str) -> float | None:
    """Return the median |log| of the ratios of a projection's singular values; None without any."""
    pairs = comparison.changes.pairs
    chosen = pairs.of_projections(projection) & pairs.same_shape
    later = pairs.later.singular_values[pairs.ours[chosen]]
    earlier = pairs.earlier.singular_values[pairs.theirs[chosen]]
    positive = (later > 0) & (earlier > 0)
    ratios = np.abs(np.log(later[positive] / earlier[positive]))
    return float(np.median(ratios)) if len(ratios) else None


def mapped_within_heads(comparison: ModelComparison) -> bool:
    """Return whether the output's singular values changed where those of the MLP did not.

    Of what writes to the stream: gains are folded into what reads from it.
    """
    output = spectral_change(comparison, "output")
    down = spectral_change(comparison, "down")
    if output is None or down is None:
        return False
    return output > SPECTRAL >= down
