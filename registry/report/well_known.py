"""What became of the models of the starter list, as a table. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.console import RenderableType

from registry.report.tables import table

if TYPE_CHECKING:
    from registry.workflows.well_known import WellKnown


class Outcome(NamedTuple):
    """What became of one model, and why."""

    model: "WellKnown"
    outcome: str
    reason: str = ""


def outcomes_table(outcomes: Sequence[Outcome]) -> RenderableType:
    """Return a row for every model that was looked at."""
    rows = []
    for model, outcome, reason in outcomes:
        origin = f"{model.relation} of {model.of}" if model.of else str(model.relation)
        rows.append((model.model, model.family, origin, outcome, reason))
    return table("model", "family", "said to be", "outcome", "reason", rows=rows)
