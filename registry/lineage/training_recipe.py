"""How models were trained, across sizes: the shape of each projection's singular values."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from registry.architectures.roles import PROJECTIONS

VALUES = 8  # singular values of each matrix
APART = 100.0  # of recipes that do not have the same projections


class ProfiledMatrix(Protocol):
    """What a profile reads of a matrix: a fingerprint's and a compared one have it."""

    @property
    def projection(self) -> str:
        """One of the seven projections."""

    @property
    def rows(self) -> int:
        """Outputs."""

    @property
    def cols(self) -> int:
        """Inputs."""

    @property
    def std(self) -> float:
        """Standard deviation of the entries."""

    @property
    def singular_values(self) -> Sequence[float]:
        """The largest, falling."""


def recipe_profile(matrices: Sequence[ProfiledMatrix]) -> np.ndarray:
    """Return 7 x 8: mean over layers of log(sigma_i / (std sqrt(longer side))) of each projection.

    NaN where a projection is missing. A random matrix of any size comes to about the same numbers;
    what training adds does not depend on size much.
    """
    profile = np.full((len(PROJECTIONS), VALUES), np.nan)
    for row, projection in zip(profile, PROJECTIONS, strict=True):
        logs = []
        for matrix in matrices:
            if matrix.projection == projection:
                values = scaled_logs(matrix)
                if len(values) == VALUES:
                    logs.append(values)
        if logs:
            row[:] = np.mean(logs, axis=0)
    return profile


def scaled_logs(matrix: ProfiledMatrix) -> np.ndarray:
    """Return the logs of the 8 largest singular values above 0, over std sqrt(longer side)."""
    scale = matrix.std * max(matrix.rows, matrix.cols) ** 0.5
    return np.log([value / scale for value in matrix.singular_values[:VALUES] if value > 0])


def recipe_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the rms difference of two profiles; APART for other projections, or none."""
    if (np.isnan(one) != np.isnan(other)).any() or np.isnan(one).all():
        return APART
    return float(np.sqrt(np.nanmean((one - other) ** 2)))
