"""What drawing the map of all models came to: in words and as JSON. Pure."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from registry.database.pages.atlas import Missing

if TYPE_CHECKING:
    from registry.workflows.atlas import MapDrawn

REASONS = {
    Missing.VERSION: "fingerprints of another version, which `registry upgrade` brings up to date",
    Missing.BASE: "adapters whose base is not registered, or has no place",
    Missing.NUMBERS: "nothing was measured that they could be placed by",
}


def map_lines(drawn: "MapDrawn") -> list[str]:
    """Return how many models are on the map, and how many are not and why."""
    return list(lines_of(drawn))


def lines_of(drawn: "MapDrawn") -> Iterator[str]:
    """Yield the lines."""
    how = f"{drawn.new:,} of them new"
    if drawn.anew:
        how += ", all laid out anew"
    yield f"{drawn.placed:,} models are on the map, {how}; {drawn.clusters:,} clusters are named"
    for reason, count in drawn.missing.items():
        yield f"{count:,} have no place: {REASONS[reason]}"


def map_json(drawn: "MapDrawn") -> dict[str, Any]:
    """Return the same as docs/json.md describes it."""
    return {
        "placed": drawn.placed,
        "new": drawn.new,
        "anew": drawn.anew,
        "clusters": drawn.clusters,
        "missing": {str(reason): count for reason, count in drawn.missing.items()},
    }
