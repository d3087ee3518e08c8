"""How models were trained, told across sizes: the shape of every projection's largest singular values."""

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.fingerprints.record import Fingerprint

VALUES = 8  # singular values of each matrix
APART = 100.0  # of recipes that do not have the same projections


def profile(fingerprint: Fingerprint) -> np.ndarray:
    """7 x VALUES: mean over layers of log sigma_i / (std sqrt(longer side)), NaN where a projection is missing.

    A random matrix of any size comes to about the same numbers; what training adds does not depend on size much.
    """
    rows = [
        [m for m in fingerprint.matrices if m.projection == projection]
        for projection in PROJECTIONS
    ]
    found = np.full((len(PROJECTIONS), VALUES), np.nan)
    for i, own in enumerate(rows):
        logs = [shape(m.singular_values, m.std * max(m.rows, m.cols) ** 0.5) for m in own]
        logs = [each for each in logs if len(each) == VALUES]
        if logs:
            found[i] = np.mean(logs, axis=0)
    return found


def shape(values: tuple[float, ...], scale: float) -> np.ndarray:
    """Logs of the largest singular values in units of `scale`, as many as are not zero."""
    return np.log([value / scale for value in values[:VALUES] if value > 0])


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Root mean square between two profiles."""
    if (np.isnan(one) != np.isnan(other)).any() or np.isnan(one).all():
        return APART
    return float(np.sqrt(np.nanmean((one - other) ** 2)))
