"""Trees of models and the log, for reading and as JSON. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from registry.report.tables import table
from registry.report.tree_wording import edge_sentence, event_sentence

if TYPE_CHECKING:
    from registry.database.trees import Edge, Event, Node, Tree
    from registry.workflows.rejudge import Rejudged

LAST, BETWEEN = "└── ", "├── "
BELOW_LAST, BELOW = "    ", "│   "


def tree_lines(tree: "Tree") -> list[str]:
    """Return a line for every model, below what it was made from; those alone are counted."""
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
    drawn = Drawn(nodes, parents, children, further)
    lines: list[str] = []
    alone = 0
    for node in tree.nodes:
        is_alone = node.name not in parents and not children[node.name]
        if is_alone and len(tree.nodes) > 1:
            alone += 1
        elif node.name not in parents:
            lines += drawn.below(node.name)
    if alone:
        lines.append(f"{alone:,} without a relative")
    return lines or ["no models"]


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
        node = self.nodes[name]
        edge = self.parents.get(name)
        said = edge_sentence(edge, self.further.get(name, ())) if edge else f"family {node.family}"
        return f"{name}  ({said}{'; to be judged again' if node.due else ''})"


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
