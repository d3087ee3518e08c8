"""The tensors of a checkpoint in parts of a gigabyte: what is measured, kept and taken up again.

Parts do not depend on how the files are cut. What was measured is given out part by part, within
each in the order of the files, so that sums come out the same to the last bit whatever the threads
did first, and wherever the parts were measured.
"""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from registry.fingerprints.digests import OtherTensor
from registry.fingerprints.matrix import MeasuredMatrix
from registry.fingerprints.wanted import WantedTensor

PART = 1 << 30  # bytes; a part is full once it has as many

Measured = MeasuredMatrix | OtherTensor


@dataclass(frozen=True)
class Part:
    """Some tensors that follow each other.

    Attributes:
        number: Of the part, counted from 0.
        tensors: In the order of the files.
    """

    number: int
    tensors: tuple[WantedTensor, ...]

    @property
    def results(self) -> int:
        """How many results its tensors give: one for each matrix, and for each other tensor."""
        return sum(tensor.results for tensor in self.tensors)

    @property
    def nbytes(self) -> int:
        """Bytes of its tensors."""
        return sum(tensor.entry.stored_bytes for tensor in self.tensors)


def in_parts(wanted: Sequence[WantedTensor], size: int | None = None) -> list[Part]:
    """Cut tensors into parts of `size` bytes (PART), each a little more or, the last, less."""
    size = PART if size is None else size
    parts: list[Part] = []
    tensors: list[WantedTensor] = []
    gathered = 0
    for tensor in wanted:
        tensors.append(tensor)
        gathered += tensor.entry.stored_bytes
        if gathered >= size:
            parts.append(Part(len(parts), tuple(tensors)))
            tensors, gathered = [], 0
    if tensors or not parts:
        parts.append(Part(len(parts), tuple(tensors)))
    return parts


def share_of(parts: Sequence[Part], number: int, of: int) -> list[Part]:
    """Return the parts of one of several shares of a model.

    Args:
        number: Of the share, from 1 to `of`.
        of: How many shares there are; where there are fewer parts, some shares have none.
    """
    start = (number - 1) * len(parts) // of
    stop = number * len(parts) // of
    return list(parts[start:stop])


def part_by_part(
    parts: Sequence[Part], results: Iterable[Measured]
) -> Generator[tuple[Part, list[Measured]]]:
    """Yield each part, in order, with what was measured of it, in the order of the files.

    Args:
        results: In any order; those of parts whose turn has not come wait.
    """
    place_of: dict[str, tuple[int, int]] = {}  # of every tensor: position of its part, and in it
    waiting: list[dict[tuple[int, int], Measured]] = [{} for _ in parts]
    for position, part in enumerate(parts):
        for place, tensor in enumerate(part.tensors):
            place_of[tensor.entry.name] = position, place

    turn = 0
    for measured in results:
        name, index = place_in_file(measured)
        position, place = place_of[name]
        waiting[position][place, index] = measured
        while turn < len(parts) and len(waiting[turn]) == parts[turn].results:
            yield parts[turn], in_file_order(waiting[turn])
            waiting[turn] = {}
            turn += 1
    for position in range(turn, len(parts)):
        yield parts[position], in_file_order(waiting[position])


def in_file_order(by_place: dict[tuple[int, int], Measured]) -> list[Measured]:
    """Return what was measured in the order of its places in the files."""
    return [measured for _, measured in sorted(by_place.items(), key=itemgetter(0))]


def place_in_file(measured: Measured) -> tuple[str, int]:
    """Return the name of the tensor that was measured, and which of its matrices; 0 of others."""
    if isinstance(measured, OtherTensor):
        return measured.entry.name, 0
    return measured.place.tensor_name, measured.place.index
