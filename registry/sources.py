"""From what a user names to its fingerprint: where every journey begins."""

from pathlib import Path

from registry.checkpoints import Checkpoint
from registry.fingerprints import Fingerprint, Progress
from registry.measure import compute
from registry.merge import open_merged


def read(
    source: str | Path,
    *,
    base: str | Path | None = None,
    allow_nonfinite: bool = False,
    download: bool = False,
    progress: Progress | None = None,
) -> tuple[Checkpoint, Fingerprint]:
    """A source, or an adapter merged into `base`, and its fingerprint. Raises CheckpointError and WeightsError.

    download: keep hub models in the hub cache instead of reading them over the network.
    """
    checkpoint = open_merged(source, base, download=download)
    return checkpoint, compute(checkpoint, allow_nonfinite=allow_nonfinite, progress=progress)
