"""The distribution generator: vectors whose distances follow a law that is asked for (paper 2509.00046, 3.2).

Steps 1 to 6: a template of normal numbers; to every vector some increments, normal too, whose count follows a constant,
a normal or a Pareto law, are added in random places. Counts of a Pareto law leave most vectors near the template and
some far, so that distances follow a power law; counts that hardly differ give distances that are normal.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from registry.characteristic.laws import NORMAL, POWER_LAW, decided
from registry.characteristic.vectors import LEAST, SAME, cosine_distances
from registry.errors import LawNotReached

ATTEMPTS = 200  # draws until distances follow the law
TAIL = 0.8  # exponent of the Pareto law of counts
LEAST_COUNT = 0.5  # its smallest value: half of the counts are then 0 or 1
SHARE, SPREAD = (
    0.5,
    1 / 12,
)  # of a vector that a constant or normal count changes, and its standard deviation


@dataclass(frozen=True)
class Counts:
    """How many numbers of a vector are changed: `constant`, `normal` or `pareto`, as the paper's Func()."""

    kind: str

    def draw(self, vectors: int, length: int, random: np.random.Generator) -> np.ndarray:
        """One count for every vector, from 0 to its length.

        Quantiles of the law, one of each of as many equal parts of it, in random order: few vectors show the law too.
        """
        parts = (random.permutation(vectors) + random.random(vectors)) / vectors
        if self.kind == "pareto":
            found = LEAST_COUNT * (1 - parts) ** (-1 / TAIL)
        elif self.kind == "normal":
            found = length * (SHARE + SPREAD * inverse_normal(parts))
        else:
            found = np.full(vectors, SHARE * length)
        return np.clip(np.floor(found), 0, length).astype(int)


FUNCTIONS = {POWER_LAW: Counts("pareto"), NORMAL: Counts("normal")}


def inverse_normal(parts: np.ndarray) -> np.ndarray:
    """Quantiles of the standard normal law."""
    return np.asarray(ndtri(parts))


def template(length: int, random: np.random.Generator, std: float = 1.0) -> np.ndarray:
    """Step 1: the template weight."""
    return std * random.standard_normal(length)


def matrix(
    own: np.ndarray, vectors: int, counts: Counts, random: np.random.Generator, std: float = 1.0
) -> np.ndarray:
    """Steps 2 to 5: vectors x length, each the template and normal increments of this std in random places."""
    made = np.tile(own, (vectors, 1))
    for row, count in zip(made, counts.draw(vectors, len(own), random), strict=True):
        row[random.permutation(len(own))[:count]] += std * random.standard_normal(count)
    return made


def pair(
    own: np.ndarray, vectors: int, law: str, random: np.random.Generator, std: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Step 6: two matrices of one template, drawn until their distances follow the law. Raises LawNotReached."""
    for _ in range(ATTEMPTS):
        first, second = (matrix(own, vectors, FUNCTIONS[law], random, std) for _ in range(2))
        if law_between(first, second) == law:
            return first, second
    raise LawNotReached(law=law, attempts=ATTEMPTS, vectors=vectors, length=len(own))


def beside(
    first: np.ndarray,
    own: np.ndarray,
    law: str,
    random: np.random.Generator,
    std: float = 1.0,
    vectors: int | None = None,
) -> np.ndarray:
    """A matrix of a template whose distances to another's vectors follow the law: drawn until they do.

    vectors: how many it has; as many as the first unless told otherwise.
    Their lengths may differ: the numbers that both have are compared. Few vectors have few counts, and not every draw
    of these shows the law; fewer than eight show none, and are taken as they come. Raises LawNotReached.
    """
    count = vectors or len(first)
    if len(first) * count < 2 * LEAST:
        return matrix(own, count, FUNCTIONS[law], random, std)
    for _ in range(ATTEMPTS):
        made = matrix(own, count, FUNCTIONS[law], random, std)
        if law_between(first, made) == law:
            return made
    raise LawNotReached(law=law, attempts=ATTEMPTS, vectors=count, length=len(own))


def law_between(one: np.ndarray, other: np.ndarray) -> str | None:
    """What the distances of two matrices' vectors follow; None where they are too few to tell."""
    length = min(one.shape[1], other.shape[1])
    distances = cosine_distances(one[:, :length], other[:, :length]).ravel()
    kept = distances[distances > SAME]
    return decided(kept) if len(kept) >= LEAST else None
