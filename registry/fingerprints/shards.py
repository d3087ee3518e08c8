"""One share of a large model measured by itself: what a task of a cluster does, or another machine.

What it measured stays in the data folder, from where a fingerprint of the whole takes it up.
"""

from dataclasses import dataclass
from typing import NamedTuple, Unpack

from registry.checkpoints import Checkpoint
from registry.checkpoints.pages import POOL
from registry.errors import NotInShards
from registry.fingerprints import readahead
from registry.fingerprints.compute import open_layout, parts_of
from registry.fingerprints.device import one_thread_each
from registry.fingerprints.from_source import Measuring
from registry.fingerprints.kept_parts import kept_parts
from registry.fingerprints.meter import Meter
from registry.fingerprints.options import measure_options
from registry.fingerprints.ordered import tensors_of
from registry.fingerprints.parts import part_by_part, share_of
from registry.fingerprints.progress import Reports, measured, work_of
from registry.fingerprints.record import RANK
from registry.fingerprints.timing import Timing


class Shard(NamedTuple):
    """One share of a model: `number` counts from 1 to `of`."""

    number: int
    of: int


@dataclass(frozen=True)
class MeasuredShard:
    """What became of one share.

    Attributes:
        measured: how many parts of about a gigabyte were measured.
        known: how many of its parts had been measured before.
        parts: of the whole model.
        kept: how many of those are kept now.
        folder: where.
    """

    measured: int
    known: int
    parts: int
    kept: int
    folder: str


def measure_shard(
    checkpoint: Checkpoint, shard: Shard, **options: Unpack[Measuring]
) -> MeasuredShard:
    """Measure the tensors of one share of a model, those that are not measured yet, and keep that.

    The shares of one model may be measured anywhere, in any order and number, side by side, by
    processes that see its files under one path and write into one data folder; by the same version
    of this package, on devices of one type, with the same rank.

    Raises NotInShards for an adapter, and for what is measured at one go; UnwritableFile, and what
    `compute` raises while it reads.
    """
    timing = options.get("timing") or Timing()
    rank = options.get("rank", RANK)
    device = options.get("device", "auto")
    prove = options.get("prove", False)
    measuring = measure_options(rank, options.get("threads"), device, prove=prove)
    origin = open_layout(checkpoint, timing)
    parts = parts_of(origin)
    store = kept_parts(checkpoint, measuring, parts)
    if store is None:
        raise NotInShards(source=checkpoint.source)

    share = share_of(parts, shard.number, shard.of)
    known = store.usable(share)
    missing = [part for part in share if part.number not in known]
    wanted = tensors_of(missing)
    reports = Reports(options.get("progress"), sum(map(work_of, wanted)))
    meter = Meter(measuring, origin.stream, timing)
    with one_thread_each(), POOL.reusing(readahead.BUDGET):
        results = meter.measure(wanted, measured(reports, wanted), remote=checkpoint.remote)
        for part, results_of_part in part_by_part(missing, results):
            store.write(part, results_of_part)
    return MeasuredShard(
        measured=len(missing),
        known=len(known),
        parts=len(parts),
        kept=store.count(),
        folder=str(store.folder),
    )
