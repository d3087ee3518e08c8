"""How matrices are measured: everything that is chosen before the first tensor is read."""

from dataclasses import dataclass

from registry.errors import UnknownRank
from registry.fingerprints.device import Device, chosen, cores, gathering
from registry.fingerprints.record import RANKS


@dataclass(frozen=True)
class MeasureOptions:
    """How matrices are measured. Only the rank changes the numbers, the device their bounds.

    Attributes:
        rank: singular values of each matrix: 16, 64 or 256.
        device: what computes.
        threads: how many threads compute.
        batch_bytes: bytes of matrices that wait on the device for others of their shape, to be
            computed in one call; 0 to compute each by itself.
        prove: whether to prove of every spectrum that no singular value was missed.
        spectra_of: names of the tensors whose singular values are computed; None for all.
        moments_of: how many values of a matrix, in rows evenly apart, moments are taken of; None
            for all, and for histograms beside them.
    """

    rank: int
    device: Device
    threads: int
    batch_bytes: int = 0
    prove: bool = False
    spectra_of: frozenset[str] | None = None
    moments_of: int | None = None


def measure_options(rank: int, threads: int | None, device: str, *, prove: bool) -> MeasureOptions:
    """Return options from what a user asks for.

    Args:
        threads: How many matrices are computed at a time; None for one on every core.

    Raises UnknownRank and DeviceUnavailable.
    """
    if rank not in RANKS:
        raise UnknownRank(rank=rank, ranks=", ".join(map(str, RANKS)))

    threads = threads or cores()
    chosen_device = chosen(device)
    return MeasureOptions(
        rank=rank,
        device=chosen_device,
        threads=threads,
        batch_bytes=gathering(chosen_device, threads),
        prove=prove,
    )
