"""Which layer of one model is which of the other: the assignment under which their branches are most alike."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import linear_sum_assignment

from registry.lineage.features import BRANCHES, Sketches

DRAWS = 200  # random tables that say how alike strangers' layers look once they are assigned
LARGEST = 48  # layers: of more, the null of that many is taken, which is a little wider


@dataclass(frozen=True)
class Alignment:
    """cosines: layers of a x layers of b, the mean over the branches that both have, of which there are `branches`.

    pairs: matched layers (of a, of b). similarity: mean cosine of the matched. z: how many standard deviations that is
    above what independent random sketches give, assigned as well as they can be.
    """

    cosines: np.ndarray
    branches: int
    pairs: tuple[tuple[int, int], ...]
    similarity: float
    z: float


def align(a: Sketches, b: Sketches, kind: str) -> Alignment | None:
    """Compare the branches' sketches of one kind, `stream` or `token`; None where the models have none in common."""
    tables = [(a.tables[kind, branch], b.tables[kind, branch]) for branch in BRANCHES]
    both = [(one, other) for one, other in tables if one.any() and other.any()]
    if not both:
        return None
    cosines = np.mean([one @ other.T for one, other in both], axis=0)
    rows, columns = linear_sum_assignment(cosines, maximize=True)
    similarity = float(cosines[rows, columns].mean())
    mean, spread = by_chance(*sorted((min(len(cosines), LARGEST), min(cosines.shape[1], LARGEST))))
    noise = 1 / np.sqrt(both[0][0].shape[1] * len(both))
    z = (similarity / noise - mean) / spread
    return Alignment(
        cosines,
        len(both),
        tuple(zip(rows.tolist(), columns.tolist(), strict=True)),
        similarity,
        float(z),
    )


@lru_cache(1024)
def by_chance(fewer: int, more: int) -> tuple[float, float]:
    """Mean and standard deviation of the mean matched entry in a table of standard normal numbers."""
    draw = np.random.Generator(np.random.PCG64(fewer * 1000 + more))
    tables = draw.standard_normal((DRAWS, fewer, more))
    best = [table[linear_sum_assignment(table, maximize=True)].mean() for table in tables]
    return float(np.mean(best)), float(np.std(best))
