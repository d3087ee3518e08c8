"""A ledger, and the towers beside a language model: as tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType

from registry.architectures.ledger_line import LedgerLine
from registry.report.tables import lines, short_count, table

if TYPE_CHECKING:
    from registry.architectures.inspection import Inspection


def ledger_table(ledger: Sequence[LedgerLine]) -> RenderableType:
    """Return a ledger for reading: a row for every fate and group of tensors."""
    rows = []
    for line in ledger:
        names = ", ".join(line.names[:1])
        if line.tensors > 1:
            names += ", ..."
        size = f"{line.bytes / 1e9:.3f} GB"
        parameters = short_count(line.parameters)
        rows.append((line.fate, line.group, line.tensors, parameters, size, names))
    numbers = ("tensors", "parameters", "size")
    return table("fate", "group", *numbers, "names", rows=rows, right=numbers)


def tower_tables(inspection: "Inspection") -> list[RenderableType]:
    """Return what stands beside the language model and how to ask for it; empty for nothing."""
    if not inspection.towers:
        return []
    rows = []
    for tower in inspection.towers:
        asked = f"{inspection.source}#{tower.path}"
        rows.append((tower.path, tower.tensors, short_count(tower.parameters), asked))
    numbers = ("tensors", "parameters")
    drawn = table("beside the language model", *numbers, "ask for it as", rows=rows, right=numbers)
    return [lines(""), drawn]
