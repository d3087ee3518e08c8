"""Lists of sources, in a file or on standard input: a source a line, or a JSON object a line."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from registry.bulk.wanted import Wanted
from registry.errors import BadListLine, EmptyList, UnreadableFile

STDIN = "-"
SOURCE = "source"
TEXTS = ("name", "family", "revision")
TAGS = "tags"
KEYS = (SOURCE, *TEXTS, TAGS)


def listed_in(path: str) -> list[Wanted]:
    """Return the sources of a list; `-` is standard input.

    A line is a path or hub id, or a JSON object with `source` and, if need be, name, family,
    revision (of a hub id) and tags. Empty lines, and those that begin with #, are passed over.

    Raises UnreadableFile, BadListLine for the first line that is wrong, EmptyList.
    """
    wanted = list(parsed(lines_of(path), path))
    if not wanted:
        raise EmptyList(path=path)
    return wanted


def lines_of(path: str) -> Iterable[str]:
    """Return the lines of a file, or of standard input; of one that is closed, none."""
    if path == STDIN and sys.stdin is None:
        return []
    try:
        data = sys.stdin.buffer.read() if path == STDIN else Path(path).expanduser().read_bytes()
        return data.decode().splitlines()
    except UnicodeDecodeError as exc:
        raise UnreadableFile(path=path, reason="it is no text in UTF-8") from exc
    except (OSError, RuntimeError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise UnreadableFile(path=path, reason=reason) from exc


def parsed(lines: Iterable[str], path: str) -> Iterator[Wanted]:
    """Yield what lines ask for. Raises BadListLine."""
    for number, line in enumerate(lines, 1):
        text = line.strip().lstrip("\ufeff")
        if not text or text.startswith("#"):
            continue
        if not text.startswith("{"):
            yield Wanted(text)
            continue
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise BadListLine(path=path, line=number, reason="it is no JSON object") from exc
        problem = trouble(content)
        if problem:
            raise BadListLine(path=path, line=number, reason=problem)
        yield wanted_of(content)


def trouble(content: dict[str, Any]) -> str | None:
    """Return what is wrong with the object of a line; None where all is well."""
    for key, value in content.items():
        if key not in KEYS:
            return f"{key!r} is none of {', '.join(KEYS)}"
        if key == TAGS:
            if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
                return "tags is no list of texts"
        elif not isinstance(value, str) and (key == SOURCE or value is not None):
            return f"{key} is no text"
    return None if content.get(SOURCE) else "it names no source"


def wanted_of(content: dict[str, Any]) -> Wanted:
    """Return what the object of a line asks for."""
    source, file = content[SOURCE], ""
    revision = content.get("revision")
    if revision:
        source, mark, file = source.partition(":")
        source = f"{source}@{revision}{mark}{file}"
    return Wanted(
        source=source,
        name=content.get("name"),
        family=content.get("family"),
        tags=tuple(content.get(TAGS) or ()),
    )
