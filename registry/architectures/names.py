"""What a tensor is by its name. Shapes are for model_layout.

A name is looked up by its form: every number a `#`. A checkpoint of 60,000 experts has a few dozen
forms, so each form is compared with the name table once.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from registry.architectures.name_table import (
    NUMBER,
    Row,
    ignored,
    layer_lists,
    markers,
    reasons,
    rows_by_form,
)
from registry.checkpoints.suffixes import suffixes

FORMS = 1 << 14  # forms remembered; a real checkpoint has under a thousand
DEPTH = 12  # dotted parts of a name that can matter; the table's longest has nine


class Kind(Enum):
    """What a tensor is, by its name."""

    PROJECTION = "projection"
    BUFFER = "buffer"  # a constant of the architecture, or state of the training: no weight
    MODULE = "module"  # inside a module that is ignored as a whole
    TOWER = "tower"  # inside a part of another kind, such as a vision tower
    MATRIX = "matrix"  # ignored by its own name, such as an embedding
    UNKNOWN = "unknown"


class Name(NamedTuple):
    """A tensor's name with # for every number, and the numbers."""

    form: str
    numbers: list[str]


class LayerPlace(NamedTuple):
    """Where a layer stands, as names have it.

    Attributes:
        stack: What comes before the list of layers (`encoder`, `decoder`): each counts its own.
        layer: The layer's number in the names.
    """

    stack: str
    layer: int


class Match(NamedTuple):
    """A row of the table and the numbers that stand in the tensor's name."""

    row: Row
    place: LayerPlace
    expert: int | None
    head: int | None


class Recognition(NamedTuple):
    """What is known of a tensor by its name.

    Attributes:
        kind: What the tensor is.
        match: Its row of the name table, for projections alone.
        tower: The part of the name that leads to a tower of another kind (`model.vision_tower`),
            whatever the tensor is there.
        reason: Why projections.toml leaves the tensor out; of one in a tower, what kind of tower it
            is. None for projections and unknown tensors.
    """

    kind: Kind
    match: Match | None
    tower: str | None
    reason: str | None = None


class Form(NamedTuple):
    """What the table says of all names of one form.

    Attributes:
        rows: Those that such a name may match, the longest first.
        without_row: The answer where none does, for the numbers or the checkpoint's markers may
            rule them out.
    """

    rows: tuple[Row, ...]
    without_row: Recognition


def recognise(name: str, marked: frozenset[str] = frozenset()) -> Recognition:
    """Return what a tensor is, by its name.

    Args:
        name: The tensor's name.
        marked: The namings whose markers the checkpoint has, from `marked_namings`, or whose types
            its config states.
    """
    form, numbers = parse(name)
    known = look_up(form)
    for row in known.rows:
        if (row.marker or row.types) and row.naming not in marked:
            continue
        if all(numbers[place] == number for place, number in row.stated):
            match = match_of(row, form, numbers)
            without = known.without_row
            return Recognition(Kind.PROJECTION, match, without.tower, without.reason)
    return known.without_row


def marked_namings(names: Iterable[str]) -> frozenset[str]:
    """Return the namings whose markers are among the tensors of a checkpoint."""
    forms = {form_of(name) for name in names}
    namings_by_marker = markers()
    marked = set()
    for form in forms:
        for ending in suffixes(form, DEPTH):
            if ending in namings_by_marker:
                marked.add(namings_by_marker[ending])
    return frozenset(marked)


def form_of(name: str) -> str:
    """Return a tensor's name with # for every number."""
    return NUMBER.sub("#", name)


def parse(name: str) -> Name:
    """Take a tensor's name apart."""
    pieces = NUMBER.split(name)  # text, number, text, ..., text
    return Name(form="#".join(pieces[::2]), numbers=pieces[1::2])


@lru_cache(FORMS)
def look_up(form: str) -> Form:
    """Return what the table says of the names of one form."""
    endings = suffixes(form, DEPTH)
    tower = tower_of(form)
    module = module_of(form)

    reason = reason_for("buffers", endings) or reason_for("state", form.split("."))
    if reason is not None:
        kind = Kind.BUFFER
    elif module is not None:
        kind, reason = Kind.MODULE, reasons("modules")[module]
    elif tower is not None:
        kind, reason = Kind.TOWER, reasons("towers")[tower.rpartition(".")[2]]
    else:
        reason = reason_for("matrices", endings) or reason_outside_layers(form, endings)
        kind = Kind.MATRIX if reason else Kind.UNKNOWN

    rows = () if module is not None else matching_rows(endings)
    return Form(rows, Recognition(kind, None, tower, reason))


def reason_for(kind: str, endings: Iterable[str]) -> str | None:
    """Return why [ignored.kind] leaves out a name with these endings; None where it does not."""
    known = reasons(kind)
    for ending in endings:
        if ending in known:
            return known[ending]
    return None


def reason_outside_layers(form: str, endings: Sequence[str]) -> str | None:
    """Return why [ignored.outside] leaves out a name; None of one that stands within a layer."""
    reason = reason_for("outside", endings)
    if reason is None or in_layer(form, form.count(".")):
        return None
    return reason


def in_layer(form: str, position: int) -> bool:
    """Return whether a part of a name, counted from 0, stands after a layer's number."""
    parts = form.split(".")
    for before, part in pairwise(parts[: position + 1]):
        if part == "#" and before in layer_lists():
            return True
    return False


def module_of(form: str) -> str | None:
    """Return the module ignored as a whole that a tensor lies in; None for none."""
    for part in form.split("."):
        if part in ignored("modules"):
            return part
    return None


def tower_of(form: str) -> str | None:
    """Return the part of a name that leads to a tower of another kind, or None."""
    parts = form.split(".")
    for depth, part in enumerate(parts, 1):
        if part in ignored("towers"):
            return ".".join(parts[:depth])
    return None


def matching_rows(endings: Iterable[str]) -> tuple[Row, ...]:
    """Return the rows that a name with these endings could match, the longest first."""
    rows: list[Row] = []
    for ending in endings:
        rows += rows_by_form().get(ending, ())
    return tuple(rows)


def match_of(row: Row, form: str, numbers: list[str]) -> Match:
    """Return a row with the numbers that stand in a name."""
    stack = stack_of(form, tuple(numbers[: row.layer]))
    place = LayerPlace(stack, int(numbers[row.layer]))
    expert = int(numbers[row.expert]) if row.expert else None
    head = int(numbers[row.head]) if row.head else None
    return Match(row, place, expert, head)


@lru_cache(FORMS)
def stack_of(form: str, before_layer: tuple[str, ...]) -> str:
    """Return the part of a name that leads to its list of layers.

    Args:
        form: The name with # for every number.
        before_layer: The numbers that stand before the layer's.
    """
    texts = form.split("#")
    path = texts[0]
    for number, text in zip(before_layer, texts[1:], strict=False):
        path += number + text
    path = path.rstrip("._")
    parent, _, last = path.rpartition(".")
    return path if last.isdigit() else parent
