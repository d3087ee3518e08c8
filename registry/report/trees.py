"""Trees of models and the log, for reading and as JSON. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from registry.report.tables import table
from registry.report.tree_wording import edge_sentence, event_sentence

if TYPE_CHECKING:
    from registry.database.lineage.trees import Edge, Event, Node, Tree
    from registry.workflows.rejudge import Rejudged

LAST, BETWEEN = "└── ", "├── "
BELOW_LAST, BELOW = "    ", "│   "


def tree_lines(tree: "Tree") -> list[str]:
    """Return a line for every model, below what it was made from; those alone are counted."""
    drawn = drawn_tree(tree)
    lines: list[str] = []
    alone = 0
    for name in drawn.roots():
        if drawn.is_alone(name):
            alone += 1
        else:
            lines += drawn.below(name)
    if alone:
        lines.append(f"{alone:,} without a relative")
    return lines or ["no models"]


def drawn_tree(tree: "Tree") -> "Drawn":
    """Return a tree with the edges of every model at hand."""
    parents: dict[str, Edge] = {}
    children: dict[str, list[str]] = defaultdict(list)
    further: dict[str, list[Edge]] = defaultdict(list)
    for edge in tree.edges:
        if edge.main:
            parents[edge.child] = edge
            children[edge.parent].append(edge.child)
        else:
            further[edge.child].append(edge)

    nodes = {node.name: node for node in tree.nodes}
    return Drawn(nodes, parents, children, further)


class Drawn:
    """A tree as it is drawn, by the names of its models."""

    def __init__(
        self,
        nodes: Mapping[str, "Node"],
        parents: Mapping[str, "Edge"],
        children: Mapping[str, Sequence[str]],
        further: Mapping[str, Sequence["Edge"]],
    ) -> None:
        self.nodes = nodes
        self.parents = parents
        self.children = children
        self.further = further

    def roots(self) -> Iterator[str]:
        """Yield the models that come from none of the others, in their order."""
        for name in self.nodes:
            edge = self.parents.get(name)
            if edge is None or edge.parent not in self.nodes:
                yield name

    def is_alone(self, name: str) -> bool:
        """Return whether none of several models is a relative of one."""
        return len(self.nodes) > 1 and name not in self.parents and not self.children.get(name)

    def below(self, root: str) -> Iterator[str]:
        """Yield the lines of a root and of all that come from it."""
        front = [(root, "", "")]
        while front:
            name, first, rest = front.pop()
            yield first + self.line(name)
            below = []
            names = self.children.get(name, ())
            for child in names:
                is_last = child == names[-1]
                branch = LAST if is_last else BETWEEN
                below.append((child, rest + branch, rest + (BELOW_LAST if is_last else BELOW)))
            front += reversed(below)

    def line(self, name: str) -> str:
        """Return a model with what the tree says of it."""
        return f"{name}  ({self.said(name)})"

    def said(self, name: str) -> str:
        """Return what the tree says of a model: how it was made, or its family."""
        node = self.nodes[name]
        edge = self.parents.get(name)
        said = edge_sentence(edge, self.further.get(name, ())) if edge else f"family {node.family}"
        return f"{said}; to be judged again" if node.due else said


def tree_json(tree: "Tree") -> dict[str, Any]:
    """Return trees as docs/json.md describes them."""
    edges = []
    for edge in tree.edges:
        content = asdict(edge)
        content["relation"], content["direction"] = str(edge.relation), str(edge.direction)
        content["changes"] = [
            asdict(change) | {"kind": str(change.kind)} for change in edge.changes
        ]
        edges.append(content)
    return {"models": tree.nodes, "edges": edges}


def log_table(events: Sequence["Event"]) -> RenderableType:
    """Return the lines of the log, the newest first."""
    rows = []
    for event in events:
        when = f"{event.happened_at:%Y-%m-%d %H:%M:%S}"
        rows.append((event.id, when, event.actor, event.model or "", event_sentence(event)))
    return table("event", "when", "who", "model", "what", rows=rows, right=("event",))


def rejudged_line(rejudged: "Rejudged") -> str:
    """Return how many models were judged again, and how many are still to be."""
    line = f"judged {len(rejudged.models):,} again"
    return f"{line}; {rejudged.left:,} still to be" if rejudged.left else line
