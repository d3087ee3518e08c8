"""Which layer of one model is which of the other: the assignment with the largest cosines."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from registry.fingerprints.outline import BRANCHES
from registry.lineage.features import Sketches
from registry.numerics.assignment import best_assignment
from registry.numerics.student import t_tail

DRAWS = 200  # random tables that give the null of an assignment's mean
LARGEST = 48  # layers: of more, the null of that many is taken, which is a little wider
SIDE = 16  # rows and columns of a sketch in the stream's axes
LEAST_FREEDOM, FREEDOM_OF_RANK = 4.0, 1.5  # of a t distribution: a sketch of rank 1 has 5.5


@dataclass(frozen=True)
class Alignment:
    """The layers of two models matched by their sketches of one kind.

    Attributes:
        cosines: Layers of a x layers of b, the mean over the `branches` that both have.
        pairs: Matched layers (of a, of b).
        similarity: Mean cosine of the matched layers.
        z: How many standard deviations that is above the mean of assigned independent random
            sketches.
        p_value: How often the same sketches, rotated at random, agree as well; None in the tokens'
            axes, which independent models may share.
    """

    cosines: np.ndarray
    branches: int
    pairs: tuple[tuple[int, int], ...]
    similarity: float
    z: float
    p_value: float | None = None


class AssignmentNull(NamedTuple):
    """Mean and standard deviation of an assignment's mean among standard normal numbers."""

    mean: float
    deviation: float


def align(a: Sketches, b: Sketches, kind: str, width: int) -> Alignment | None:
    """Match the layers of two models by their sketches of one kind, `stream` or `token`.

    Maximises the sum of cosines over one-to-one assignments (docs/method.md, Two models side by
    side). None where the models have no sketches of this kind in common.

    Args:
        width: Of the residual stream, the narrower of the two.
    """
    tables = tables_in_common(a, b, kind)
    if not tables:
        return None

    cosines, rows, columns = assigned(tables)
    similarity = float(cosines[rows, columns].mean())

    pairs = tuple(zip(rows.tolist(), columns.tolist(), strict=True))
    null = assignment_null(*sorted(min(layers, LARGEST) for layers in cosines.shape))
    noise = 1 / np.sqrt(tables[0][0].shape[1] * len(tables))  # of an entry by chance
    if kind != "stream":
        z = (similarity / noise - null.mean) / null.deviation
        return Alignment(cosines, len(tables), pairs, similarity, float(z))

    matched_a = np.concatenate([one[rows] for one, _ in tables])
    matched_b = np.concatenate([other[columns] for _, other in tables])
    rotation_null = RotationNull.of(matched_a, matched_b, width)
    z = (similarity - null.mean * noise * unevenness(width)) / rotation_null.deviation
    p_value = rotation_null.p_value(z)
    return Alignment(cosines, len(tables), pairs, similarity, float(z), p_value)


def similarity_of(a: Sketches, b: Sketches, kind: str) -> float:
    """Return the mean cosine of matched layers, as `align` has it; 0 with no sketches in common.

    What chance makes of it takes most of an alignment's time.
    """
    tables = tables_in_common(a, b, kind)
    if not tables:
        return 0.0
    cosines, rows, columns = assigned(tables)
    return float(cosines[rows, columns].mean())


def tables_in_common(a: Sketches, b: Sketches, kind: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the sketches of each branch of which both models have some."""
    tables = []
    for branch in BRANCHES:
        one, other = a.tables[kind, branch], b.tables[kind, branch]
        if one.any() and other.any():
            tables.append((one, other))
    return tables


def assigned(
    tables: Sequence[tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean cosines of layers x layers, and which rows go with which columns."""
    cosines = np.mean([one @ other.T for one, other in tables], axis=0)
    rows, columns = best_assignment(cosines)
    return cosines, rows, columns


@dataclass(frozen=True)
class RotationNull:
    """The mean cosine of matched sketches A^T M B when A and B are rotated at random.

    Independent runs are as likely as the same runs with their axes in another order: so this is
    what independent models come to, whatever their width, depth, vocabulary and training.

    Attributes:
        deviation: Standard deviation of the mean cosine. It is large where all layers are alike.
        freedom: Of the t distribution with tails as heavy. They are heavy where sketches have a low
            rank, as one strong channel gives them.
    """

    deviation: float
    freedom: float

    @classmethod
    def of(cls, a: np.ndarray, b: np.ndarray, width: int) -> "RotationNull":
        """Return the null of n matched sketches of 256 numbers each, n x 256.

        E <a_i, U b_i V> <a_j, U b_j V> = <a_i, a_j> <b_i, b_j> / 256 over rotations U and V of the
        sketches; over rotations of the stream itself it is larger, for all sketches lean alike.
        """
        together = float(((a @ a.T) * (b @ b.T)).sum())
        variance = together * (unevenness(width) / len(a) / SIDE) ** 2
        independent = len(a) ** 2 / together if together > 0 else 1.0  # terms of the mean
        rank = min(effective_rank(a), effective_rank(b))
        freedom = LEAST_FREEDOM + FREEDOM_OF_RANK * rank * max(1.0, independent)
        return cls(max(variance, np.finfo(float).tiny) ** 0.5, freedom)

    def p_value(self, z: float) -> float:
        """Return how often rotated sketches come to a z of this size or more."""
        return t_tail(z, self.freedom)


def unevenness(width: int) -> float:
    """Return by how much one side of a sketch widens the cosines of independent sketches.

    The random signs A of a side, width x 16, are the same for all models, and no multiple of an
    orthonormal basis: 16 |A^T A|^2 / trace(A^T A)^2 = 1 + 16 / width in the mean (Marchenko and
    Pastur, 1967). Each of the two sides enlarges the variance by it: together the deviation.
    """
    return 1 + SIDE / max(width, 1)


def effective_rank(sketches: np.ndarray) -> float:
    """Return the participation ratio of the directions that sketches use, at most 16.

    (sum lambda)^2 / sum lambda^2 of the summed Gram matrices, of rows or of columns, the smaller.
    """
    squares = sketches.reshape(-1, SIDE, SIDE)
    rows = squares.transpose(1, 0, 2).reshape(SIDE, -1)
    columns = squares.transpose(2, 0, 1).reshape(SIDE, -1)
    return min(participation(rows @ rows.T), participation(columns @ columns.T))


def participation(gram: np.ndarray) -> float:
    """Return trace(G)^2 / |G|^2, 1 of a matrix of zeros."""
    square = float((gram**2).sum())
    return float(np.trace(gram) ** 2 / square) if square > 0 else 1.0


@lru_cache(1024)
def assignment_null(fewer: int, more: int) -> AssignmentNull:
    """Return the null of an assignment in fewer x more standard normal numbers."""
    draw = np.random.Generator(np.random.PCG64(fewer * 1000 + more))
    tables = draw.standard_normal((DRAWS, fewer, more))
    means = []
    for table in tables:
        rows, columns = best_assignment(table)
        means.append(table[rows, columns].mean())
    return AssignmentNull(float(np.mean(means)), float(np.std(means)))
