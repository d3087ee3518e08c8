"""A family as a tree: which model was made from which, and where each is drawn. No matplotlib."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from registry.lineage.standing import Basis

MOST_ROWS = 400  # that are drawn; models beyond are counted


class Member(NamedTuple):
    """A model of a tree. kind: model or adapter."""

    name: str
    kind: str


class MadeFrom(NamedTuple):
    """One model that another was made from.

    Attributes:
        basis: What tells which of the two came first.
        how: What was done to the parent, in a few words.
        main: Whether the tree follows it; the other parents of a merge are drawn beside it.
    """

    child: str
    parent: str
    basis: Basis
    how: str
    main: bool = True


class Placed(NamedTuple):
    """A model where it is drawn: so many steps from its root, in a row of its own.

    Attributes:
        made_from: None of a root.
    """

    name: str
    kind: str
    depth: int
    row: int
    made_from: MadeFrom | None


@dataclass(frozen=True)
class FamilyTree:
    """Models that were made from one another.

    Attributes:
        members: All of them.
        edges: One main edge at most for every child, and those of merges.
    """

    members: tuple[Member, ...]
    edges: tuple[MadeFrom, ...]

    def placed(self) -> tuple[Placed, ...]:
        """Return every model where it is drawn, row by row: below what it was made from."""
        kinds = dict(self.members)
        parents: dict[str, MadeFrom] = {}
        children: dict[str, list[str]] = defaultdict(list)
        for edge in self.edges:
            if edge.main and edge.child in kinds and edge.parent in kinds:
                parents[edge.child] = edge
                children[edge.parent].append(edge.child)

        roots = [member.name for member in self.members if member.name not in parents]
        waiting = [(name, 0) for name in reversed(roots)]
        places: list[Placed] = []
        while waiting:
            name, depth = waiting.pop()
            places.append(Placed(name, kinds[name], depth, len(places), parents.get(name)))
            waiting += [(child, depth + 1) for child in reversed(children[name])]
        return tuple(places)

    def further(self) -> Iterator[MadeFrom]:
        """Yield the edges that the tree does not follow: those to the other parents of merges."""
        known = {member.name for member in self.members}
        for edge in self.edges:
            if not edge.main and {edge.child, edge.parent} <= known:
                yield edge


def cut(tree: FamilyTree, most: int = MOST_ROWS) -> tuple[FamilyTree, int]:
    """Return a tree of so many models at most, the nearest to their roots, and how many are left.

    Models without a relative come last: a family is not drowned by them.
    """
    if len(tree.members) <= most:
        return tree, 0
    depths = {place.name: place.depth for place in tree.placed()}
    has_child = {edge.parent for edge in tree.edges if edge.main}
    has_parent = {edge.child for edge in tree.edges if edge.main}

    def nearness(member: Member) -> tuple[bool, int]:
        is_alone = member.name not in has_child and member.name not in has_parent
        return is_alone, depths[member.name]

    nearest = sorted(tree.members, key=nearness)[:most]
    kept = {member.name for member in nearest}
    members = tuple(member for member in tree.members if member.name in kept)
    edges = tuple(edge for edge in tree.edges if {edge.child, edge.parent} <= kept)
    return FamilyTree(members, edges), len(tree.members) - len(members)
