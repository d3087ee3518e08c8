"""The name table, projections.toml, as rows to look names up in.

A name's form is the name with `#` for every number.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from registry.data import load

NUMBER = re.compile(r"(?<![^._])(\d{1,6})(?![^.])")  # 0 in layers.0.fc1 and in wi_0, not the 1
STORED = ("heads", "inputs")
SLOT = re.compile(r"\{(\w+)\}|" + NUMBER.pattern)  # a placeholder or a number of the table


@dataclass(frozen=True)
class Row:
    """One row of the name table.

    Attributes:
        naming: The table that the row stands in, such as `llama`.
        name: The tensor's name, with placeholders.
        parts: The projections that a tensor of that name holds.
        interleaved: Whether the parts alternate by head or row instead of being stacked.
        experts: Whether a third, first dimension counts experts.
        layer: Which of the name's numbers is the layer, counted from the end: -1 is the last.
        expert: Which of the numbers is the expert, counted from the end; 0 for none.
        head: Which of the numbers is the head, counted from the end; 0 for none.
        stated: Other numbers that must stand in the name, as (place, number).
        wide: The naming's tensor whose shape tells that weights are stored inputs x outputs.
        groups: How many times the parts of an interleaved tensor alternate, if the naming fixes it.
        marker: A tensor without which the naming does not count.
        stored: `heads` where a tensor is cut by heads, `inputs` where it lies inputs x outputs;
            empty otherwise.
        types: Words of which the config's model type must hold one; empty for any.
        rival: The naming whose tensors have the same names, cut otherwise; None for none.
    """

    naming: str
    name: str
    parts: tuple[str, ...]
    interleaved: bool
    experts: bool
    layer: int
    expert: int
    head: int
    stated: tuple[tuple[int, str], ...]
    wide: str | None
    groups: int | None
    marker: str | None
    stored: str = ""
    types: tuple[str, ...] = ()
    rival: str | None = None

    @property
    def form(self) -> str:
        """The name with # for every number."""
        return SLOT.sub("#", self.name)


def table() -> dict[str, Any]:
    """Return the content of projections.toml."""
    return load("registry.architectures", "projections.toml")


def namings() -> dict[str, dict[str, Any]]:
    """Return the table's namings, without its lists of what is left out."""
    return {naming: content for naming, content in table().items() if "tensors" in content}


@cache
def rows() -> tuple[Row, ...]:
    """Return the name table as rows, in the file's order."""
    parsed = []
    for naming, content in namings().items():
        for name, role in content["tensors"].items():
            parsed.append(make_row(naming, name, role))
    return tuple(parsed)


def make_row(naming: str, name: str, role: str) -> Row:
    """Parse one line of the table; projections.toml explains how roles are written."""
    kind, _, parts = role.rpartition(": ")
    slots = SLOT.findall(name)  # (placeholder, "") or ("", number)
    places: dict[str, int] = {}
    stated: list[tuple[int, str]] = []
    for place, (placeholder, number) in enumerate(slots, start=-len(slots)):
        if number:
            stated.append((place, number))
        else:
            places[placeholder] = place
    settings = table()[naming]
    return Row(
        naming=naming,
        name=name,
        parts=tuple(re.split(r" [+/] ", parts)),
        interleaved=" / " in parts,
        experts=kind == "experts",
        layer=places["layer"],
        expert=places.get("expert", 0),
        head=places.get("head", 0),
        stated=tuple(stated),
        wide=settings.get("wide"),
        groups=settings.get("groups"),
        marker=settings.get("marker"),
        stored=kind if kind in STORED else "",
        types=tuple(settings.get("types", ())),
        rival=settings.get("rival"),
    )


@cache
def rows_by_form() -> dict[str, list[Row]]:
    """Return the rows to look up by form.

    There are several of a form where only numbers or a marker tell them apart; those with a marker
    come first.
    """
    with_marker_first = sorted(rows(), key=lambda row: row.marker is None and not row.types)
    by_form: dict[str, list[Row]] = {}
    for row in with_marker_first:
        by_form.setdefault(row.form, []).append(row)
    return by_form


@cache
def ignored(kind: str) -> frozenset[str]:
    """Return all the names under [ignored.kind], as forms."""
    return frozenset(reasons(kind))


@cache
def reasons(kind: str) -> dict[str, str]:
    """Return why the names under [ignored.kind] are left out, by their forms."""
    by_form: dict[str, str] = {}
    for reason, names in table()["ignored"][kind].items():
        for name in names:
            by_form[SLOT.sub("#", name)] = reason
    return by_form


@cache
def layer_lists() -> frozenset[str]:
    """Return what lists of layers are called: the parts that stand before a layer's number."""
    lists = set()
    for row in rows():
        before, _, _ = row.name.partition(".{layer}")
        name = before.rpartition(".")[2]
        if "{" not in name:
            lists.add(name)
    return frozenset(lists)


@cache
def markers() -> dict[str, str]:
    """Return the namings that a marker announces, by the marker's form."""
    return {SLOT.sub("#", row.marker): row.naming for row in rows() if row.marker}
