"""The head of a model card, edited in place: all bytes but those of the values stay as they are."""

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.checkpoints.model_card import CARD_HEAD
from registry.errors import CardNotEditable

FENCE = "---"
FENCES = (FENCE, "...")
LINE_ENDS = ("\r\n", "\n", "\r")
BOM = "\ufeff"
Value = str | Sequence[str]


@dataclass(frozen=True)
class Head:
    """The lines of a card with the place of its YAML block.

    Attributes:
        lines: All lines, with their ends.
        start, end: From which line on, and up to which, the block goes; the same where it is empty.
        fenced: Whether there is a block.
    """

    lines: tuple[str, ...]
    start: int
    end: int
    fenced: bool

    @classmethod
    def of(cls, text: str, path: str) -> "Head":
        """Find the block of a card. Raises CardNotEditable where it does not end."""
        lines = tuple(text.splitlines(keepends=True))
        if not lines or lines[0].removeprefix(BOM).rstrip() != FENCE:
            return cls(lines, 0, 0, fenced=False)
        for place, line in enumerate(lines[1:], 1):
            if line.rstrip() in FENCES:
                return cls(lines, 1, place, fenced=True)
        raise CardNotEditable(path=path, reason="the block at its head has no end")

    @property
    def block(self) -> str:
        """The YAML between the fences."""
        return "".join(self.lines[self.start : self.end])

    @property
    def line_end(self) -> str:
        """How lines of this card end."""
        first = self.lines[0] if self.lines else ""
        ends = [end for end in LINE_ENDS if first.endswith(end)]
        return ends[0] if ends else "\n"


def edited(text: str, values: Mapping[str, Value], note: str, path: str) -> str:
    """Return a card with some values in its head; the same text where it says them already.

    Args:
        values: By key; a key that the card has not is added at the end of the block.
        note: A comment beside the first value that is new; nothing for none.
        path: What errors call the card.

    Raises CardNotEditable.
    """
    head = Head.of(text, path)
    before = values_at(head.block, values, path)
    changed = {key: value for key, value in values.items() if before.get(key) != plain(value)}
    if not changed:
        return text
    lines = list(head.lines[head.start : head.end])
    fresh = block_lines(changed, note, head.line_end)
    for key, (first, last) in reversed(spans(head.block, changed, path)):
        lines[first:last] = fresh.pop(key)
    block = [*lines, *(line for added in fresh.values() for line in added)]
    check_rest(head, "".join(block), changed, path)
    return "".join(around(head, block))


def around(head: Head, block: Sequence[str]) -> list[str]:
    """Return all lines of a card with another block at its head."""
    if head.fenced:
        return [*head.lines[: head.start], *block, *head.lines[head.end :]]
    end = head.line_end
    rest = list(head.lines)
    mark = BOM if rest and rest[0].startswith(BOM) else ""
    if mark:
        rest[0] = rest[0].removeprefix(BOM)
    return [f"{mark}{FENCE}{end}", *block, f"{FENCE}{end}", *rest]


def plain(value: Value) -> str | list[str]:
    """Return a value as YAML reads it back."""
    return value if isinstance(value, str) else list(value)


def block_lines(values: Mapping[str, Value], note: str, end: str) -> dict[str, list[str]]:
    """Return the lines of some values, by key; a list has an item a line."""
    comment = f"  # {note}" if note else ""
    blocks = {}
    for key, value in values.items():
        if isinstance(value, str):
            blocks[key] = [f"{key}: {scalar(value)}{comment}{end}"]
        else:
            items = [f"- {scalar(item)}{end}" for item in value]
            blocks[key] = [f"{key}:{comment}{end}", *items]
        comment = ""
    return blocks


def scalar(text: str) -> str:
    """Return a text as YAML writes it on one line."""
    import yaml  # noqa: PLC0415  # only cards need it

    dumped = yaml.safe_dump(text, width=math.inf, allow_unicode=True)
    return dumped.removesuffix("...\n").strip()


def spans(block: str, keys: Mapping[str, Value], path: str) -> list[tuple[str, tuple[int, int]]]:
    """Return from which line up to which each of some keys stands with its value, in their order.

    Raises CardNotEditable where a key stands twice, or where the block is a table on one line.
    """
    node = node_of(block, path)
    if node is None:
        return []
    if node.flow_style:
        raise CardNotEditable(path=path, reason="the block at its head is in braces")
    places = []
    for name, value in node.value:
        if is_key(name, keys):
            places.append((name.value, (name.start_mark.line, last_line(name, value) + 1)))
    names = [name for name, _ in places]
    if len(set(names)) != len(names):
        raise CardNotEditable(path=path, reason="a key stands in its head twice")
    return places


def last_line(name: Any, value: Any) -> int:
    """Return the last line of a value: that of its last item, for what follows is no part of it."""
    if value.id == "scalar" and value.start_mark.index == value.end_mark.index:
        return int(name.end_mark.line)  # an empty value
    if value.id == "scalar" or value.flow_style:
        mark = value.end_mark
        at_line_start = mark.column == 0 and mark.line > value.start_mark.line
        return int(mark.line - 1 if at_line_start else mark.line)
    items = value.value[-1] if value.value else value
    if isinstance(items, tuple):
        return last_line(*items)
    return last_line(name, items) if items is not value else int(value.end_mark.line)


def node_of(block: str, path: str) -> Any:
    """Return a block's YAML as a node; None of an empty one.

    Raises CardNotEditable where it is no table.
    """
    import yaml  # noqa: PLC0415  # only cards need it

    if len(block) > CARD_HEAD:
        raise CardNotEditable(path=path, reason="its head is longer than any card needs")
    node: Any
    try:
        node = yaml.compose(block, yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise CardNotEditable(path=path, reason=f"its head is no YAML: {first(exc)}") from exc
    if node is not None and node.id != "mapping":
        raise CardNotEditable(path=path, reason="its head is no table of keys and values")
    return node


def first(exc: Exception) -> str:
    """Return what went wrong, on one line."""
    return " ".join(str(exc).split())


def values_at(block: str, keys: Iterable[str], path: str) -> dict[str, str | list[str] | None]:
    """Return what a block says under those of some keys that it has; None of a nested value.

    Raises CardNotEditable.
    """
    node = node_of(block, path)
    pairs = [] if node is None else node.value
    wanted = frozenset(keys)
    return {name.value: shallow(value) for name, value in pairs if is_key(name, wanted)}


def is_key(name: Any, keys: Container[str]) -> bool:
    """Return whether a node is one of some keys; a list or table, which YAML allows, is none."""
    return name.id == "scalar" and name.value in keys


def shallow(node: Any) -> str | list[str] | None:
    """Return the text of a node, or the texts of a list; None of anything deeper.

    Dates, numbers and truth values stay the texts that they are.
    """
    if node.id == "scalar":
        return str(node.value)
    if node.id == "mapping" or any(item.id != "scalar" for item in node.value):
        return None
    return [str(item.value) for item in node.value]


def key_names(block: str, path: str) -> list[str]:
    """Return the keys of a block. Raises CardNotEditable."""
    node = node_of(block, path)
    return [] if node is None else [str(name.value) for name, _ in node.value]


def check_rest(head: Head, block: str, changed: Mapping[str, Value], path: str) -> None:
    """Raise CardNotEditable where an edited block does not say what it should, and the rest."""
    after = values_at(block, changed, path)
    expected = {key: plain(value) for key, value in changed.items()}
    before = dict.fromkeys([*key_names(head.block, path), *changed])
    if after != expected or sorted(key_names(block, path)) != sorted(before):
        raise CardNotEditable(path=path, reason="other keys refer to its base_model")
