"""The matrices of a model as columns: what comparisons read of all of them at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.fingerprints.record import Matrix
from registry.numerics.unit_vectors import padded

SPECTRUM_RANK = 16  # singular values of each matrix that are compared
DENSE = -1  # instead of an expert's number, of a matrix that serves every token
NOWHERE = -1  # instead of a place, of what is not there
DIGEST = "S64"  # SHA-256, hexadecimal
CODES = {projection: code for code, projection in enumerate(PROJECTIONS)}


@dataclass(frozen=True, eq=False)
class SketchStack:
    """The sketches of one size of a model's matrices.

    Attributes:
        places: k places of the matrices, rising.
        numbers: k x n, each of them a square row by row.
    """

    places: np.ndarray
    numbers: np.ndarray

    @property
    def size(self) -> int:
        """How many numbers a sketch has."""
        return int(self.numbers.shape[1])


@dataclass(frozen=True, eq=False)
class MatrixColumns:
    """n matrices, in the fingerprint's order; NaN stands for a number that was not recorded.

    Attributes:
        layers: Numbers of the layers, as the fingerprint gives them.
        projections: Places in PROJECTIONS.
        experts: DENSE where a matrix serves every token.
        rows, cols: Outputs and inputs.
        std: Standard deviations.
        digests: Of the values in bf16.
        distinct_share, zero_share, kurtosis: As of a fingerprint's Matrix.
        singular_values: n x 16, the largest, falling; NaN beyond those that there are.
        stacks: The sketches by size, of the matrices that have one.
    """

    layers: np.ndarray
    projections: np.ndarray
    experts: np.ndarray
    rows: np.ndarray
    cols: np.ndarray
    std: np.ndarray
    digests: np.ndarray
    distinct_share: np.ndarray
    zero_share: np.ndarray
    kurtosis: np.ndarray
    singular_values: np.ndarray
    stacks: tuple[SketchStack, ...]

    @classmethod
    def of(cls, matrices: Sequence[Matrix]) -> "MatrixColumns":
        """Return the columns of a fingerprint's matrices."""
        experts = [DENSE if matrix.expert is None else matrix.expert for matrix in matrices]
        digests = [matrix.cast_digest or matrix.digest for matrix in matrices]
        spectra = [matrix.singular_values[:SPECTRUM_RANK] for matrix in matrices]
        return cls(
            layers=np.array([matrix.layer for matrix in matrices], int),
            projections=np.array([CODES[matrix.projection] for matrix in matrices], int),
            experts=np.array(experts, int),
            rows=np.array([matrix.rows for matrix in matrices], int),
            cols=np.array([matrix.cols for matrix in matrices], int),
            std=np.array([matrix.std for matrix in matrices], float),
            digests=np.array(digests, DIGEST),
            distinct_share=np.array([matrix.distinct_share for matrix in matrices], float),
            zero_share=np.array([matrix.zero_share for matrix in matrices], float),
            kurtosis=np.array([matrix.kurtosis for matrix in matrices], float),
            singular_values=padded(spectra, SPECTRUM_RANK, missing=np.nan),
            stacks=stacks_of([matrix.sketch for matrix in matrices]),
        )

    def __len__(self) -> int:
        """Return how many matrices there are."""
        return len(self.layers)

    @cached_property
    def energies(self) -> np.ndarray:
        """The sums of the squared values; projections have no mean to speak of."""
        energies: np.ndarray = self.std**2 * self.rows * self.cols
        return energies

    @cached_property
    def spectrum_sizes(self) -> np.ndarray:
        """How many singular values there are of each, at most 16."""
        sizes: np.ndarray = (~np.isnan(self.singular_values)).sum(1)
        return sizes

    @cached_property
    def stack_rows(self) -> dict[int, np.ndarray]:
        """By size of the sketch, for every matrix its row in the stack; NOWHERE without one."""
        rows = {}
        for stack in self.stacks:
            of_size = np.full(len(self), NOWHERE)
            of_size[stack.places] = np.arange(len(stack.places))
            rows[stack.size] = of_size
        return rows

    @cached_property
    def without_sketch(self) -> np.ndarray:
        """Places of the matrices that have no sketch."""
        missing = np.ones(len(self), bool)
        for stack in self.stacks:
            missing[stack.places] = False
        return np.flatnonzero(missing)

    def of_projections(self, *names: str) -> np.ndarray:
        """Return whether each matrix is of one of some projections."""
        return are_of(self.projections, names)

    def sketches_at(self, places: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return which of some matrices have a sketch of a size, and these sketches.

        Args:
            places: Of the matrices; NOWHERE is none.
        """
        rows = self.stack_rows.get(size)
        if rows is None:
            return np.zeros(len(places), bool), np.zeros((0, size))
        wanted = np.where(places >= 0, rows[places], NOWHERE)
        present = wanted >= 0
        (numbers,) = [stack.numbers for stack in self.stacks if stack.size == size]
        return present, rows_of(numbers, wanted[present])


def rows_of(numbers: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return some rows of a table; the table itself, and no copy, where all are meant in order."""
    if len(rows) == len(numbers) and (rows == np.arange(len(rows))).all():
        return numbers
    some: np.ndarray = numbers[rows]
    return some


def are_of(projections: np.ndarray, names: Iterable[str]) -> np.ndarray:
    """Return which of some projections, given by their places, are among those of some names."""
    wanted = np.zeros(len(PROJECTIONS), bool)
    wanted[[CODES[name] for name in names]] = True
    among: np.ndarray = wanted[projections]
    return among


def stacks_of(sketches: Sequence[Sequence[float] | None]) -> tuple[SketchStack, ...]:
    """Return the sketches of matrices, None for one that is missing, by their sizes."""
    by_size: dict[int, list[int]] = {}
    for place, sketch in enumerate(sketches):
        if sketch is not None:
            by_size.setdefault(len(sketch), []).append(place)

    stacks = []
    for places in by_size.values():
        numbers = np.array([sketches[place] for place in places], float)
        stacks.append(SketchStack(np.array(places), numbers))
    return tuple(stacks)
