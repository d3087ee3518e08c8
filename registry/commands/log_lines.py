"""What is said on stderr as lines of JSON, for who collects logs: --log-format json. Pure."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any

from registry.legible import json_legible, shortened
from registry.settings import LogFormat

OPTION = "--log-format"
LONGEST_TEXT = 4000  # characters
DEEPEST = 4  # objects and lists in each other


class Level(StrEnum):
    """How bad it is, as the logging of Python has it."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"
    """A bug."""


def format_of(arguments: Sequence[str], stated: str | None) -> LogFormat:
    """Return the format that is chosen; text where the choice is none, which is told later.

    A usage error may come before options are read, and is told in the format, too.

    Args:
        arguments: As they were typed.
        stated: In the environment.
    """
    chosen = stated
    for value in typed(arguments):
        chosen = value
    return LogFormat.JSON if chosen == LogFormat.JSON else LogFormat.TEXT


def typed(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the values of --log-format before the name of the command."""
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if not argument.startswith("-") or argument == "--":
            return
        if name == OPTION:
            yield value if equals else next(rest, "")


def log_line(event: str, message: str, level: Level, data: Mapping[str, Any], command: str) -> str:
    """Return one line.

    Args:
        event: What happened: the class of the error or notice, where there is one.
        message: As it is said in text.
        level: How bad it is.
        data: What the message is made of.
        command: What was typed after `registry`.
    """
    content = {
        "time": now(),
        "level": str(level),
        "event": event,
        "message": shortened(message, LONGEST_TEXT),
        "data": plain(data),
        "command": command,
    }
    return json_legible(json.dumps(content, allow_nan=False, ensure_ascii=False)) + "\n"


def now() -> str:
    """Return the time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(value: Any, depth: int = 0) -> Any:
    """Return what JSON can hold of a value; what it cannot is text."""
    if isinstance(value, Enum):
        return plain(value.value, depth)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping) and depth < DEEPEST:
        return {str(name): plain(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple | AbstractSet) and depth < DEEPEST:
        return [plain(item, depth + 1) for item in value]
    return shortened(str(value), LONGEST_TEXT)
