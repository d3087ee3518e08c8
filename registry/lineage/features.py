"""Fingerprints as the arrays that comparisons read; layers are counted from 0."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from registry.fingerprints.grades import Grade
from registry.fingerprints.outline import BRANCHES
from registry.fingerprints.record import Branch, Fingerprint, Matrix, Tensor
from registry.lineage.degenerate import grew_from_identity, is_degenerate
from registry.lineage.own_alignment import own_tables

KINDS = ("stream", "token")  # axes of the branches' sketches
SPECTRUM_RANK = 16  # singular values of each matrix that are compared

Spot = tuple[str, int, int]
"""A projection, an expert (-1 where it serves every token), and which of several of a layer."""


@dataclass(frozen=True)
class Sketches:
    """The branches' sketches of one model.

    Attributes:
        tables: By kind and branch, layers x 256, with zeros where a sketch is missing.
    """

    tables: dict[tuple[str, str], np.ndarray]

    @classmethod
    def of(cls, branches: Sequence[Branch]) -> "Sketches":
        """Return the tables of a fingerprint's branches (docs/method.md, What a layer does)."""
        layers = [branch.layer for branch in branches]
        names = [branch.branch for branch in branches]
        stream = stacked([branch.stream for branch in branches])
        token = stacked([branch.token for branch in branches])
        return cls.placed(layers, names, [stream, token])

    @classmethod
    def placed(
        cls, layers: Sequence[int], branches: Sequence[str], sketches: Sequence[np.ndarray]
    ) -> "Sketches":
        """Return the tables of n branches, given n x 256 numbers for each kind."""
        numbers, rows = np.unique(np.array(layers, int), return_inverse=True)
        tables = {}
        for kind, values in zip(KINDS, sketches, strict=True):
            for branch in BRANCHES:
                chosen = np.array([name == branch for name in branches], bool)
                table = np.zeros((len(numbers), values.shape[1]))
                table[rows[chosen]] = values[chosen]
                tables[kind, branch] = table
        return cls(tables)


def stacked(sketches: Sequence[tuple[float, ...] | None]) -> np.ndarray:
    """Return a row for each sketch, zeros for one that is missing."""
    size = 1
    for sketch in sketches:
        if sketch is not None:
            size = len(sketch)
            break

    table = np.zeros((len(sketches), size))
    for row, sketch in zip(table, sketches, strict=True):
        if sketch is not None:
            row[:] = sketch
    return table


@dataclass(frozen=True)
class ComparedMatrix:
    """What a comparison reads of one matrix, in the fields of a fingerprint's Matrix.

    Attributes:
        singular_values: At most the 16 largest.
    """

    layer: int
    projection: str
    expert: int | None
    rows: int
    cols: int
    std: float
    digest: str
    cast_digest: str | None
    distinct_share: float | None
    zero_share: float | None
    singular_values: Sequence[float]
    sketch: Sequence[float] | None
    kurtosis: float | None = None

    @classmethod
    def of(cls, matrix: Matrix) -> "ComparedMatrix":
        """Return what is compared of a fingerprint's matrix."""
        return cls(
            layer=matrix.layer,
            projection=matrix.projection,
            expert=matrix.expert,
            rows=matrix.rows,
            cols=matrix.cols,
            std=matrix.std,
            digest=matrix.digest,
            cast_digest=matrix.cast_digest,
            distinct_share=matrix.distinct_share,
            zero_share=matrix.zero_share,
            singular_values=matrix.singular_values[:SPECTRUM_RANK],
            sketch=matrix.sketch,
            kurtosis=matrix.kurtosis,
        )

    @cached_property
    def square(self) -> np.ndarray:
        """The sketch as a square of numbers; of size 0 without one."""
        sketch = np.array(self.sketch if self.sketch is not None else ())
        size = round(len(sketch) ** 0.5)
        square: np.ndarray = sketch.reshape(size, size)
        return square

    @property
    def bf16_digest(self) -> str:
        """The digest of the values in bf16."""
        return self.cast_digest or self.digest


