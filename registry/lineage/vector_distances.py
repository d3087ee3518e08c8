"""Distances between the vectors of paper 2509.19122: cosine distances, and one of log ratios."""

from collections.abc import Sequence

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.fingerprints.record import Fingerprint

SCALE_WEIGHT = 0.5  # of a common factor of all weights, beside how they differ between projections
NOTHING_IN_COMMON = 100.0  # the log-ratio distance of vectors without a projection in common


def cosine_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Return 1 - cos of two vectors of unit length, as |a - b|^2 / 2 (paper 2509.19122, 2.2).

    The difference keeps the digits of small distances that 1 - cos would cancel.
    """
    return float(np.sum((np.array(one) - np.array(other)) ** 2) / 2)


def std_distance_over_common(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the cosine distance of two std vectors over the projections that both have.

    A std of 0 says that a projection is missing. NaN where fewer than two are in common.
    """
    common = []
    for position, (std, other_std) in enumerate(zip(one, other, strict=True)):
        if std > 0 and other_std > 0:
            common.append(position)

    return cosine_distance_over(one, other, common)


def clustering_distance_over_common(one: Fingerprint, other: Fingerprint) -> float:
    """Return the cosine distance of two clustering vectors at rank 16 over common projections.

    1 where one of them is zero on all of these, NaN where fewer than two are in common.
    """
    common = []
    for position, projection in enumerate(PROJECTIONS):
        if projection in one.projections and projection in other.projections:
            common.append(position)

    return cosine_distance_over(one.clusterings[0].vector, other.clusterings[0].vector, common)


def cosine_distance_over(
    one: Sequence[float], other: Sequence[float], positions: Sequence[int]
) -> float:
    """Return the cosine distance of two vectors over some of their entries.

    NaN where there are fewer than two, and 1 where one vector is zero on all of them.
    """
    if len(positions) < 2:  # noqa: PLR2004  # of one number every cosine is 1
        return float("nan")

    a = np.array(one)[list(positions)]
    b = np.array(other)[list(positions)]
    if not a.any() or not b.any():
        return 1.0

    difference = a / np.linalg.norm(a) - b / np.linalg.norm(b)
    return float((difference**2).sum() / 2)


def log_ratio_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Return sqrt(sum_p (r_p - r)^2 + (r / 2)^2), r_p = log(a_p / b_p), r their mean.

    Names the family of a third more of those published models for which the cosine of paper
    2509.19122 names a wrong one (benchmarks/spreads.py). Projections that one of them lacks (a std
    of 0) are left out; without any in common the distance is NOTHING_IN_COMMON.
    """
    ratios = []
    for std, other_std in zip(one, other, strict=True):
        if std > 0 and other_std > 0:
            ratios.append(std / other_std)
    if not ratios:
        return NOTHING_IN_COMMON

    logs = np.log(ratios)
    scale = logs.mean()
    return float(np.sqrt(((logs - scale) ** 2).sum() + (SCALE_WEIGHT * scale) ** 2))
