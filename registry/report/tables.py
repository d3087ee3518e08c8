"""Tables and numbers for reading in a terminal. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from registry.legible import glimpse, shortened

LONGEST_CELL = 300  # characters that a terminal gets
WHOLE_CELL = 4000  # and a program
LONGEST_LINE = 2000
LONGEST_LIST = 5  # names that are written out
UNITS = {1e12: "T", 1e9: "B", 1e6: "M", 1e3: "k"}


def lines(*texts: str, style: str = "") -> Text:
    """Return lines of text, each of which stays one whatever names stand in it."""
    shown = [glimpse(text, LONGEST_LINE) for text in texts]
    return Text("\n".join(shown), style=style)


class Cell(Text):
    """The text of a cell, of which a terminal gets no more than fits a few lines."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[Segment]:
        """Draw it, for a program whole."""
        if console.is_terminal and len(self) > LONGEST_CELL:
            return Text(shortened(self.plain, LONGEST_CELL)).__rich_console__(console, options)
        return super().__rich_console__(console, options)


def cell(content: object) -> Text:
    """Return the content of a cell: brackets are no markup, and a long name is cut."""
    return Cell(glimpse(str(content), WHOLE_CELL))


def table(*columns: str, rows: Sequence[Sequence[Any]], right: Sequence[str] = ()) -> Table:
    """Return a plain table; `right` names the columns of numbers."""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)

    for column in columns:
        justify: Any = "right" if column in right else "left"
        drawn.add_column(cell(column), justify=justify, overflow="fold")

    for row in rows:
        drawn.add_row(*map(cell, row))
    return drawn


def short_list(names: Sequence[str]) -> str:
    """Return the first names of a list, and how many there are if that is not all."""
    if not names:
        return "none"

    listed = ", ".join(names[:LONGEST_LIST])
    if len(names) > LONGEST_LIST:
        listed += f", ... ({len(names)})"
    return listed


def number_text(number: float | None) -> str:
    """Return a number to three digits, empty where there is none."""
    return "" if number is None else f"{number:.3g}"


def short_count(count: float) -> str:
    """Return a count in three or four characters: 1,234,567 as 1.2M."""
    for size, unit in UNITS.items():
        if count >= size:
            return f"{count / size:.1f}{unit}"
    return str(count)