@dataclass(frozen=True)
class ComparedModel:
    """What a comparison reads of one model, in the fields of a Fingerprint.

    Attributes:
        family: The one that it is registered in, None for a model that is not registered.
        depth: How many layers there are; the fingerprint's `layers`.
        grade: How much of the model was measured.
    """

    digest: str
    cast_digest: str | None
    dtype: str
    stored: str | None
    vocabulary: int | None
    projections: tuple[str, ...]
    std: tuple[float, ...]
    matrices: tuple[ComparedMatrix, ...]
    branches: tuple[Branch, ...]
    family: str | None = None
    hidden_size: int = 0
    depth: int = 0
    parameters: int = 0
    tensors: tuple[Tensor, ...] = ()
    zero: tuple[str, ...] = ()
    tied: bool | None = None
    architecture: str = ""
    grade: Grade = Grade.FULL

    @classmethod
    def of(cls, fingerprint: Fingerprint, grade: Grade = Grade.FULL) -> "ComparedModel":
        """Return what is compared of a fingerprint, or of an excerpt of some grade."""
        return cls(
            digest=fingerprint.digest,
            cast_digest=fingerprint.cast_digest,
            dtype=fingerprint.dtype,
            stored=fingerprint.stored,
            vocabulary=fingerprint.vocabulary,
            projections=fingerprint.projections,
            std=fingerprint.std,
            matrices=tuple(map(ComparedMatrix.of, fingerprint.matrices)),
            branches=fingerprint.branches,
            hidden_size=fingerprint.hidden_size,
            depth=fingerprint.layers,
            parameters=fingerprint.parameters,
            tensors=fingerprint.tensors,
            zero=fingerprint.zero,
            tied=fingerprint.tied,
            architecture=fingerprint.architecture,
            grade=grade,
        )

    @property
    def std_vector(self) -> tuple[float, ...]:
        """The seven standard deviations scaled to unit length (paper 2509.19122, 2.2)."""
        length = math.hypot(*self.std)
        return tuple(std / length for std in self.std)

    @property
    def bf16_digest(self) -> str:
        """The digest that the whole model has once it is cast to bf16."""
        return self.cast_digest or self.digest


@dataclass(frozen=True)
class ModelFeatures:
    """One model's record as arrays and tables, each made when it is first asked for."""

    model: ComparedModel

    @classmethod
    def of(cls, fingerprint: Fingerprint, grade: Grade = Grade.FULL) -> "ModelFeatures":
        """Return the features of a fingerprint, or of an excerpt of some grade."""
        return cls(ComparedModel.of(fingerprint, grade))

    @cached_property
    def sketches(self) -> Sketches:
        """The tables of the branches' sketches."""
        return Sketches.of(self.model.branches)

    @cached_property
    def degenerate(self) -> bool:
        """Whether the model is a flat start, that tells nothing of descent."""
        return is_degenerate(self.model.matrices)

    @cached_property
    def grown_from_identity(self) -> bool:
        """Whether it grew from the identity, whose axes every such model has."""
        return grew_from_identity(self.model.matrices)

    @cached_property
    def own(self) -> np.ndarray:
        """The middle layers' sketches in the model's own axes: products x layers x 24 x 24."""
        return own_tables(self.model.branches)

    @cached_property
    def unit_sketches(self) -> dict[tuple[Spot, int, int], tuple[list[int], np.ndarray]]:
        """The sketches of matrices that serve every token, of length 1, zeros of a matrix of zeros.

        By spot, rows and columns, the layers that have one, and layers x numbers.
        """
        sketches: dict[tuple[Spot, int, int], tuple[list[int], list[Sequence[float]]]] = {}
        for number, layer in enumerate(self.layers):
            for spot, matrix in layer.items():
                if matrix.expert is None and matrix.sketch is not None:
                    shape = spot, matrix.rows, matrix.cols
                    numbers, rows = sketches.setdefault(shape, ([], []))
                    numbers.append(number)
                    rows.append(matrix.sketch)

        stacked_units = {}
        for shape, (numbers, rows) in sketches.items():
            table = np.array(rows, float)
            lengths = np.linalg.norm(table, axis=1, keepdims=True)
            stacked_units[shape] = (numbers, table / np.where(lengths > 0, lengths, 1.0))
        return stacked_units

    @cached_property
    def layers(self) -> list[dict[Spot, ComparedMatrix]]:
        """The matrices of every layer, by their spots."""
        numbers = sorted({matrix.layer for matrix in self.model.matrices})
        layers: dict[int, dict[Spot, ComparedMatrix]] = {number: {} for number in numbers}

        for matrix in self.model.matrices:
            layer = layers[matrix.layer]
            spot = free_spot(layer, matrix)
            layer[spot] = matrix
        return list(layers.values())


def free_spot(layer: dict[Spot, ComparedMatrix], matrix: ComparedMatrix) -> Spot:
    """Return the spot of a layer's next matrix: shared experts of one kind are counted from 0."""
    if matrix.expert is not None:
        return matrix.projection, matrix.expert, 0

    before = 0
    for projection, expert, _ in layer:
        before += projection == matrix.projection and expert == -1
    return matrix.projection, -1, before
