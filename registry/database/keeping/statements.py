"""A text of SQL, taken apart at the semicolons that end statements."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

QUOTED = re.compile(
    r"""
    --[^\n]*                                    # a comment to the end of the line
    | (?<![\w$])[eE]'(?:[^'\\]|''|\\.)*('|\Z)   # a string with backslashes
    | '(?:[^']|'')*('|\Z)                       # one without
    | "(?:[^"]|"")*("|\Z)                       # a name
    | (?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(\$(?P=tag)\$|\Z)  # between dollars
    """,
    re.VERBOSE | re.DOTALL,
)
COMMENT = re.compile(r"/\*|\*/")
SPACE = re.compile(r"\s*")


@dataclass(frozen=True)
class Statement:
    """One statement.

    Attributes:
        text: Without the semicolon.
        start: Characters of the whole before it.
    """

    text: str
    start: int


@dataclass(frozen=True)
class Spot:
    """A place in a text, both from 1."""

    line: int
    column: int


def statements(text: str) -> Iterator[Statement]:
    """Yield the statements of a text; semicolons in strings, names and comments end none."""
    start = 0
    for end in [*ends(text), len(text)]:
        content, beginning = without_comments(text, start, end)
        if content:
            yield Statement(content, beginning)
        start = end + 1


def is_complete(text: str) -> bool:
    """Return whether a text ends with a semicolon that ends a statement."""
    last = max(ends(text), default=-1)
    return last >= 0 and not without_comments(text, last + 1, len(text))[0]


def ends(text: str) -> list[int]:
    """Return where the semicolons stand that end statements."""
    places = []
    position = 0
    while position < len(text):
        skipped = skip(text, position)
        if skipped == position:
            if text[position] == ";":
                places.append(position)
            skipped += 1
        position = skipped
    return places


def skip(text: str, position: int) -> int:
    """Return where a comment, string or name that begins here ends; here, where none does."""
    quoted = QUOTED.match(text, position)
    if quoted:
        return quoted.end()
    return end_of_comment(text, position) if text.startswith("/*", position) else position


def end_of_comment(text: str, position: int) -> int:
    """Return where a comment of several lines ends, in which others may stand."""
    depth = 0
    for mark in COMMENT.finditer(text, position):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


def without_comments(text: str, start: int, end: int) -> tuple[str, int]:
    """Return what stands there without comments and space before it, and where that begins."""
    position = start
    while position < end:
        blank = SPACE.match(text, position)
        assert blank is not None
        position = blank.end()
        is_comment = text.startswith(("--", "/*"), position)
        if not is_comment:
            break
        position = skip(text, position)
    return text[min(position, end) : end].rstrip(), position


def spot_of(text: str, position: int) -> Spot:
    """Return the line and column of a character."""
    before = text[:position]
    return Spot(before.count("\n") + 1, position - before.rfind("\n"))
