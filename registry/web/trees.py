"""Trees, families and edges: what was made from what."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import Path
from sqlalchemy.orm import Session

from registry.database.lineage.trees import Edge, Tree, edge_content
from registry.database.pages.family_pages import (
    FamilyContent,
    FamilyList,
    families_after,
    family_content,
)
from registry.database.pages.tree_parts import TreePart, tree_part
from registry.errors import EdgeNotFound
from registry.report.tree_wording import edge_sentence
from registry.report.trees import Drawn, drawn_tree, tree_json
from registry.web import addresses
from registry.web.pages import Door, Pages
from registry.web.search import After

PAGES = Pages()

EdgeNumber = Annotated[int, Path(ge=1, lt=2**63, description="The number of an edge.")]


@dataclass(frozen=True)
class Line:
    """A model in a drawn tree.

    Attributes:
        said: How it was made, or its family.
        edge: The number of the edge to what it was made from; None for a root.
        opens: Whether it is the first below another.
        closes: How many lists end behind it.
    """

    name: str
    said: str
    edge: int | None
    opens: bool
    closes: int


def tree_lines(tree: Tree) -> list[Line]:
    """Return the models of a tree, each below what it was made from; those alone are left out."""
    drawn = drawn_tree(tree)
    lines: list[Line] = []
    for root in drawn.roots():
        if not drawn.is_alone(root):
            lines += lines_below(drawn, root)
    return lines


def lines_below(drawn: Drawn, root: str) -> Iterator[Line]:
    """Yield a root and all that comes from it."""
    front = [(root, 0)]
    depth_before = -1
    while front:
        name, depth = front.pop()
        children = list(drawn.children.get(name, ()))
        front += [(child, depth + 1) for child in reversed(children)]
        following = front[-1][1] if front else -1
        edge = drawn.parents.get(name)
        yield Line(
            name=name,
            said=drawn.said(name),
            edge=edge.id if edge else None,
            opens=depth > depth_before,
            closes=max(0, depth - following),
        )
        depth_before = depth


@dataclass(frozen=True)
class TreePage:
    """The tree that a model stands in, as far as it fits."""

    part: TreePart

    @property
    def lines(self) -> list[Line]:
        """The tree, line by line; a model alone is a tree, too."""
        return tree_lines(self.part.tree)

    def json(self) -> dict[str, Any]:
        """Return what the twin holds."""
        part = self.part
        more = {"model": part.model, "line": part.line, "whole": part.is_whole, "cut": part.is_cut}
        return {**more, **tree_json(part.tree)}


@dataclass(frozen=True)
class FamilyPage:
    """A family: its tree, if that fits, and its models."""

    content: FamilyContent

    @property
    def lines(self) -> list[Line]:
        """The trees of the family, line by line."""
        return tree_lines(self.content.tree) if self.content.tree else []

    @property
    def next(self) -> str | None:
        """The address of the next page of its models."""
        following = self.content.members.next
        return addresses.family(self.content.name, after=following) if following else None

    def json(self) -> dict[str, Any]:
        """Return what the twin holds."""
        content = self.content
        members = [
            {**asdict(found.model), "verdict": found.verdict, "base": found.base}
            for found in content.members.models
        ]
        return {
            "family": content.name,
            "models": members,
            "count": content.count,
            "next": content.members.next or None,
            "tree": tree_json(content.tree) if content.tree else None,
        }


@dataclass(frozen=True)
class FamiliesPage:
    """Families by name."""

    list: FamilyList

    @property
    def next(self) -> str | None:
        """The address of the next page."""
        following = self.list.next
        return addresses.families(after=following) if following else None

    def json(self) -> dict[str, Any]:
        """Return what the twin holds."""
        return {"families": self.list.families, "next": self.list.next or None}


@dataclass(frozen=True)
class EdgePage:
    """One step of the tree, as it stands or once was believed."""

    edge: Edge
    is_current: bool

    @property
    def sentence(self) -> str:
        """What the edge says of the child."""
        return edge_sentence(self.edge)

    def json(self) -> dict[str, Any]:
        """Return what the twin holds."""
        return {**edge_json(self.edge), "current": self.is_current, "sentence": self.sentence}


def edge_json(edge: Edge) -> dict[str, Any]:
    """Return an edge as `registry tree --json` has it."""
    edges: list[dict[str, Any]] = tree_json(Tree((), (edge,)))["edges"]
    return edges[0]


def edge_page(session: Session, number: int) -> EdgePage:
    """Return what is on the page of an edge. Raises EdgeNotFound."""
    content = edge_content(session, number)
    if content is None:
        raise EdgeNotFound(number=number)
    return EdgePage(*content)


@PAGES.page("/model/{name:segment}/tree", "tree.html")
def tree(door: Door, name: str) -> TreePage:
    """Return the tree that a model stands in; of a large one what comes from the model."""
    return TreePage(door.ask(lambda session: tree_part(session, name)))


@PAGES.page("/edge/{number}", "edge.html")
def edge(door: Door, number: EdgeNumber) -> EdgePage:
    """Return one step of a tree: which model was made from which, and what shows it."""
    return door.ask(lambda session: edge_page(session, number))


@PAGES.page("/families", "families.html")
def families(door: Door, after: After = "") -> FamiliesPage:
    """Return families by name, with how many models each has."""
    return FamiliesPage(door.ask(lambda session: families_after(session, after)))


@PAGES.page("/family/{name:segment}", "family.html")
def family(door: Door, name: str, after: After = "") -> FamilyPage:
    """Return a family: its models by name, and its tree where it fits."""
    return FamilyPage(door.ask(lambda session: family_content(session, name, after)))
