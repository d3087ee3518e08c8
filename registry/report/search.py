"""The indexes of the search and what they find: as a table and as JSON."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType

from registry.report.tables import lines, table

if TYPE_CHECKING:
    from registry.workflows.search import SearchState


def answer_json(state: "SearchState") -> dict[str, Any]:
    """Return the indexes, and where it was measured the recall of each search."""
    answer: dict[str, Any] = {"indexes": [asdict(index) for index in state.indexes]}
    if state.recalls is not None:
        answer["recalls"] = [asdict(recall) | {"recall": recall.recall} for recall in state.recalls]
    return answer


def answer_table(state: "SearchState") -> RenderableType:
    """Return the same for a terminal."""
    rows: list[tuple[Any, ...]] = []
    for index in state.indexes:
        exact = "exact" if index.exact else "lists"
        rows.append((index.name, index.table, exact, f"{index.size / 2**20:.1f}"))
    shown: list[RenderableType] = [lines("no index: every search looks at all models")]
    if rows:
        shown = [table("index", "of", "kind", "MiB", rows=rows, right=("MiB",))]
    if state.recalls is None:
        return shown[0]

    measured = []
    for recall in state.recalls:
        shares = (f"{recall.recall:.4f}", f"{recall.worst:.4f}")
        measured.append((recall.search, recall.models, recall.expected, recall.missed, *shares))
    columns = ("search", "looked up", "expected", "missed", "recall", "worst")
    shown.append(table(*columns, rows=measured, right=columns[1:]))
    return Group(*shown)
