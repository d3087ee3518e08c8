"""The tensors of a base as an adapter names and shapes them."""

from collections.abc import Iterable

from registry.architectures.projection_tensors import ProjectionTensor
from registry.checkpoints import Delta, Entry
from registry.checkpoints.suffixes import suffixes


class BaseTensors:
    """The base's tensors by an adapter's names: either may have been saved with a prefix."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.by_name = {entry.name: entry for entry in entries}
        self.by_suffix: dict[str, list[Entry]] = {}
        for entry in self.by_name.values():
            for suffix in suffixes(entry.name):
                self.by_suffix.setdefault(suffix, []).append(entry)

    def find(self, name: str) -> Entry | None:
        """Return the tensor whose name ends `name`, or the only one whose name `name` ends.

        None where there is none.
        """
        for suffix in suffixes(name):
            if suffix in self.by_name:
                return self.by_name[suffix]
        longer = self.by_suffix.get(name, [])
        return longer[0] if len(longer) == 1 else None


def cut_alike(stored: ProjectionTensor, changed: ProjectionTensor) -> bool:
    """Return whether two tensors hold the same projections in the same order of rows."""
    same_parts = (stored.parts, stored.experts) == (changed.parts, changed.experts)
    return same_parts and (stored.sizes, stored.groups) == (changed.sizes, changed.groups)


def is_transposed(weight: Entry, delta: Delta, stored_transposed: bool) -> bool:
    """Return whether a weight is kept inputs x outputs: by its shape, by its name if square."""
    rows, columns = delta.shape[-2:]
    if rows == columns:
        return stored_transposed
    return weight.shape[-2:] == (columns, rows)
