"""What was measured of a checkpoint becomes its fingerprint."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from registry.architectures.layout import Layout
from registry.architectures.ledger import ledger
from registry.architectures.residual_stream import ResidualStream
from registry.architectures.roles import PROJECTIONS, WRITING
from registry.checkpoints import Checkpoint, Entry
from registry.checkpoints.dtypes import FLOATING
from registry.fingerprints.branch_sketches import BranchProducts
from registry.fingerprints.clustering import Clustered
from registry.fingerprints.digests import OtherTensor, content_digest, digest_of_cast
from registry.fingerprints.histogram_record import Histogram
from registry.fingerprints.lora_deltas import adapter_facts
from registry.fingerprints.matrix import MeasuredMatrix
from registry.fingerprints.other_tensors import placed, tensor_records, tied_embedding
from registry.fingerprints.own_sketches import BranchPlace
from registry.fingerprints.projection_vector import ProjectionVector
from registry.fingerprints.record import VERSION, Branch, Fingerprint, Matrix
from registry.fingerprints.subspace_sketches import subspaces
from registry.numerics.moments import Moments, merge
from registry.numerics.unit_vectors import unit

T = TypeVar("T")


@dataclass(frozen=True)
class Origin:
    """What is known of a checkpoint before its matrices are measured.

    Attributes:
        checkpoint: the index of its tensors.
        layout: which of them hold projections.
        stream: the residual stream of a model; of width 0 for an adapter.
    """

    checkpoint: Checkpoint
    layout: Layout
    stream: ResidualStream


@dataclass(frozen=True)
class Readings:
    """What was measured of a checkpoint.

    Attributes:
        matrices: by layer, projection and expert.
        others: tensors that are no projection.
        branches: the products of the sides of all branches.
        histograms: counts by bin, for each projection over all layers.
        untouched: names of the weights that an adapter leaves as they are; they are not among
            the matrices.
        zero: matrices of a model without a value but zero; they are not among the matrices.
    """

    matrices: list[MeasuredMatrix]
    others: list[OtherTensor]
    branches: BranchProducts
    histograms: dict[str, np.ndarray]
    untouched: tuple[str, ...] = ()
    zero: tuple[Matrix, ...] = ()


def assemble(
    origin: Origin,
    readings: Readings,
    own: dict[BranchPlace, tuple[float, ...]],
    clustered: Clustered,
    rank: int,
) -> Fingerprint:
    """Return the fingerprint from what was measured and clustered."""
    checkpoint, layout = origin.checkpoint, origin.layout
    others = placed(layout, readings.others, checkpoint.kind)
    records = tuple(matrix.record for matrix in clustered.matrices)
    every_matrix = (*records, *readings.zero)
    is_adapter = checkpoint.kind == "adapter"
    tensors = () if is_adapter else tensor_records(layout, others)
    return Fingerprint(
        version=VERSION,
        digest=content_digest(every_matrix, others),
        architecture=layout.naming if checkpoint.architecture is None else checkpoint.architecture,
        dtype=most_common(tensor.entry.dtype.name for tensor in layout.projections),
        parameters=count_parameters(layout, others),
        layers=len({matrix.layer for matrix in every_matrix}),
        hidden_size=hidden_size(records),
        projections=present_projections(records),
        std=pooled_std(clustered.matrices),
        rank=rank,
        clusterings=clustered.clusterings,
        matrices=records,
        nonfinite=sum(matrix.nonfinite for matrix in records),
        unknown=tuple(entry.name for entry in layout.unknown),
        stored=most_common(tensor.entry.stored for tensor in layout.projections),
        adapter=adapter_facts(layout, readings.untouched) if is_adapter else None,
        branches=with_own(readings.branches.branches(), own),
        spaces=subspaces((matrix.record, matrix.gram) for matrix in clustered.matrices),
        start=pooled_start(clustered.matrices),
        vocabulary=origin.stream.vocabulary,
        cast_digest=digest_of_cast(every_matrix, others),
        histograms=() if is_adapter else histogram_records(readings.histograms),
        tensors=tensors,
        tied=tied_embedding(tensors, origin.stream.vocabulary, checkpoint.config),
        zero=tuple(matrix.tensor for matrix in readings.zero),
        ledger=ledger(checkpoint.entries, layout),
    )


def with_own(
    branches: Sequence[Branch], own: dict[BranchPlace, tuple[float, ...]]
) -> tuple[Branch, ...]:
    """Return branches with their sketches in the model's own axes, where there are some."""
    complete = []
    for branch in branches:
        sketch = own.get((branch.layer, branch.branch))
        is_attention = branch.branch == "attention"
        scores = own.get((branch.layer, "scores")) if is_attention else None
        complete.append(replace(branch, own=sketch, scores=scores))
    return tuple(complete)


def most_common(values: Iterable[T]) -> T:
    """Return the value that comes most often; of several, the first."""
    [(value, _)] = Counter(values).most_common(1)
    return value


def count_parameters(layout: Layout, others: Iterable[OtherTensor]) -> int:
    """Return how many weights there are; a matrix stored twice (tied embeddings) counts once."""
    count = sum(tensor.entry.count for tensor in layout.projections)
    tied: dict[str, int] = {}
    for other in others:
        if not is_number(other.entry):
            continue
        if len(other.entry.shape) > 1:
            tied[other.digests.digest] = other.entry.count
        elif len(other.entry.shape) == 1:
            count += other.entry.count
    return count + sum(tied.values())


def is_number(entry: Entry) -> bool:
    """Return whether a tensor's values are weights, not whole numbers or truth values."""
    return entry.dtype in FLOATING


def hidden_size(matrices: Iterable[Matrix]) -> int:
    """Return the inputs that most projections that read the residual stream have; 0 without any."""
    widths = [matrix.cols for matrix in matrices if matrix.projection not in WRITING]
    return most_common(widths) if widths else 0


def present_projections(matrices: Iterable[Matrix]) -> tuple[str, ...]:
    """Return the projections that there are, in the papers' order."""
    present = {matrix.projection for matrix in matrices}
    return tuple(projection for projection in PROJECTIONS if projection in present)


def pooled_std(matrices: Iterable[MeasuredMatrix]) -> ProjectionVector:
    """Return the population std of all weights of each projection (paper 2509.19122, 2.2)."""
    by_projection: dict[str, list[Moments]] = {projection: [] for projection in PROJECTIONS}
    for matrix in matrices:
        by_projection[matrix.record.projection].append(matrix.moments)
    return ProjectionVector._make(merge(moments).std for moments in by_projection.values())


def pooled_start(matrices: Iterable[MeasuredMatrix]) -> tuple[float, ...] | None:
    """Return the sum of the images of all tensors' first values, of length 1; None without any."""
    images = [matrix.start for matrix in matrices if matrix.start is not None]
    return tuple(unit(np.sum(images, axis=0)).tolist()) if images else None


def histogram_records(counts: dict[str, np.ndarray]) -> tuple[Histogram, ...]:
    """Return the histograms of all projections, in alphabetical order."""
    return tuple(
        Histogram(projection, tuple(counts[projection].tolist())) for projection in sorted(counts)
    )
