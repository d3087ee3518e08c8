"""The distribution generator: vectors whose distances follow a law (paper 2509.00046, 3.2).

Steps 1 to 6: a template of normal numbers; to every vector some increments, normal too, whose count
follows a constant, a normal or a Pareto law, are added in random places. Counts of a Pareto law
leave most vectors near the template and some far, so that distances follow a power law; counts that
hardly differ give distances that are normal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from registry.characteristic.laws import NORMAL, POWER_LAW, decided
from registry.characteristic.vectors import LEAST, SAME, cosine_distances
from registry.errors import LawNotReached

ATTEMPTS = 200  # draws until distances follow the law
TAIL = 0.8  # exponent of the Pareto law of counts
LEAST_COUNT = 0.5  # its smallest value: half of the counts are then 0 or 1
SHARE = 0.5  # of a vector that a constant or normal count changes
SPREAD = 1 / 12  # standard deviation of a normal count, as a share of the vector


class DrawnPair(NamedTuple):
    """Two matrices, each vectors x length, whose distances are looked at."""

    first: np.ndarray
    second: np.ndarray


@dataclass(frozen=True)
class Counts:
    """How many numbers of a vector are changed: the paper's Func().

    Attributes:
        kind: `constant`, `normal` or `pareto`.
    """

    kind: str

    def draw(self, vectors: int, length: int, random: np.random.Generator) -> np.ndarray:
        """Return one count for every vector, from 0 to its length.

        They are quantiles of the law, one of each of as many equal parts of it, in random order:
        few vectors show the law too.
        """
        parts = random.permutation(vectors)
        places = random.random(vectors)
        quantiles = (parts + places) / vectors
        if self.kind == "pareto":
            counts = LEAST_COUNT * (1 - quantiles) ** (-1 / TAIL)
        elif self.kind == "normal":
            counts = length * (SHARE + SPREAD * normal_quantile(quantiles))
        else:
            counts = np.full(vectors, SHARE * length)
        return np.clip(np.floor(counts), 0, length).astype(int)


FUNCTIONS = {POWER_LAW: Counts("pareto"), NORMAL: Counts("normal")}


def normal_quantile(shares: np.ndarray) -> np.ndarray:
    """Return quantiles of the standard normal law."""
    return np.asarray(ndtri(shares))


def template(length: int, random: np.random.Generator, std: float = 1.0) -> np.ndarray:
    """Return the template weight of step 1."""
    return std * random.standard_normal(length)


def matrix(
    template: np.ndarray,
    vectors: int,
    counts: Counts,
    random: np.random.Generator,
    *,
    std: float = 1.0,
) -> np.ndarray:
    """Return a matrix by steps 2 to 5: vectors x length.

    Each vector is the template and normal increments in random places. std: of the increments.
    """
    length = len(template)
    rows = np.tile(template, (vectors, 1))
    changes = counts.draw(vectors, length, random)
    for row, changed in zip(rows, changes, strict=True):
        places = random.permutation(length)[:changed]
        row[places] += std * random.standard_normal(changed)
    return rows


def pair(
    template: np.ndarray,
    vectors: int,
    law: str,
    random: np.random.Generator,
    *,
    std: float = 1.0,
) -> DrawnPair:
    """Return two matrices of one template, drawn until their distances follow the law (step 6).

    Args:
        law: `power law` or `normal`.
        std: Standard deviation of the increments.

    Raises LawNotReached.
    """

    def draw() -> DrawnPair:
        first = matrix(template, vectors, FUNCTIONS[law], random, std=std)
        second = matrix(template, vectors, FUNCTIONS[law], random, std=std)
        return DrawnPair(first, second)

    return draw_until(law, draw)


def beside(
    first: np.ndarray,
    template: np.ndarray,
    law: str,
    random: np.random.Generator,
    *,
    std: float = 1.0,
    vectors: int | None = None,
) -> np.ndarray:
    """Return a matrix of a template, drawn until its distances to another follow the law.

    Args:
        first: The other, vectors x length; where the lengths differ, the numbers that both have are
            compared.
        std: Standard deviation of the increments.
        vectors: How many the matrix has, by default as many as the first. Few vectors have few
            counts, and not every draw of these shows the law; fewer than eight show none, and are
            taken as they come.

    Raises LawNotReached.
    """
    count = vectors or len(first)

    def draw() -> DrawnPair:
        second = matrix(template, count, FUNCTIONS[law], random, std=std)
        return DrawnPair(first, second)

    if len(first) * count < 2 * LEAST:
        return draw().second
    return draw_until(law, draw).second


def draw_until(law: str, draw: Callable[[], DrawnPair]) -> DrawnPair:
    """Return the first of ATTEMPTS draws whose distances follow the law. Raises LawNotReached."""
    for _ in range(ATTEMPTS):
        drawn = draw()
        if law_between(drawn) == law:
            return drawn

    vectors, length = drawn.second.shape
    raise LawNotReached(law=law, attempts=ATTEMPTS, vectors=vectors, length=length)


def law_between(drawn: DrawnPair) -> str | None:
    """Return what the distances of two matrices' vectors follow; None where they are too few."""
    length = min(drawn.first.shape[1], drawn.second.shape[1])
    first = drawn.first[:, :length]
    second = drawn.second[:, :length]
    distances = cosine_distances(first, second).ravel()

    nonzero = distances[distances > SAME]
    if len(nonzero) < LEAST:
        return None
    return decided(nonzero)
