"""Where a model comes from and what it is called, checked before it is stored.

What is refused here may stand in an older registry, where it is shown escaped and can be removed.
"""

from collections.abc import Iterable

from registry.database.tables.text_limits import LIMITS
from registry.errors import BadFamily, BadName, BadNote, BadTag, NotUnicode, SourceTooLong
from registry.legible import is_legible, legible
from registry.notices import BaseIgnored, notify


def storable_base(base: str | None) -> str | None:
    """Return a declared base; None, which is said, for one that cannot be stored."""
    if base is None:
        return None
    problem = trouble("models.declared_base", base)
    if problem is None:
        return base
    notify(BaseIgnored(base=base, reason=problem))
    return None


def check_source(source: str) -> None:
    """Raise NotUnicode or SourceTooLong for a source that cannot be stored."""
    if not is_unicode(source):
        raise NotUnicode(text=source)
    most = LIMITS["models.source"].characters
    if len(source) > most:
        raise SourceTooLong(source=source, count=len(source), most=most)


def check_names(name: str | None, family: str | None) -> None:
    """Raise BadName or BadFamily for a name that is not fit for one; None is."""
    if name is not None:
        problem = trouble("models.name", name)
        if problem:
            raise BadName(name=name, reason=problem)
    if family is not None:
        problem = trouble("families.name", family)
        if problem:
            raise BadFamily(family=family, reason=problem)


def check_tags(tags: Iterable[str]) -> None:
    """Raise BadTag for a tag that is not fit for one."""
    for tag in tags:
        problem = trouble("tags.tag", tag)
        if problem:
            raise BadTag(tag=tag, reason=problem)


def check_note(note: str) -> None:
    """Raise BadNote for a note that cannot be stored; it may hold any characters of Unicode."""
    most = LIMITS["notes.note"].characters
    if not note.strip():
        raise BadNote(reason="it is empty")
    if not is_unicode(note):
        raise BadNote(reason="it is no Unicode text")
    if len(note) > most:
        raise BadNote(reason=f"it has {len(note):,} characters, more than {most:,}")


def trouble(column: str, name: str) -> str | None:
    """Return why a text is no name for the column, None where it is one."""
    most = LIMITS[column].characters
    if not name.strip():
        return "it is empty" if not name else "it holds nothing but spaces"
    if len(name) > most:
        return f"it has {len(name):,} characters, more than {most}"
    if not is_legible(name):
        return f"it holds {first_hidden(name)}, which is not seen as what it is"
    return None


def first_hidden(name: str) -> str:
    """Return the first character of a name that would be shown as an escape, such as U+202E."""
    for place, character in enumerate(name):
        shown = legible(name[: place + 1])
        if not shown.endswith(character):
            return f"U+{ord(character):04X}"
    return "a joiner"


def is_unicode(text: str) -> bool:
    """Return whether a text is what Postgres stores: no part of a surrogate pair, and no NUL."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
