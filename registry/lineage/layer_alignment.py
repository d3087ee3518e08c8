"""Which layer of one model is which of the other: the assignment with the largest cosines."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from registry.fingerprints.outline import BRANCHES
from registry.lineage.features import Sketches

DRAWS = 200  # random tables that give the null of an assignment's mean
LARGEST = 48  # layers: of more, the null of that many is taken, which is a little wider


@dataclass(frozen=True)
class Alignment:
    """The layers of two models matched by their sketches of one kind.

    Attributes:
        cosines: Layers of a x layers of b, the mean over the `branches` that both have.
        pairs: Matched layers (of a, of b).
        similarity: Mean cosine of the matched layers.
        z: How many standard deviations that is above the mean of assigned independent random
            sketches.
    """

    cosines: np.ndarray
    branches: int
    pairs: tuple[tuple[int, int], ...]
    similarity: float
    z: float


class AssignmentNull(NamedTuple):
    """Mean and standard deviation of an assignment's mean among standard normal numbers."""

    mean: float
    deviation: float


def align(a: Sketches, b: Sketches, kind: str) -> Alignment | None:
    """Match the layers of two models by their sketches of one kind, `stream` or `token`.

    Maximises the sum of cosines over one-to-one assignments (docs/method.md, Two models side by
    side). None where the models have no sketches of this kind in common.
    """
    tables = []
    for branch in BRANCHES:
        one, other = a.tables[kind, branch], b.tables[kind, branch]
        if one.any() and other.any():
            tables.append((one, other))
    if not tables:
        return None

    cosines = np.mean([one @ other.T for one, other in tables], axis=0)
    rows, columns = linear_sum_assignment(cosines, maximize=True)
    similarity = float(cosines[rows, columns].mean())

    layers_a, layers_b = cosines.shape
    fewer, more = sorted((min(layers_a, LARGEST), min(layers_b, LARGEST)))
    null = assignment_null(fewer, more)
    numbers = tables[0][0].shape[1]
    noise = 1 / np.sqrt(numbers * len(tables))  # standard deviation of an entry by chance
    z = (similarity / noise - null.mean) / null.deviation

    pairs = tuple(zip(rows.tolist(), columns.tolist(), strict=True))
    return Alignment(cosines, len(tables), pairs, similarity, float(z))


@lru_cache(1024)
def assignment_null(fewer: int, more: int) -> AssignmentNull:
    """Return the null of an assignment in fewer x more standard normal numbers."""
    draw = np.random.Generator(np.random.PCG64(fewer * 1000 + more))
    tables = draw.standard_normal((DRAWS, fewer, more))
    means = []
    for table in tables:
        rows, columns = linear_sum_assignment(table, maximize=True)
        means.append(table[rows, columns].mean())
    return AssignmentNull(float(np.mean(means)), float(np.std(means)))
