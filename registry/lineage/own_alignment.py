"""Two models' branches in axes of their own, rotated onto each other.

Neither tokens nor the residual stream's axes are needed. The axes of each model are known up to a
rotation among themselves: the rotation and the match of the layers are found in turn, from several
starts (docs/method.md, Own axes).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from registry.fingerprints.outline import OWN_AXES as AXES
from registry.fingerprints.record import Branch
from registry.numerics.assignment import best_assignment

PRODUCTS = ("attention", "mlp", "scores")
EQUALISED = 0.25  # power of an axis's energy that it is divided by: strong channels count less
LEAST_ENERGY = 1e-9  # of the strongest axis
CLIPPED = 2.0  # root mean squares, at which larger entries are cut
STARTS = 3  # rotations of which the best is refined
ROUNDS = 3  # matches of the layers
STEPS = 10  # of the rotation between two matches
PLAIN = 0.75  # cosine from which no other start is refined: no unrelated models come near it
GAIN = 1e-3  # of the cosine, below which nothing more is to be found
DEPTHS = (0.0, 0.34, 0.67, 1.0)  # places in the model whose branches suggest rotations


@dataclass(frozen=True)
class OwnAlignment:
    """The middle layers of two models matched in their own axes.

    Attributes:
        pairs: Matched layers (of a, of b), counted among those that have such sketches.
        similarity: Mean cosine of the matched layers, over the products that both have.
    """

    pairs: tuple[tuple[int, int], ...]
    similarity: float


class Match(NamedTuple):
    """Which layers a rotation matches, and how well."""

    rows: np.ndarray
    columns: np.ndarray
    similarity: float


class OwnSketches(NamedTuple):
    """Sketches in a model's own axes.

    Attributes:
        layers: Of each of k sketches.
        products: Of each what it is of, one of PRODUCTS.
        numbers: k x 576, the squares row by row.
    """

    layers: np.ndarray
    products: np.ndarray
    numbers: np.ndarray

    @classmethod
    def of(cls, branches: Sequence[Branch]) -> "OwnSketches":
        """Return the sketches of those branches that have some."""
        layers = []
        products = []
        sketches = []
        for branch in branches:
            for product, sketch in ((branch.branch, branch.own), ("scores", branch.scores)):
                if sketch is not None:
                    layers.append(branch.layer)
                    products.append(product)
                    sketches.append(sketch)
        numbers = np.reshape(np.array(sketches, float), (-1, AXES * AXES))
        return cls(np.array(layers, int), np.array(products, str), numbers)


class SingularVectors(NamedTuple):
    """The decomposition of a matrix: left * values @ right."""

    left: np.ndarray
    values: np.ndarray
    right: np.ndarray


def own_tables(own: OwnSketches) -> np.ndarray:
    """Return the sketches in a model's own axes: products x layers x 24 x 24, each of length 1.

    The axes are scaled by their energy to the power -1/4 and large entries are cut, so that one
    strong channel does not decide alone. Zeros where a sketch is missing; without any, there are no
    layers.
    """
    layers, rows = np.unique(own.layers, return_inverse=True)
    tables = np.zeros((len(PRODUCTS), len(layers), AXES, AXES))
    for place, product in enumerate(PRODUCTS):
        chosen = own.products == product
        tables[place, rows[chosen]] = own.numbers[chosen].reshape(-1, AXES, AXES)
    if not tables.any():
        return tables

    energy = (tables**2).sum((0, 1, 3)) + (tables**2).sum((0, 1, 2))
    scale = np.maximum(energy, LEAST_ENERGY * energy.max()) ** -EQUALISED
    scaled = scale[:, None] * tables * scale
    largest = CLIPPED * np.sqrt((scaled**2).mean((2, 3), keepdims=True))
    cut = np.clip(scaled, -largest, largest)
    lengths = np.linalg.norm(cut, axis=(2, 3), keepdims=True)
    unit: np.ndarray = cut / np.where(lengths > 0, lengths, 1.0)
    return unit


def align_own(a: np.ndarray, b: np.ndarray) -> OwnAlignment | None:
    """Match the layers of two models by their tables; None where one has none."""
    common = a.any((1, 2, 3)) & b.any((1, 2, 3))
    if not common.any():
        return None

    a, b = a[common], b[common]
    starts: list[tuple[float, int, np.ndarray]] = []
    for rotation in suggested_rotations(a, b):
        match = matched(a, b, rotation)
        starts.append((match.similarity, len(starts), rotation))
    starts.sort(reverse=True, key=lambda start: start[:2])

    best = refined(a, b, starts[0][-1])
    for *_, rotation in starts[1:STARTS]:
        if best.similarity > PLAIN:
            break
        match = refined(a, b, rotation)
        best = match if match.similarity > best.similarity else best
    pairs = tuple(zip(best.rows.tolist(), best.columns.tolist(), strict=True))
    return OwnAlignment(pairs, best.similarity)


def matched(a: np.ndarray, b: np.ndarray, rotation: np.ndarray) -> Match:
    """Match layers by the assignment with the largest sum of cosines under a rotation."""
    rotated = rotation.T @ a @ rotation
    count, layers_a = a.shape[:2]
    layers_b = b.shape[1]
    cosines = np.zeros((layers_a, layers_b))
    for one, other in zip(rotated, b, strict=True):
        cosines += one.reshape(layers_a, -1) @ other.reshape(layers_b, -1).T / count

    rows, columns = best_assignment(cosines)
    return Match(rows, columns, float(cosines[rows, columns].mean()))


def refined(a: np.ndarray, b: np.ndarray, rotation: np.ndarray) -> Match:
    """Improve a rotation and the match of the layers in turn."""
    match = matched(a, b, rotation)
    for _ in range(ROUNDS):
        ones = a[:, match.rows].reshape(-1, AXES, AXES)
        others = b[:, match.columns].reshape(-1, AXES, AXES)
        for _ in range(STEPS):
            rotation = better_rotation(ones, others, rotation)

        before = match.similarity
        match = matched(a, b, rotation)
        if match.similarity - before < GAIN:
            break
    return match


def better_rotation(ones: np.ndarray, others: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Return the next R of maximising the sum of <R^T A R, B>: the polar factor of its gradient."""
    forward = ones @ rotation @ others.transpose(0, 2, 1)
    backward = ones.transpose(0, 2, 1) @ rotation @ others
    return nearest_rotation((forward + backward).sum(0))


