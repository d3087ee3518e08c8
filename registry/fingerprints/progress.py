"""Progress over the tensors of a checkpoint, in bytes of work."""

from collections.abc import Sequence

from registry.fingerprints.meter import WantedTensor
from registry.fingerprints.record import Progress

SHARE = 0.15  # of the work that a byte of a matrix is, what one of another tensor is: as measured


class OrderedProgress:
    """Reports tensors in the order of the files, whichever was measured first."""

    def __init__(
        self,
        report: Progress | None,
        wanted: Sequence[WantedTensor],
        to_measure: Sequence[WantedTensor] | None = None,
    ) -> None:
        """Begin at the first of those to be measured; the others are done already.

        Args:
            report: None to stay silent.
            wanted: All tensors.
            to_measure: Those still to be measured; None for all.
        """
        self._report = report
        self._coming = wanted if to_measure is None else to_measure
        self._total = sum(map(work_of, wanted))
        self._done = self._total - sum(map(work_of, self._coming))
        self._finished: set[int] = set()
        self._reported = 0
        if report and self._done:
            report(self._done, self._total, 0)

    def finish(self, position: int) -> None:
        """Note that one tensor is done, and report those done up to the first that is not."""
        self._finished.add(position)
        while self._reported in self._finished:
            tensor = self._coming[self._reported]
            self._reported += 1
            self._done += work_of(tensor)
            if self._report:
                self._report(self._done, self._total, tensor.entry.stored_bytes)


def work_of(tensor: WantedTensor) -> int:
    """Return how much work a tensor is: its bytes, less where no spectrum is computed."""
    nbytes = tensor.entry.nbytes
    return nbytes if tensor.projections is not None else int(SHARE * nbytes)
