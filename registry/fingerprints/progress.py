"""Progress over all that is done with a checkpoint, in bytes of work.

A byte of a matrix whose spectrum is computed is one of work, whatever takes less time counts for
less, as measured on a model of 70 billion parameters' shape.
"""

import threading
from collections.abc import Callable, Sequence

from registry.fingerprints.record import Progress
from registry.fingerprints.wanted import WantedMatrices, WantedTensor

SHARE = 0.25  # of a byte of a tensor that holds no projection
OWN_AXES = 0.6  # of a byte of a branch that is written in the model's own axes
FINER = 2.0  # of a byte of a matrix whose spectrum is computed once more, to a finer tolerance


class Reports:
    """What was done so far, of how much; threads take turns."""

    def __init__(self, report: Progress | None, total: float) -> None:
        """Begin with nothing done.

        Args:
            report: None to stay silent.
            total: Bytes of work.
        """
        self._report = report
        self._total = total
        self._done = 0.0
        self._turn = threading.Lock()

    def add(self, work: float, nbytes: int = 0) -> None:
        """Report that so much more is done, and how many bytes were read for it."""
        with self._turn:
            self._done += work
            if self._report:
                total = max(1, round(self._total))
                self._report(min(round(self._done), total), total, nbytes)

    def expect(self, work: float) -> None:
        """Report that there is so much more to do than was known: what was done is less of it."""
        self._done = min(self._done, self._total)
        self._total += work
        self.add(0.0)

    def end(self) -> None:
        """Report that all is done, unless that was reported."""
        if round(self._done) < max(1, round(self._total)):
            self.add(self._total - self._done)


def measured(reports: Reports, coming: Sequence[WantedTensor]) -> Callable[[int, int], None]:
    """Return what reports how many bytes of a tensor were measured so far, by its position.

    Each is reported as soon as it is done, a large one piece by piece: those before it may take
    longer.
    """
    before = [0] * len(coming)

    def report(position: int, so_far: int) -> None:
        tensor = coming[position]
        nbytes = tensor.entry.nbytes
        share = (so_far - before[position]) / nbytes if nbytes else 1.0
        before[position] = so_far
        if share:
            reports.add(share * work_of(tensor), round(share * tensor.entry.stored_bytes))

    return report


def work_of_finer(matrices: WantedMatrices) -> float:
    """Return how much work it is to compute the spectra of some matrices of a tensor once more."""
    share = len(matrices.indices) / len(matrices.tensor.parts)
    return FINER * share * matrices.tensor.entry.nbytes


def work_of(tensor: WantedTensor) -> float:
    """Return how much work a tensor is."""
    nbytes = tensor.entry.nbytes
    return nbytes if tensor.projections is not None else SHARE * nbytes
