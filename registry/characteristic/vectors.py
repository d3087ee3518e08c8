"""Singular-value vectors of one projection over all layers, and their distances.

Paper 2509.00046, section 2.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from registry.errors import IdenticalLayers, NoSuchProjection, RankNotStored, TooFewLayers
from registry.fingerprints.record import Fingerprint, Matrix
from registry.numerics.unit_vectors import padded

LEAST = 25  # distances that a law is fitted to
SAME = 1e-12  # a distance that is nothing but rounding: two equal vectors


@dataclass(frozen=True, eq=False)
class Vectors:
    """The matrix of singular-value vectors (MSV) of one projection.

    Attributes:
        projection: its name, or `all`.
        rows: matrices x rank; by layer and expert. A matrix that has fewer singular values than the
            rank is padded with zeros.
    """

    projection: str
    rows: np.ndarray


@dataclass(frozen=True, eq=False)
class Distances:
    """The distances of singular-value vectors (DSV): 1 - cos, formula 1 as formula 2 corrects it.

    Attributes:
        a: name of the first set.
        b: name of the second; of one set with itself that of the first.
        table: vectors of a x vectors of b; of one set with itself symmetric with zeros.
        within: whether it is of one set with itself.
    """

    a: str
    b: str
    table: np.ndarray
    within: bool

    @property
    def values(self) -> np.ndarray:
        """Every distance once, without those of equal vectors (section 2.2: zeros are removed)."""
        rows, columns = self.table.shape
        return self.kept(np.arange(rows), np.arange(columns))

    def kept(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the distances between some vectors of a and some of b, without zeros.

        Args:
            rows, columns: Positions of the vectors, of which any may come several times.
        """
        table = self.table[np.ix_(rows, columns)]
        values = table[np.triu_indices(len(table), 1)] if self.within else table.ravel()
        nonzero: np.ndarray = values[values > SAME]
        return nonzero

    def resampled(self, random: np.random.Generator) -> np.ndarray:
        """Return the distances between vectors drawn with replacement.

        Distances share vectors, so that not they but the vectors are drawn.
        """
        row_count, column_count = self.table.shape
        rows = np.asarray(random.integers(row_count, size=row_count))
        columns = np.asarray(random.integers(column_count, size=column_count))
        return self.kept(rows, rows if self.within else columns)

    @property
    def name(self) -> str:
        """As the paper writes it: query-gate."""
        return self.a if self.within else f"{self.a}-{self.b}"


def vectors(fingerprint: Fingerprint, rank: int) -> dict[str, Vectors]:
    """Return the singular-value vectors of every projection that the model has.

    Raises RankNotStored.
    """
    if rank > fingerprint.rank:
        raise RankNotStored(rank=rank, stored=fingerprint.rank)

    by_projection: dict[str, Vectors] = {}
    for projection in fingerprint.projections:
        matrices = [m for m in fingerprint.matrices if m.projection == projection]
        matrices.sort(key=layer_and_expert)
        spectra = [matrix.singular_values for matrix in matrices]
        by_projection[projection] = Vectors(projection, padded(spectra, rank))
    return by_projection


def layer_and_expert(matrix: Matrix) -> tuple[int, int]:
    """Return a matrix's layer and expert, -1 for none."""
    return matrix.layer, -1 if matrix.expert is None else matrix.expert


def projection_of(by_projection: Mapping[str, Vectors], name: str) -> Vectors:
    """Return one projection's vectors. Raises NoSuchProjection."""
    if name not in by_projection:
        raise NoSuchProjection(projection=name, known=", ".join(by_projection))
    return by_projection[name]


def between(one: Vectors, other: Vectors) -> Distances:
    """Return the distances of every vector of one projection to every vector of another.

    Raises TooFewLayers and IdenticalLayers where no law can be fitted to them.
    """
    table = cosine_distances(one.rows, other.rows)
    return checked(Distances(one.projection, other.projection, table, within=False))


def within(vectors: Vectors) -> Distances:
    """Return the distances of all vectors of one set to each other.

    Raises TooFewLayers and IdenticalLayers where no law can be fitted to them.
    """
    table = cosine_distances(vectors.rows, vectors.rows)
    return checked(Distances(vectors.projection, vectors.projection, table, within=True))


def all_vectors(by_projection: Mapping[str, Vectors]) -> Vectors:
    """Return the vectors of all projections as one set, whose distances table 1 is about."""
    rows = [vectors.rows for vectors in by_projection.values()]
    return Vectors("all", np.concatenate(rows))


def checked(distances: Distances) -> Distances:
    """Return distances to which a law can be fitted. Raises TooFewLayers and IdenticalLayers."""
    kept = len(distances.values)
    if kept >= LEAST:
        return distances

    if distances.table.size >= 2 * LEAST:
        raise IdenticalLayers(name=distances.name, count=kept, least=LEAST)
    raise TooFewLayers(
        name=distances.name,
        count=kept,
        least=LEAST,
        layers=max(distances.table.shape, default=0),
        needed=vectors_needed(within=distances.within),
    )


def vectors_needed(*, within: bool) -> int:
    """Return how many vectors of each projection give LEAST distances."""
    vectors = 2
    while pairs_of(vectors, within=within) < LEAST:
        vectors += 1
    return vectors


def pairs_of(vectors: int, *, within: bool) -> int:
    """Return how many pairs there are within one set of vectors, or between two such sets."""
    return vectors * (vectors - 1) // 2 if within else vectors * vectors


def cosine_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return 1 - cos of every row of one with every row of the other.

    From differences of unit vectors: exact where it is small.
    """
    a, b = unit_rows(one), unit_rows(other)
    distances = []
    for row in a:
        squares = (row - b) ** 2
        distances.append(0.5 * squares.sum(1))
    return np.array(distances).reshape(len(a), len(b))


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Return rows scaled to length 1; zeros stay zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-300))
