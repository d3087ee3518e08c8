"""What commands say of models whose fingerprints are of another version and are not compared."""

from typing import TYPE_CHECKING, Any

from registry.commands.printing import say
from registry.errors import DatabaseFault

if TYPE_CHECKING:
    from registry import Registry


def say_not_compared(registry: "Registry") -> dict[str, Any]:
    """Say on stderr how many models are not compared; return the same as a key for the JSON."""
    from registry.report.versions import not_compared_json, not_compared_lines

    try:
        counts = registry.not_compared()
    except DatabaseFault as fault:  # the answer itself is not lost
        say(f"note: models that are not compared were not counted: {fault}")
        return {}
    for line in not_compared_lines(counts):
        say(f"note: {line}")
    return not_compared_json(counts)
