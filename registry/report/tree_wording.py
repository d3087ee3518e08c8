"""English for edges of the tree and for lines of the log. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from registry.lineage.standing import Basis
from registry.report.change_wording import change_sentence

if TYPE_CHECKING:
    from registry.database.lineage.trees import Edge, Event

DIRECTIONS = {
    Basis.SHOWN: "",
    Basis.CLAIMED: "direction as claimed",
    Basis.PRESUMED: "direction presumed",
}
EVENTS = {
    "ingested": "ingested: {verdict}",
    "imported": "imported from {catalogue}",
    "refreshed": "fingerprint of a newer version",
    "seen elsewhere": "seen elsewhere: {source}",
    "parent found": "comes from {to} ({because})",
    "parent changed": "comes from {to}, not from {from} ({because})",
    "parent lost": "no longer comes from {from} ({because})",
    "family followed": "family {to} after its root {root}, not {from} ({because})",
    "renamed": "renamed from {from} to {to}",
    "moved": "moved from family {from} to {to}",
    "tagged": "tagged {tags}",
    "untagged": "tags removed: {tags}",
    "noted": "note: {note}",
    "families merged": "family {from} merged into {to}",
    "removed": "removed",
    "undone": "event {event} undone: {action}",
}


def edge_sentence(edge: "Edge", further: Sequence["Edge"] = ()) -> str:
    """Return what an edge says of the child, with the other parents of a merge."""
    parts = [str(edge.relation)]
    parts += [change_sentence(change) for change in edge.changes]
    if further:
        parts.append("also from " + ", ".join(other.parent for other in further))
    if DIRECTIONS[edge.direction]:
        parts.append(DIRECTIONS[edge.direction])
    return "; ".join(parts)


def root_headline(relative: str, children: Sequence["Edge"]) -> str:
    """Return the headline of a related model that has no parent in the tree.

    Args:
        relative: Whom the verdict names.
        children: Edges to what comes from the model, some at least.
    """
    for edge in children:
        if edge.child == relative:
            basis = DIRECTIONS[edge.direction]
            return f"related: {relative} is derived from it" + (f", {basis}" if basis else "")
    return f"related to {relative}: no model that this one comes from is in the tree"


class Unsaid(dict[str, Any]):
    """Details of an event, with a dash for those that it has not."""

    def __missing__(self, key: str) -> str:
        return "-"


def event_sentence(event: "Event") -> str:
    """Return what a line of the log says."""
    sentence = change_of_people(event.action, event.details)
    return f"{sentence} (undone by {event.undone_by})" if event.undone_by else sentence


def change_of_people(action: str, details: dict[str, Any]) -> str:
    """Return what was done, with its details."""
    words = {key: listed(value) for key, value in details.items()}
    return EVENTS.get(action, action).format_map(Unsaid(words))


def listed(value: object) -> str:
    """Return a detail as it stands in a sentence."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
