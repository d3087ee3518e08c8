"""Progress over all that is done with a checkpoint, in bytes of work.

A byte of a matrix whose spectrum is computed is one of work, whatever takes less time counts for
less, as measured on a model of 70 billion parameters' shape.
"""

from collections.abc import Callable, Sequence

from registry.fingerprints.record import Progress
from registry.fingerprints.wanted import WantedTensor

SHARE = 0.25  # of a byte of a tensor that holds no projection
OWN_AXES = 0.6  # of a byte of a branch that is written in the model's own axes


class Reports:
    """What was done so far, of how much."""

    def __init__(self, report: Progress | None, total: float) -> None:
        """Begin with nothing done.

        Args:
            report: None to stay silent.
            total: Bytes of work.
        """
        self._report = report
        self._total = max(1, round(total))
        self._done = 0.0

    def add(self, work: float, nbytes: int = 0) -> None:
        """Report that so much more is done, and how many bytes were read for it."""
        self._done += work
        if self._report:
            self._report(min(round(self._done), self._total), self._total, nbytes)

    def end(self) -> None:
        """Report that all is done, unless that was reported."""
        if round(self._done) < self._total:
            self.add(self._total - self._done)


def measured(reports: Reports, coming: Sequence[WantedTensor]) -> Callable[[int], None]:
    """Return what reports one of the tensors that will be measured, by its position.

    It is reported as soon as it is done: those before it may take longer.
    """

    def finish(position: int) -> None:
        tensor = coming[position]
        reports.add(work_of(tensor), tensor.entry.stored_bytes)

    return finish


def work_of(tensor: WantedTensor) -> float:
    """Return how much work a tensor is."""
    nbytes = tensor.entry.nbytes
    return nbytes if tensor.projections is not None else SHARE * nbytes
