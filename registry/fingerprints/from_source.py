"""From what a user names to its fingerprint: where every journey begins.

Nothing up to here needs a database, a terminal or a client of any hub: a fingerprint can be
computed on a machine that has torch, numpy and threadpoolctl.
"""

from pathlib import Path
from typing import TypedDict, Unpack

from registry.architectures.adapter_merge import open_merged
from registry.checkpoints import Checkpoint
from registry.fingerprints.compute import compute
from registry.fingerprints.record import Fingerprint, Progress
from registry.fingerprints.timing import Timing


class Measuring(TypedDict, total=False):
    """How a checkpoint is measured: keywords of `compute`.

    Attributes:
        allow_nonfinite: leave NaN and infinite weights out instead of refusing them.
        rank: singular values of each matrix, 16, 64 or 256.
        threads: None for one on every core.
        device: auto, cpu, cuda or cuda:n.
        prove: of every spectrum that no singular value was missed.
        progress: called after each tensor.
        timing: a clock that learns where the time goes.
    """

    allow_nonfinite: bool
    rank: int
    threads: int | None
    device: str
    prove: bool
    progress: Progress | None
    timing: Timing | None


class Options(Measuring, total=False):
    """How a source is read and measured: keywords of everything that reads one.

    Attributes:
        base: what to merge an adapter into; without it, the fingerprint is that of the adapter's
            deltas alone.
        download: keep hub models in the hub cache instead of reading them over the network.
    """

    base: str | Path | None
    download: bool


def read(
    source: str | Path,
    *,
    base: str | Path | None = None,
    download: bool = False,
    **options: Unpack[Measuring],
) -> tuple[Checkpoint, Fingerprint]:
    """Return a source's checkpoint, or that of an adapter merged into `base`, and its fingerprint.

    Args:
        source, base: A folder, a file or a hub id.

    Raises RegistryError.
    """
    timing = options.get("timing") or Timing()
    with timing.stage("index"):
        checkpoint = open_merged(source, base, download=download)
    return checkpoint, compute(checkpoint, **options)
