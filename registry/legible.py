r"""Text of unknown origin as it may be shown: what acts on a terminal, or is not seen, is escaped.

Names of files, tensors and models, and what configs and cards state, may hold characters that move
the cursor, turn the direction of the line or cannot be seen at all. They are shown as Python writes
them: `\x1b`, `\u202e`. Letters of all scripts, emoji and accents stay as they are. What is shown so
is for reading; JSON keeps every character, those of here as escapes of JSON's own.
"""

import inspect
import re
import unicodedata
from typing import Any

OUTSIDE_ASCII = re.compile(r"[^ -~]")
OUTSIDE_ASCII_LINES = re.compile(r"[^\n -~]")

BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""Characters that Unicode calls letters, marks or symbols, and of which nothing is seen."""

JOINERS = frozenset("\u200c\u200d")
FIRST_JOINED = "\u0590"
"""Scripts in which a joiner alters what is read begin here; in Latin letters it hides."""

SELECTORS = frozenset(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
"""They choose between two drawings of the character before."""
KEYCAP = "\u20e3"
SELECTABLE = frozenset({"So", "Sm", "Lo", "Po"})
FIRST_SELECTABLE = "\xa9"

MARKS = frozenset({"Mn", "Me"})
MOST_MARKS = 8  # on one letter; no script needs more

CUT = "..."
LONGEST_FIELD = 500  # characters of a name or reason in a sentence


def legible(text: object) -> str:
    """Return text on one line, with escapes for all that would not be seen as what it is."""
    return OUTSIDE_ASCII.sub(seen, str(text))


def legible_lines(text: str) -> str:
    """Return text with escapes as `legible` writes them, its line breaks kept."""
    return OUTSIDE_ASCII_LINES.sub(seen, text)


def is_legible(text: str) -> bool:
    """Return whether text is seen as what it is, without any escape."""
    return legible(text) == text


def json_legible(document: str) -> str:
    """Return a JSON document, in which strings alone hold such characters, with JSON's escapes.

    Whoever parses it gets the same strings.
    """
    return OUTSIDE_ASCII_LINES.sub(json_seen, document)


def shortened(text: str, longest: int) -> str:
    """Return text of at most so many characters: of longer text the first and the last of them."""
    if len(text) <= longest:
        return text
    kept = longest - len(CUT)
    last = kept // 2
    return text[: kept - last] + CUT + text[len(text) - last :]


def sentence_of(docstring: str | None, data: dict[str, Any]) -> str:
    """Return a docstring filled with data, on one line and fit to be shown, whatever is in them."""
    template = " ".join(inspect.cleandoc(docstring or "").split())
    fields = {}
    for name, value in data.items():
        is_text = isinstance(value, str | BaseException)
        fields[name] = shortened(str(value), LONGEST_FIELD) if is_text else value
    return legible(template.format(**fields))


def glimpse(text: str, longest: int) -> str:
    """Return text on one line with escapes, of at most so many characters with these."""
    return shortened(legible(shortened(text, longest)), longest)


def seen(match: re.Match[str]) -> str:
    """Return one character beyond ASCII, or its escape."""
    character = match[0]
    if stands(match.string, match.start()):
        return character
    return character.encode("unicode_escape").decode("ascii")


def json_seen(match: re.Match[str]) -> str:
    """Return one character beyond ASCII, or JSON's escape of its UTF-16 code units."""
    character = match[0]
    if character.isprintable() and character not in BLANK | SELECTORS:
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))


def stands(text: str, place: int) -> bool:
    """Return whether the character at a place of a text may be shown as it is."""
    character = text[place]
    if character in JOINERS:
        return joins(text, place)
    if character in SELECTORS:
        return selects(text, place)
    if not character.isprintable() or character in BLANK:
        return False
    is_mark = unicodedata.category(character) in MARKS
    return not is_mark or marks_before(text, place) < MOST_MARKS


def joins(text: str, place: int) -> bool:
    """Return whether a joiner stands between two characters of scripts, or emoji, that need it."""
    neighbours = text[max(place - 1, 0) : place] + text[place + 1 : place + 2]
    if place == 0 or len(neighbours) < 2:  # noqa: PLR2004  # one on each side
        return False
    return all(character >= FIRST_JOINED and character not in JOINERS for character in neighbours)


def selects(text: str, place: int) -> bool:
    """Return whether a selector follows a character that is drawn in several ways."""
    before = text[place - 1] if place else ""
    after = text[place + 1 : place + 2]
    if not before:
        return False
    if after == KEYCAP:
        return before.isascii()
    selectable = unicodedata.category(before) in SELECTABLE
    return selectable and before >= FIRST_SELECTABLE


def marks_before(text: str, place: int) -> int:
    """Return how many marks stand on a letter before the one at a place, counted up to the most."""
    count = 0
    while count < min(MOST_MARKS, place):
        if unicodedata.category(text[place - count - 1]) not in MARKS:
            break
        count += 1
    return count
