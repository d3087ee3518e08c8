"""Who comes from whom among registered models: ancestors, copies and relatives, by numbers."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from registry.lineage.verdict import Relation


@dataclass(frozen=True)
class ParentLine:
    """An edge of the tree as it stands: one model that another was made from.

    Attributes:
        main: Whether the tree follows it; the other parents of a merge are not.
    """

    child: int
    parent: int
    relation: Relation
    main: bool = True


@dataclass(frozen=True)
class FamilyLines:
    """All edges among some models, which hold all relatives of each."""

    edges: tuple[ParentLine, ...]

    @classmethod
    def of(cls, edges: Iterable[ParentLine]) -> "FamilyLines":
        """Return the lines of edges."""
        return cls(tuple(edges))

    def copies(self, model: int) -> frozenset[int]:
        """Return the models of the same weights, itself among them."""
        return reached({model}, self._copied.__getitem__)

    def ancestors(self, model: int) -> frozenset[int]:
        """Return all that a model comes from, and copies of these; none of its own copies."""
        own = self.copies(model)
        return reached(own, lambda number: self._parents[number] | self._copied[number]) - own

    def quantised_ancestors(self, model: int) -> frozenset[int]:
        """Return the quantised copies of what a model comes from, less its own line."""
        copies: set[int] = set()
        for ancestor in self.ancestors(model):
            copies |= self._quantised[ancestor]
        return frozenset(copies) - self.copies(model)

    def relatives(self, model: int) -> frozenset[int]:
        """Return all models that edges lead to, in any direction, itself among them."""
        return reached({model}, lambda number: self._parents[number] | self._children[number])

    def root(self, model: int) -> int:
        """Return what a model comes from in the end, along the edges that the tree follows."""
        passed = {model}
        while self._main[model] and self._main[model][0] not in passed:
            model = self._main[model][0]
            passed.add(model)
        return model

    def main_parent(self, model: int) -> int | None:
        """Return the parent that the tree follows; None for a root."""
        parents = self._main[model]
        return parents[0] if parents else None

    @cached_property
    def _parents(self) -> dict[int, set[int]]:
        return neighbours((edge.child, edge.parent) for edge in self.edges)

    @cached_property
    def _children(self) -> dict[int, set[int]]:
        return neighbours((edge.parent, edge.child) for edge in self.edges)

    @cached_property
    def _main(self) -> dict[int, list[int]]:
        parents = defaultdict(list)
        for edge in self.edges:
            if edge.main:
                parents[edge.child].append(edge.parent)
        return parents

    @cached_property
    def _copied(self) -> dict[int, set[int]]:
        copies = [edge for edge in self.edges if edge.relation is Relation.SAME_WEIGHTS]
        pairs = [(edge.child, edge.parent) for edge in copies]
        return neighbours([*pairs, *((parent, child) for child, parent in pairs)])

    @cached_property
    def _quantised(self) -> dict[int, set[int]]:
        copies = [edge for edge in self.edges if edge.relation is Relation.QUANTISED_COPY]
        return neighbours((edge.parent, edge.child) for edge in copies)


def neighbours(pairs: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    """Return the second numbers of pairs by the first; nothing for all others."""
    by_first: dict[int, set[int]] = defaultdict(set)
    for first, second in pairs:
        by_first[first].add(second)
    return by_first


def reached(start: Iterable[int], steps: Callable[[int], Iterable[int]]) -> frozenset[int]:
    """Return all numbers that steps lead to from some, these among them."""
    seen = set(start)
    waiting = list(seen)
    while waiting:
        fresh = set(steps(waiting.pop())) - seen
        seen |= fresh
        waiting += fresh
    return frozenset(seen)
