"""A model whose evidence is taken as far as a verdict needs it."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from registry.architectures.adapter_merge import open_merged
from registry.architectures.layout import Layout, layout_of
from registry.architectures.roles import ATTENTION
from registry.checkpoints import Checkpoint
from registry.errors import NothingToMerge
from registry.fingerprints.compute import compute
from registry.fingerprints.excerpt import attention_of, chosen_layers, excerpt, layout_of_attention
from registry.fingerprints.from_source import Measuring, Options
from registry.fingerprints.grades import Grade
from registry.fingerprints.partial import start_of
from registry.fingerprints.record import RANKS, Fingerprint
from registry.fingerprints.timing import Timing
from registry.fingerprints.whole_digests import WholeDigests, whole_digests
from registry.lineage.features import ModelFeatures
from registry.workflows.resolve import Resolved, comparable_fingerprint

LARGE = 1 << 26  # bytes of weights, up to which all evidence is taken at once
Shapes = Counter[tuple[int, str, int, int, int]]
"""Matrices by layer, projection, expert (-1 for none), rows and columns; layers from 0."""


class VerdictOptions(Options, total=False):
    """How a source is read for a verdict: keywords of `compare`, `verify` and `identify`.

    Attributes:
        full: take all evidence, also where less decides.
    """

    full: bool


@dataclass(frozen=True)
class Subject:
    """A model, as a checkpoint that is read piece by piece or as a fingerprint at hand.

    Attributes:
        checkpoint: None where there is a fingerprint.
        given: The fingerprint at hand.
        measuring: How weights are measured.
        known: What was measured already.
    """

    checkpoint: Checkpoint | None
    given: Fingerprint | None
    measuring: Measuring
    known: dict[Grade, Fingerprint] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Resolved, options: VerdictOptions) -> "Subject":
        """Open what a user named, merged into `base` if that is given. Raises RegistryError."""
        known = {
            name: value for name, value in options.items() if name in Measuring.__annotations__
        }
        measuring = cast("Measuring", {"rank": RANKS[0], **known})
        base = options.get("base")
        if model.fingerprint:
            if base:
                raise NothingToMerge(source=model.given, base=str(base))
            return cls(None, comparable_fingerprint(model, {}), measuring)
        timing = measuring.get("timing") or Timing()
        with timing.stage("index"):
            source = model.source or model.given
            download = options.get("download", False)
            checkpoint = open_merged(source, base, download=download)
        return cls(checkpoint, None, measuring)

    @property
    def kind(self) -> str:
        """'model' or 'adapter'."""
        known = self.checkpoint or self.given
        assert known is not None
        return known.kind

    @property
    def takes_time(self) -> bool:
        """Whether there are so many weights that less evidence is worth while."""
        return self.nbytes > LARGE

    @cached_property
    def nbytes(self) -> int:
        """Bytes of the weights that are still to be read."""
        if self.checkpoint is None:
            return 0
        return sum(entry.stored_bytes for entry in self.checkpoint.entries)

    @cached_property
    def layout(self) -> Layout:
        """Which tensors of the checkpoint hold projections."""
        assert self.checkpoint is not None
        return layout_of(self.checkpoint)

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """The numbers of the layers."""
        if self.given is not None:
            return tuple(sorted({matrix.layer for matrix in self.given.matrices}))
        return tuple(sorted({tensor.layer for tensor in self.layout.projections}))

    @cached_property
    def shapes(self) -> Shapes:
        """The shapes of all matrices, as the headers state them."""
        places: Shapes = Counter()
        if self.given is not None:
            for matrix in self.given.matrices:
                expert = -1 if matrix.expert is None else matrix.expert
                layer = self.layers.index(matrix.layer)
                places[layer, matrix.projection, expert, matrix.rows, matrix.cols] += 1
            return places
        for tensor in self.layout.projections:
            layer = self.layers.index(tensor.layer)
            parts = zip(tensor.parts, tensor.experts, tensor.shapes, strict=True)
            for projection, number, (rows, cols) in parts:
                places[layer, projection, -1 if number is None else number, rows, cols] += 1
        return places

    @cached_property
    def start(self) -> tuple[float, ...] | None:
        """The image of the first values of all projections' tensors."""
        if self.checkpoint is None:
            assert self.given is not None
            return self.given.start
        return start_of(self.layout)

    @cached_property
    def chosen(self) -> tuple[int, ...]:
        """The layers whose attention is read first; none of a model with few, or without it."""
        layers = chosen_layers(self.layers)
        numbers = {self.layers.index(layer) for layer in layers}
        with_attention = {place[0] for place in self.shapes if place[1] in ATTENTION}
        return layers if numbers <= with_attention else ()

    def fingerprint(self, grade: Grade) -> Fingerprint:
        """Return the fingerprint, or an excerpt. Raises RegistryError."""
        if grade not in self.known:
            self.known[grade] = self.measure(grade)
        return self.known[grade]

    def measure(self, grade: Grade) -> Fingerprint:
        """Measure what a grade takes. Raises RegistryError."""
        if self.given is not None:
            is_part = grade == Grade.ATTENTION
            return attention_of(self.given, self.chosen) if is_part else self.given
        assert self.checkpoint is not None
        if grade == Grade.FULL:
            return compute(self.checkpoint, **self.measuring)
        layers = self.chosen if grade == Grade.ATTENTION else None
        return excerpt(self.checkpoint, layers, **self.measuring)

    def features(self, grade: Grade) -> ModelFeatures:
        """Return what comparisons read of the fingerprint, or of an excerpt."""
        return ModelFeatures.of(self.fingerprint(grade), self.measured(grade))

    def measured(self, grade: Grade) -> Grade:
        """Return how much is measured where so much is asked for: a fingerprint at hand has all."""
        has_all = self.given is not None and grade == Grade.SKETCHES
        return Grade.FULL if has_all else grade

    def digests(self) -> WholeDigests:
        """Return the digests of the whole model. Raises RegistryError."""
        if self.given is not None:
            return WholeDigests.of(self.given)
        assert self.checkpoint is not None
        return whole_digests(self.checkpoint, **self.measuring)

    def share_read(self, grade: Grade) -> float:
        """Return the share of the bytes that a grade takes, 1 of a fingerprint at hand."""
        if grade != Grade.ATTENTION or not self.nbytes:
            return 1.0
        tensors = layout_of_attention(self.layout, self.chosen).projections
        return sum(tensor.entry.stored_bytes for tensor in tensors) / self.nbytes


@dataclass(frozen=True)
class Candidate:
    """A model that another may come from: what to call it, and its family if it has one."""

    name: str
    subject: Subject
    family: str | None = None
