"""What commands say of models that are not compared, and of a registry without any."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from registry.commands.printing import say_note
from registry.errors import DatabaseFault

if TYPE_CHECKING:
    from registry import Registry


def say_not_compared(registry: "Registry") -> dict[str, Any]:
    """Say on stderr how many models are not compared; return the same as a key for the JSON."""
    try:
        counts = registry.not_compared()
    except DatabaseFault as fault:  # the answer itself is not lost
        note = f"models that are not compared were not counted: {fault}"
        say_note(note, type(fault).__name__, data=fault.data)
        return {}
    return say_counts(counts)


def say_counts(counts: Mapping[int, int]) -> dict[str, Any]:
    """Say on stderr how many models are not compared, by version; return that as a key for JSON."""
    from registry.report.versions import not_compared_json, not_compared_lines

    for line in not_compared_lines(counts):
        say_note(line, "NotCompared")
    return not_compared_json(counts)


def say_if_empty(registry: "Registry") -> dict[str, Any]:
    """Say on stderr where no model is registered, and what to do; return that as a key for JSON."""
    try:
        is_empty = registry.is_empty()
    except DatabaseFault:  # which say_not_compared tells
        return {}
    return say_emptiness(is_empty=is_empty)


def say_emptiness(*, is_empty: bool) -> dict[str, Any]:
    """Say on stderr where no model is registered; return whether that is so, as a key for JSON."""
    from registry.report.versions import EMPTY

    if is_empty:
        say_note(EMPTY, "Empty")
    return {"empty": is_empty}
