"""Singular-value vectors of one projection over all layers, and the distances between them (paper 2509.00046, 2.1)."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from registry.errors import IdenticalLayers, NoSuchProjection, RankNotStored, TooFewLayers
from registry.fingerprints.record import Fingerprint, Matrix
from registry.numerics.unit_vectors import padded

LEAST = 25  # distances that a law is fitted to
SAME = 1e-12  # a distance that is nothing but rounding: two equal vectors


@dataclass(frozen=True, eq=False)
class Vectors:
    """The MSV of one projection: a row of `rank` singular values for each of its matrices, by layer and expert.

    A matrix that has fewer values than the rank is padded with zeros.
    """

    projection: str
    rows: np.ndarray


@dataclass(frozen=True, eq=False)
class Distances:
    """A DSV: cosine distances 1 - cos between singular-value vectors (formula 1, as formula 2 corrects it).

    table: vectors of a x vectors of b; of one set with itself symmetric with zeros. within: whether it is of one set.
    """

    a: str
    b: str
    table: np.ndarray
    within: bool

    @property
    def values(self) -> np.ndarray:
        """Every distance once, without those of equal vectors (section 2.2: zeros are removed)."""
        return self.kept(*(np.arange(count) for count in self.table.shape))

    def kept(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Those between some vectors of a and some of b, of which any may come several times."""
        table = self.table[np.ix_(rows, columns)]
        values = table[np.triu_indices(len(table), 1)] if self.within else table.ravel()
        found: np.ndarray = values[values > SAME]
        return found

    def resampled(self, draw: np.random.Generator) -> np.ndarray:
        """The distances between vectors drawn with replacement: distances share vectors, so that these are drawn."""
        drawn: list[np.ndarray] = [
            np.asarray(draw.integers(count, size=count)) for count in self.table.shape
        ]
        return self.kept(drawn[0], drawn[0] if self.within else drawn[1])

    @property
    def name(self) -> str:
        """As the paper writes it: query-gate."""
        return self.a if self.within else f"{self.a}-{self.b}"


def vectors(fingerprint: Fingerprint, rank: int) -> dict[str, Vectors]:
    """The vectors of every projection that the model has. Raises RankNotStored."""
    if rank > fingerprint.rank:
        raise RankNotStored(rank=rank, stored=fingerprint.rank)
    found = {}
    for projection in fingerprint.projections:
        own = sorted((m for m in fingerprint.matrices if m.projection == projection), key=place)
        found[projection] = Vectors(projection, padded([m.singular_values for m in own], rank))
    return found


def place(matrix: Matrix) -> tuple[int, int]:
    """Layer, and expert."""
    return matrix.layer, -1 if matrix.expert is None else matrix.expert


def projection_of(found: dict[str, Vectors], name: str) -> Vectors:
    """One projection's vectors. Raises NoSuchProjection."""
    if name not in found:
        raise NoSuchProjection(projection=name, known=", ".join(found))
    return found[name]


def between(one: Vectors, other: Vectors) -> Distances:
    """DSV of two projections, every vector of one with every vector of the other. Raises as `checked` does."""
    return checked(
        Distances(
            one.projection, other.projection, cosine_distances(one.rows, other.rows), within=False
        )
    )


def within(own: Vectors) -> Distances:
    """DSV of all vectors of one set. Raises as `checked` does."""
    return checked(
        Distances(own.projection, own.projection, cosine_distances(own.rows, own.rows), within=True)
    )


def all_vectors(found: dict[str, Vectors]) -> Vectors:
    """The vectors of all projections as one set, whose distances table 1 is about."""
    return Vectors("all", np.concatenate([each.rows for each in found.values()]))


def checked(distances: Distances) -> Distances:
    """The distances, if a law can be fitted to them. Raises TooFewLayers, IdenticalLayers."""
    count, possible = len(distances.values), distances.table.size
    if possible and count < LEAST and possible >= 2 * LEAST:
        raise IdenticalLayers(name=distances.name, count=count, least=LEAST)
    if count < LEAST:
        layers = max(distances.table.shape, default=0)
        raise TooFewLayers(
            name=distances.name, count=count, least=LEAST, layers=layers, needed=needed(distances)
        )
    return distances


def needed(distances: Distances) -> int:
    """How many vectors of each projection give enough distances."""
    return next(
        n
        for n in range(2, 100)
        if (len(list(combinations(range(n), 2))) if distances.within else n * n) >= LEAST
    )


def cosine_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """1 - cos of every row of one with every row of the other, from differences: exact where it is small."""
    a, b = (
        rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)
        for rows in (one, other)
    )
    return np.array([0.5 * ((row - b) ** 2).sum(1) for row in a]).reshape(len(a), len(b))
