"""The name table, projections.toml: which row a tensor's name matches. Names alone; shapes are `projections`' business.

A name is looked up by its form: every number a `#`. A checkpoint of 60,000 experts has a few dozen forms, so each is
compared with the table once.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NamedTuple

from registry.data import load

NUMBER = re.compile(r"(?<![^._])(\d{1,6})(?![^.])")  # 0 in layers.0.fc1 and in wi_0, not the 1
SLOT = re.compile(r"\{(\w+)\}|" + NUMBER.pattern)
FORMS = 1 << 14  # forms remembered; a real checkpoint has under a thousand
DEPTH = 12  # dotted parts of a name that can matter; the table's longest has nine


@dataclass(frozen=True)
class Row:
    """One row of the name table.

    parts: the projections that a tensor of that name holds. interleaved: by head or row, not stacked. experts: a
    third, first dimension counts experts. layer, expert, head: which of the name's numbers they are, counted from
    its end, 0 for none. stated: other numbers that must stand there. wide, groups, marker: as the naming has them.
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

    @property
    def form(self) -> str:
        """The name with # for every number."""
        return SLOT.sub("#", self.name)


class Name(NamedTuple):
    """A tensor's name with # for every number, and the numbers."""

    form: str
    numbers: list[str]


class Hit(NamedTuple):
    """A name that matches a row. stack: what comes before the list of layers (encoder., decoder.)."""

    row: Row
    stack: str
    layer: int
    expert: int | None
    head: int | None


def table() -> dict[str, Any]:
    """projections.toml, parsed."""
    return load("registry.architectures", "projections.toml")


def namings() -> dict[str, dict[str, Any]]:
    """The table's namings, without its lists of what is left out."""
    return {naming: content for naming, content in table().items() if "tensors" in content}


@cache
def rows() -> tuple[Row, ...]:
    """The name table as rows, in the file's order."""
    return tuple(
        make_row(naming, name, role)
        for naming, content in namings().items()
        for name, role in content["tensors"].items()
    )


def make_row(naming: str, name: str, role: str) -> Row:
    """A line of the table, parsed."""
    kind, _, parts = role.rpartition(": ")
    slots = SLOT.findall(name)  # (placeholder, "") or ("", number)
    places = {slot[0]: i for i, slot in zip(range(-len(slots), 0), slots, strict=True)}
    own = table()[naming]
    return Row(
        naming,
        name,
        parts=tuple(re.split(r" [+/] ", parts)),
        interleaved=" / " in parts,
        experts=kind == "experts",
        layer=places["layer"],
        expert=places.get("expert", 0),
        head=places.get("head", 0),
        stated=tuple(
            (i, slot[1]) for i, slot in zip(range(-len(slots), 0), slots, strict=True) if slot[1]
        ),
        wide=own.get("wide"),
        groups=own.get("groups"),
        marker=own.get("marker"),
    )


@cache
def rows_by_form() -> dict[str, list[Row]]:
    """Rows to look up; several where only numbers or a marker tell them apart, those with a marker first."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows(), key=lambda row: row.marker is None):
        found.setdefault(row.form, []).append(row)
    return found


@cache
def ignored(kind: str) -> frozenset[str]:
    """All the names under [ignored.kind], as forms."""
    return frozenset(
        SLOT.sub("#", name) for names in table()["ignored"][kind].values() for name in names
    )


def form_of(name: str) -> str:
    """A tensor's name with # for every number."""
    return NUMBER.sub("#", name)


def parse(name: str) -> Name:
    """A tensor's name, taken apart."""
    pieces = NUMBER.split(name)  # text, number, text, ..., text
    return Name("#".join(pieces[::2]), pieces[1::2])


def endings(form: str) -> list[str]:
    """`a.b.c` as a.b.c, b.c, c: a name is matched from a dot, or the start, to its end."""
    parts = form.split(".")[-DEPTH:]
    return [".".join(parts[i:]) for i in range(len(parts))]


@lru_cache(FORMS)
def candidates(form: str) -> tuple[Row, ...]:
    """Rows that a name of this form could match, the longest first."""
    return tuple(row for ending in endings(form) for row in rows_by_form().get(ending, ()))


@lru_cache(FORMS)
def is_ignored(form: str, kind: str) -> bool:
    """Whether a name of this form ends as one under [ignored.kind] does."""
    return any(ending in ignored(kind) for ending in endings(form))


@lru_cache(FORMS)
def in_module(form: str) -> bool:
    """Whether the tensor lies inside a module that is ignored as a whole."""
    return not ignored("modules").isdisjoint(form.split("."))


@lru_cache(FORMS)
def tower(form: str) -> str | None:
    """The part of the name that leads to a tower of another kind (`model.vision_tower`), or None."""
    parts = form.split(".")
    depth = next((i for i, part in enumerate(parts) if part in ignored("towers")), None)
    return None if depth is None else ".".join(parts[: depth + 1])


@cache
def markers() -> dict[str, str]:
    """The form of a marker, and the naming that it marks."""
    return {SLOT.sub("#", row.marker): row.naming for row in rows() if row.marker}


def marked(forms: Iterable[str]) -> frozenset[str]:
    """The namings whose markers are among the tensors of a checkpoint."""
    own = (ending for form in forms for ending in endings(form))
    return frozenset(markers()[ending] for ending in own if ending in markers())


def find(name: Name, present: frozenset[str]) -> Hit | None:
    """The row that a name matches, given the namings that are marked in the checkpoint."""
    for row in candidates(name.form):
        if row.marker and row.naming not in present:
            continue
        if all(name.numbers[i] == number for i, number in row.stated):
            return hit(row, name)
    return None


def hit(row: Row, name: Name) -> Hit:
    """The row with the numbers that stand in the name."""
    numbers = name.numbers
    expert = int(numbers[row.expert]) if row.expert else None
    head = int(numbers[row.head]) if row.head else None
    return Hit(
        row, stack_of(name.form, tuple(numbers[: row.layer])), int(numbers[row.layer]), expert, head
    )


@lru_cache(FORMS)
def stack_of(form: str, before: tuple[str, ...]) -> str:
    """The part of a name that leads to its list of layers, given the numbers that stand before the layer's."""
    texts = form.split("#")
    above = "".join(
        text + number for text, number in zip(texts, (*before, ""), strict=False)
    ).rstrip("._")
    stack, _, layers = above.rpartition(".")
    return above if layers.isdigit() else stack
