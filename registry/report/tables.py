"""Results for reading in a terminal. Pure."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

SHOWN = 5  # names of a long list
LEAST_SHOWN = 1e-15  # a probability below is not told apart
COUNTS = {1e12: "T", 1e9: "B", 1e6: "M", 1e3: "k"}


def table(*columns: str, rows: Sequence[Sequence[Any]], right: Sequence[str] = ()) -> Table:
    """A plain table; `right` names the columns of numbers."""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        drawn.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(str(cell)) for cell in row))
    return drawn


def probability(value: float) -> str:
    """A probability; of a tiny one no more than that it is."""
    return f"< {LEAST_SHOWN:g}" if value < LEAST_SHOWN else f"{value:.2g}"


def short_list(names: Sequence[str]) -> str:
    """The first few names and how many there are."""
    more = f", ... ({len(names)})" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "none"


def short_count(count: int) -> str:
    """1,234,567 as 1.2M."""
    return next(
        (f"{count / size:.1f}{unit}" for size, unit in COUNTS.items() if count >= size), str(count)
    )
