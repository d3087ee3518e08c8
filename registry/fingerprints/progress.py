"""Progress over the tensors of a checkpoint."""

from collections.abc import Sequence

from registry.fingerprints.record import Progress


class OrderedProgress:
    """Reports tensors in the order of the files, whichever was measured first."""

    def __init__(self, report: Progress | None, sizes: Sequence[int]) -> None:
        """Begin at the first.

        Args:
            report: None to stay silent.
            sizes: Bytes of each tensor.
        """
        self._report = report
        self._sizes = sizes
        self._finished: set[int] = set()
        self._reported = 0

    def finish(self, position: int) -> None:
        """Note that one tensor is done, and report those done up to the first that is not."""
        self._finished.add(position)
        while self._reported in self._finished:
            nbytes = self._sizes[self._reported]
            self._reported += 1
            if self._report:
                self._report(self._reported, len(self._sizes), nbytes)
