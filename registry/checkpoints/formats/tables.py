"""The tables of a pickle, whose keys are plain values.

The hash of tuples within tuples can take for ever, and a number of a million digits has no text.
"""

from typing import Any

from registry.checkpoints.formats.stand_ins import Name, StandIn

LARGEST_KEY = 64  # bits


class MalformedError(ValueError):
    """What is wrong with a pickle, as the end of a sentence: 'it is no pickle of tensors'."""


def table_of(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    """Return a table out of what its class is called with, pairs in Python 2.

    Raises MalformedError for keys that are no plain values.
    """
    table: dict[Any, Any] = {}
    pairs = arguments[0] if arguments and isinstance(arguments[0], list) else []
    for pair in pairs:
        set_items(table, list(pair))
    return table


def set_items(target: Any, items: list[Any]) -> None:
    """Set items of a table: keys and values in turn. Raises MalformedError."""
    table = target.table if isinstance(target, StandIn) else target
    if not isinstance(table, dict) or len(items) % 2:
        raise MalformedError("it is no pickle of tensors")
    for place in range(0, len(items), 2):
        key = items[place]
        if not is_key(key):
            raise MalformedError("it has a table with a key that is no plain value")
        table[key] = items[place + 1]


def is_key(value: Any) -> bool:
    """Return whether a value may be a key of a table: a plain one, or a tuple of these."""
    parts = value if isinstance(value, tuple) else (value,)
    return all(is_plain(part) for part in parts)


def is_plain(value: Any) -> bool:
    """Return whether a value is a text, a number of sane size, or has no parts."""
    if isinstance(value, int):
        return value.bit_length() <= LARGEST_KEY
    return value is None or isinstance(value, str | bytes | float | Name | StandIn)
