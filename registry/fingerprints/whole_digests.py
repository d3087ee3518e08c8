"""The digests of a whole model, and nothing else of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Unpack

from registry.checkpoints import Checkpoint, Entry
from registry.fingerprints.compute import open_layout, wanted_tensors
from registry.fingerprints.digest_lines import HashedPlace
from registry.fingerprints.digests import (
    OtherTensor,
    comes_in_pieces,
    content_digest,
    digest_of_cast,
    finished,
    pieces_of,
    tensor_digests,
)
from registry.fingerprints.from_source import Measuring
from registry.fingerprints.matrix_place import MatrixPlace
from registry.fingerprints.meter import Meter
from registry.fingerprints.options import measure_options
from registry.fingerprints.other_tensors import placed
from registry.fingerprints.readahead import Job
from registry.fingerprints.record import RANKS, Fingerprint
from registry.fingerprints.timing import Timing
from registry.fingerprints.wanted import WantedTensor
from registry.numerics.arrays import dtype_named
from registry.numerics.digest import PiecewiseDigests

Hashed = HashedPlace | OtherTensor


@dataclass(frozen=True)
class WholeDigests:
    """The digests of a model.

    Attributes:
        digest: As a Fingerprint has it.
        cast_digest: As a Fingerprint has it.
        by_name: Those of the tensors outside the projections, in bf16.
    """

    digest: str
    cast_digest: str | None
    by_name: Mapping[str, str]

    @classmethod
    def of(cls, fingerprint: Fingerprint) -> "WholeDigests":
        """Return those that a fingerprint holds."""
        by_name = {tensor.name: tensor.bf16_digest for tensor in fingerprint.tensors}
        return cls(fingerprint.digest, fingerprint.cast_digest, by_name)


def whole_digests(checkpoint: Checkpoint, **options: Unpack[Measuring]) -> WholeDigests:
    """Read a model and return its digests.

    Raises what `compute` raises while it reads.
    """
    timing = options.get("timing") or Timing()
    origin = open_layout(checkpoint, timing)
    measuring = measure_options(RANKS[0], options.get("threads"), "cpu", prove=False)
    meter = Meter(measuring, origin.stream, timing)
    jobs = [
        Job(tensor.held_bytes, partial(hashing, meter, tensor)) for tensor in wanted_tensors(origin)
    ]
    matrices: list[HashedPlace] = []
    others: list[OtherTensor] = []
    for _, by_task in meter.results(jobs, remote=checkpoint.remote):
        for one in chain.from_iterable(by_task):
            if isinstance(one, OtherTensor):
                others.append(one)
            else:
                matrices.append(one)

    in_layers = placed(origin.layout, others, checkpoint.kind)
    by_name = {one.entry.name: one.digests.cast_digest or one.digests.digest for one in others}
    return WholeDigests(
        content_digest(matrices, in_layers), digest_of_cast(matrices, in_layers), by_name
    )


def hashing(meter: Meter, wanted: WantedTensor) -> list[Callable[[], list[Hashed]]]:
    """Read a tensor and return what is to be done with it."""
    tensor = wanted.projections
    if tensor is None and comes_in_pieces(wanted.entry):
        return [partial(hash_pieces, meter, wanted.entry)]
    stored = meter.read(wanted.entry)

    def hash_other() -> list[Hashed]:
        with meter.timing.stage("digest"):
            return [OtherTensor(wanted.entry, tensor_digests(stored))]

    if tensor is None:
        return [hash_other]

    def hash_matrices() -> list[Hashed]:
        places: list[Hashed] = []
        for index, matrix in enumerate(tensor.cut(stored)):
            place = MatrixPlace(tensor, index)
            with meter.timing.stage("digest"):
                digests = tensor_digests(matrix)
            where = place.layer, place.projection, place.expert
            places.append(HashedPlace(*where, digests.digest, digests.cast_digest))
        return places

    return [hash_matrices]


def hash_pieces(meter: Meter, entry: Entry) -> list[Hashed]:
    """Read a large tensor that is no projection, and return its digests."""
    digests = PiecewiseDigests(dtype_named(entry.dtype.name), entry.shape)
    for piece in pieces_of(entry):
        with meter.timing.stage("digest"):
            digests.add(piece)
    return [OtherTensor(entry, finished(digests))]