def nearest_rotation(matrix: np.ndarray) -> np.ndarray:
    """Return the orthogonal matrix nearest to one."""
    left, _, right = np.linalg.svd(matrix)
    rotation: np.ndarray = left @ right
    return rotation


def suggested_rotations(a: np.ndarray, b: np.ndarray) -> Iterator[np.ndarray]:
    """Yield rotations to begin with.

    The axes themselves, in the order of their energy, with the signs that agree best; and for
    branches at the same depth their singular vectors put upon each other, signs likewise.
    """
    fewer = min(a.shape[1], b.shape[1])
    products = (a[:, :fewer] * b[:, :fewer]).sum((0, 1))
    yield np.diag(agreeing_signs(products))

    last_a, last_b = a.shape[1] - 1, b.shape[1] - 1
    for ones, others in zip(a, b, strict=True):
        for depth in DEPTHS:
            one = ones[round(depth * last_a)]
            other = others[round(depth * last_b)]
            yield rotation_by_vectors(one, other)


def rotation_by_vectors(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the rotation that puts the singular vectors of one matrix upon those of another."""
    left, values, right = singular_vectors(one.tobytes())
    other_left, other_values, other_right = singular_vectors(other.tobytes())
    inner = values[:, None] * (left.T @ right.T) * values
    other_inner = other_values[:, None] * (other_left.T @ other_right.T) * other_values
    signs = agreeing_signs(inner * other_inner)
    return nearest_rotation((left * signs) @ other_left.T + (right.T * signs) @ other_right)


@lru_cache(1024)
def singular_vectors(matrix: bytes) -> SingularVectors:
    """Return the decomposition of a matrix in an array's bytes.

    A model is beside many others, and it takes a third of an alignment.
    """
    square = np.frombuffer(matrix).reshape(AXES, AXES)
    return SingularVectors(*np.linalg.svd(square))


def agreeing_signs(products: np.ndarray) -> np.ndarray:
    """Return signs s that make s^T P s large: those of the leading eigenvector of P + P^T."""
    _, vectors = np.linalg.eigh(products + products.T)
    return np.where(vectors[:, -1] < 0, -1.0, 1.0)
