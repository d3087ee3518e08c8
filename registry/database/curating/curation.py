"""What people change of registered models: names, families, tags and notes; each change is logged.

Everything here waits for other writers, is done in the session's transaction, and can be undone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from registry.database.curating.events import Action, actor, record_event
from registry.database.lineage.families import follow_roots
from registry.database.lineage.named_models import rename_in_verdicts
from registry.database.lineage.standings import connected
from registry.database.stored.models import (
    drop_empty_families,
    family_id,
    find,
    is_registered,
    wait_for_others,
)
from registry.database.stored.names import check_names, check_note, check_tags, is_unicode
from registry.database.tables.curation_tables import EventRow, NoteRow, TagRow
from registry.database.tables.schema import Family, Model
from registry.database.tables.text_limits import fitting
from registry.errors import FamilyNotFound, NameInUse, TagNotFound


@dataclass(frozen=True)
class Done:
    """What was changed.

    Attributes:
        event: Its number in the log, which `registry undo` takes; None where all was so already.
        action: What was done.
        model: The name of the model, as it is now; None for families.
        details: What the log tells of it.
    """

    event: int | None
    action: str
    model: str | None
    details: dict[str, Any]


def logged(row: EventRow, model: str | None = None) -> Done:
    """Return a line of the log as the record that leaves this room."""
    return Done(row.id, row.action, model, row.details)


def rename(session: Session, name: str, new: str) -> Done:
    """Give a model another name.

    Raises ModelNotFound, ModelAmbiguous, BadName, NameInUse.
    """
    check_names(new, None)
    wait_for_others(session)
    model = find(session, name)
    old = model.name
    details = {"from": old, "to": new}
    if old == new:
        return Done(None, Action.RENAMED, new, details)
    set_name(session, model, new)
    event = record_event(session, Action.RENAMED, model, details=details, undo={"name": old})
    return logged(event, new)


def set_name(session: Session, model: Model, new: str) -> None:
    """Rename a model, in verdicts on others too; its family follows. Raises NameInUse."""
    if is_registered(session, new):
        raise NameInUse(name=new)
    old = model.name
    model.name = new
    session.flush()
    rename_in_verdicts(session, old, new)
    follow_roots(session, connected(session, [model.id]), f"renamed from {old}")
    session.refresh(model)


def move(session: Session, name: str, family: str) -> Done:
    """Put a model into a family that stays, whatever its root is.

    Raises ModelNotFound, ModelAmbiguous, BadFamily.
    """
    check_names(None, family)
    wait_for_others(session)
    model = find(session, name)
    before = {"family": model.family.name, "family_set": model.family_set}
    details = {"from": model.family.name, "to": family}
    if before == {"family": family, "family_set": True}:
        return Done(None, Action.MOVED, model.name, details)
    set_family(session, model, family, is_set=True)
    event = record_event(session, Action.MOVED, model, details=details, undo=before)
    return logged(event, model.name)


def set_family(session: Session, model: Model, family: str, *, is_set: bool) -> None:
    """Put a model into a family; models that come from it follow, unless theirs is set."""
    old = model.family.name
    model.family_id = family_id(session, family)
    model.family_set = is_set
    session.flush()
    follow_roots(session, connected(session, [model.id]), "a family was set")
    drop_empty_families(session, [old])
    session.refresh(model)


def tag(session: Session, name: str, tags: Sequence[str]) -> Done:
    """Put tags on a model. Raises ModelNotFound, ModelAmbiguous, BadTag."""
    check_tags(tags)
    wait_for_others(session)
    model = find(session, name)
    known = set(tags_of(session, model))
    added = [tag for tag in dict.fromkeys(tags) if tag not in known]
    if not added:
        return Done(None, Action.TAGGED, model.name, {"tags": []})
    add_tags(session, model, added)
    changed = {"tags": added}
    event = record_event(session, Action.TAGGED, model, details=changed, undo=changed)
    return logged(event, model.name)


def untag(session: Session, name: str, tags: Sequence[str]) -> Done:
    """Take tags off a model. Raises ModelNotFound, ModelAmbiguous, TagNotFound."""
    wait_for_others(session)
    model = find(session, name)
    known = tags_of(session, model)
    for tag in tags:
        if tag not in known:
            raise TagNotFound(name=model.name, tag=tag)
    drop_tags(session, model, tags)
    changed = {"tags": list(dict.fromkeys(tags))}
    event = record_event(session, Action.UNTAGGED, model, details=changed, undo=changed)
    return logged(event, model.name)


def tags_of(session: Session, model: Model) -> list[str]:
    """Return the tags of a model, in the order of the alphabet."""
    query = select(TagRow.tag).where(TagRow.model_id == model.id)
    return list(session.scalars(query.order_by(TagRow.tag)))


def add_tags(session: Session, model: Model, tags: Iterable[str]) -> None:
    """Put tags on a model that it has not."""
    session.add_all(TagRow(model_id=model.id, tag=tag) for tag in tags)
    session.flush()


def drop_tags(session: Session, model: Model, tags: Iterable[str]) -> None:
    """Take tags off a model."""
    query = delete(TagRow).where(TagRow.model_id == model.id)
    session.execute(query.where(TagRow.tag.in_(list(tags))))


def note(session: Session, name: str, text: str) -> Done:
    """Write a note on a model; one that its author wrote there before stays alone.

    Raises ModelNotFound, ModelAmbiguous, BadNote.
    """
    check_note(text)
    wait_for_others(session)
    model = find(session, name)
    author = fitting("notes.author", actor())
    query = select(NoteRow.id).where(NoteRow.model_id == model.id, NoteRow.author == author)
    if session.scalar(query.where(NoteRow.note == text)) is not None:
        return Done(None, Action.NOTED, model.name, {"note": text})
    row = NoteRow(model_id=model.id, note=text, author=author)
    session.add(row)
    session.flush()
    undo = {"note": row.id}
    event = record_event(session, Action.NOTED, model, details={"note": text}, undo=undo)
    return logged(event, model.name)


def merge_families(session: Session, source: str, target: str) -> Done:
    """Put all models of one family into another, where they stay. Raises FamilyNotFound, BadFamily.

    Args:
        source: The family that goes.
        target: The family that stays, or a new one.
    """
    check_names(None, target)
    wait_for_others(session)
    number = number_of_family(session, source)
    details = {"from": source, "to": target}
    if source == target:
        return Done(None, Action.FAMILIES_MERGED, None, details)
    query = select(Model.id, Model.family_set).where(Model.family_id == number)
    before = {str(model): is_set for model, is_set in session.execute(query)}
    into = family_id(session, target)
    moving = update(Model).where(Model.family_id == number)
    session.execute(moving.values(family_id=into, family_set=True))
    drop_empty_families(session, [source])
    undo = {"family": source, "into": target, "models": before}
    event = record_event(session, Action.FAMILIES_MERGED, family=target, details=details, undo=undo)
    session.expire_all()
    return logged(event)


def number_of_family(session: Session, name: str) -> int:
    """Return the number of a family. Raises FamilyNotFound."""
    number = None
    if is_unicode(name):
        number = session.scalar(select(Family.id).where(Family.name == name))
    if number is None:
        raise FamilyNotFound(family=name)
    return number
