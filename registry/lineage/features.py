"""Fingerprints as the arrays that comparisons read; layers are counted from 0."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from registry.fingerprints.equal_weights import Digested
from registry.fingerprints.grades import Grade
from registry.fingerprints.outline import BRANCHES
from registry.fingerprints.record import Branch, Fingerprint, Tensor
from registry.lineage.degenerate import grew_from_identity, is_degenerate
from registry.lineage.layer_table import LayerTable
from registry.lineage.matrix_columns import MatrixColumns
from registry.lineage.own_alignment import OwnSketches, own_tables
from registry.lineage.spectra import log_spectra
from registry.lineage.unit_sketches import UnitSketches, layer_cosines, unit_sketches

KINDS = ("stream", "token")  # axes of the branches' sketches


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
        cls,
        layers: Sequence[int] | np.ndarray,
        branches: Sequence[str] | np.ndarray,
        sketches: Sequence[np.ndarray],
    ) -> "Sketches":
        """Return the tables of n branches, given n x 256 numbers for each kind."""
        numbers, rows = np.unique(np.array(layers, int), return_inverse=True)
        names = np.array(branches, str)
        tables = {}
        for branch in BRANCHES:
            chosen = np.flatnonzero(names == branch)
            for kind, values in zip(KINDS, sketches, strict=True):
                table = np.zeros((len(numbers), values.shape[1]))
                table[rows[chosen]] = values[chosen]
                tables[kind, branch] = table
        return cls(tables)

    @cached_property
    def stream(self) -> list[np.ndarray]:
        """The tables of all branches in the axes of the residual stream."""
        return [self.tables[KINDS[0], branch] for branch in BRANCHES]

    @cached_property
    def length(self) -> float:
        """The Euclidean length of all numbers of `stream`."""
        return math.sqrt(sum(float(np.vdot(table, table)) for table in self.stream))


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
class ComparedModel:
    """What a comparison reads of one model: fields of a Fingerprint, and its arrays.

    Attributes:
        family: The one that it is registered in, None for a model that is not registered.
        depth: How many layers there are; the fingerprint's `layers`.
        sketches: Of the branches.
        own: The branches' sketches in the model's own axes.
        grade: How much of the model was measured.
        known_by_name: `by_name` of the whole model, where an excerpt is compared.
    """

    digest: str
    cast_digest: str | None
    dtype: str
    stored: str | None
    vocabulary: int | None
    projections: tuple[str, ...]
    std: tuple[float, ...]
    matrices: MatrixColumns
    sketches: Sketches
    own: OwnSketches
    family: str | None = None
    hidden_size: int = 0
    depth: int = 0
    parameters: int = 0
    tensors: tuple[Tensor, ...] = ()
    zero: tuple[str, ...] = ()
    tied: bool | None = None
    architecture: str = ""
    grade: Grade = Grade.FULL
    known_by_name: Mapping[str, str] | None = None

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
            matrices=MatrixColumns.of(fingerprint.matrices),
            sketches=Sketches.of(fingerprint.branches),
            own=OwnSketches.of(fingerprint.branches),
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

    @cached_property
    def by_name(self) -> Mapping[str, str]:
        """Digests of the tensors outside the projections, in bf16."""
        if self.known_by_name is not None:
            return self.known_by_name
        return {tensor.name: tensor.bf16_digest for tensor in self.tensors}


@dataclass(frozen=True)
class ModelFeatures:
    """One model's record, and what comparisons make of it, each when it is first asked for."""

    model: ComparedModel

    @classmethod
    def of(cls, fingerprint: Fingerprint, grade: Grade = Grade.FULL) -> "ModelFeatures":
        """Return the features of a fingerprint, or of an excerpt of some grade."""
        return cls(ComparedModel.of(fingerprint, grade))

    @property
    def matrices(self) -> MatrixColumns:
        """The matrices, in the fingerprint's order."""
        return self.model.matrices

    def with_digests(self, digests: Digested) -> "ModelFeatures":
        """Return an excerpt's features with the digests of the whole model."""
        model = replace(
            self.model,
            digest=digests.digest,
            cast_digest=digests.cast_digest,
            known_by_name=digests.by_name,
            grade=Grade.DIGESTS,
        )
        return ModelFeatures(model)

    @property
    def sketches(self) -> Sketches:
        """The tables of the branches' sketches."""
        return self.model.sketches

    @cached_property
    def table(self) -> LayerTable:
        """The matrices of every layer, by their spots."""
        return LayerTable(self.matrices)

    @property
    def layer_count(self) -> int:
        """How many layers have matrices."""
        return len(self.table)

    @cached_property
    def degenerate(self) -> bool:
        """Whether the model is a flat start, that tells nothing of descent."""
        return is_degenerate(self.matrices)

    @cached_property
    def grown_from_identity(self) -> bool:
        """Whether it grew from the identity, whose axes every such model has."""
        return grew_from_identity(self.matrices)

    @cached_property
    def own(self) -> np.ndarray:
        """The middle layers' sketches in the model's own axes: products x layers x 24 x 24."""
        return own_tables(self.model.own)

    @cached_property
    def unit_sketches(self) -> UnitSketches:
        """The sketches of matrices that serve every token, of length 1, by spot and shape."""
        return unit_sketches(self.table)

    @cached_property
    def layer_cosines(self) -> np.ndarray:
        """The mean cosines of the layers' matrices, one layer beside another: layers x layers."""
        return layer_cosines(self.table)

    @cached_property
    def spectra(self) -> dict[int, np.ndarray]:
        """The logarithms of the singular values, by spot."""
        return log_spectra(self.table)
