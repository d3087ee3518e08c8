"""The state before an event of the log comes back, whole or not at all."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.database.curating.curation import (
    Done,
    add_tags,
    drop_tags,
    logged,
    set_family,
    set_name,
    tags_of,
)
from registry.database.curating.events import Action, actor, record_event
from registry.database.curating.removal import restore_model
from registry.database.lineage.families import follow_roots
from registry.database.lineage.standings import connected
from registry.database.stored.models import (
    drop_empty_families,
    family_id,
    is_registered,
    wait_for_others,
)
from registry.database.tables.curation_tables import EventRow, NoteRow
from registry.database.tables.schema import Model
from registry.database.tables.text_limits import fitting
from registry.errors import AlreadyUndone, CannotUndo, EventNotFound, NothingToUndo, NotUndoable

LARGEST_NUMBER = 2**63 - 1


def undo(session: Session, number: int | None = None) -> Done:
    """Bring back what an event changed; without a number, that of the user's own last change.

    Raises EventNotFound, NothingToUndo, NotUndoable, AlreadyUndone, CannotUndo.
    """
    wait_for_others(session)
    event = own_last(session) if number is None else event_of(session, number)
    action = Action(event.action)
    model = UNDOERS[action](session, event)
    details = {"event": event.id, "action": event.action, "model": event.model}
    row = record_event(session, Action.UNDONE, model, family=event.family, details=details)
    event.undone_by = row.id
    session.flush()
    return logged(row, model.name if model else None)


def own_last(session: Session) -> EventRow:
    """Return the user's last change that can be undone. Raises NothingToUndo."""
    user = fitting("events.actor", actor())
    query = select(EventRow).where(EventRow.actor == user, EventRow.undone_by.is_(None))
    query = query.where(EventRow.undo.is_not(None), EventRow.action.in_(list(map(str, UNDOERS))))
    event = session.scalar(query.order_by(EventRow.id.desc()).limit(1))
    if event is None:
        raise NothingToUndo(actor=user)
    return event


def event_of(session: Session, number: int) -> EventRow:
    """Return an event that can be undone. Raises EventNotFound, NotUndoable, AlreadyUndone."""
    event = session.get(EventRow, number) if 0 < number <= LARGEST_NUMBER else None
    if event is None:
        raise EventNotFound(event=number)
    if event.undone_by is not None:
        raise AlreadyUndone(event=number, by=event.undone_by)
    if event.undo is None or event.action not in set(map(str, UNDOERS)):
        raise NotUndoable(event=number, action=event.action)
    return event


def content_of(event: EventRow) -> dict[str, Any]:
    """Return what brings the state before an event back. Raises NotUndoable."""
    if event.undo is None:
        raise NotUndoable(event=event.id, action=event.action)
    return event.undo


def model_of(session: Session, event: EventRow) -> Model:
    """Return the model that an event changed. Raises CannotUndo where it was removed."""
    model = session.get(Model, event.model_id)
    if model is None:
        raise CannotUndo(reason=f"{event.model!r} was removed; undo its removal first")
    return model


def undo_rename(session: Session, event: EventRow) -> Model:
    """Give a model its old name again, unless it was renamed since."""
    model = model_of(session, event)
    old = content_of(event)["name"]
    if model.name != event.details["to"]:
        raise CannotUndo(reason=f"the model is called {model.name!r} now")
    if is_registered(session, old):
        raise CannotUndo(reason=f"{old!r} is the name of another model now")
    set_name(session, model, old)
    return model


def undo_move(session: Session, event: EventRow) -> Model:
    """Put a model into its old family again, unless it was moved since."""
    model = model_of(session, event)
    before = content_of(event)
    if model.family.name != event.details["to"]:
        raise CannotUndo(reason=f"the model is in family {model.family.name!r} now")
    set_family(session, model, before["family"], is_set=before["family_set"])
    return model


def undo_tags(session: Session, event: EventRow) -> Model:
    """Take tags off a model, those that are still there."""
    model = model_of(session, event)
    drop_tags(session, model, content_of(event)["tags"])
    return model


def undo_untagging(session: Session, event: EventRow) -> Model:
    """Put tags on a model again, those that are not there."""
    model = model_of(session, event)
    known = tags_of(session, model)
    add_tags(session, model, [tag for tag in content_of(event)["tags"] if tag not in known])
    return model


def undo_note(session: Session, event: EventRow) -> Model:
    """Delete a note."""
    model = model_of(session, event)
    note = session.get(NoteRow, content_of(event)["note"])
    if note is not None:
        session.delete(note)
    return model


def undo_merge(session: Session, event: EventRow) -> None:
    """Put models into their old family again, unless some were moved since.

    Those that were removed since are left out.
    """
    before = content_of(event)
    numbers = [int(number) for number in before["models"]]
    models = session.scalars(select(Model).where(Model.id.in_(numbers))).all()
    for model in models:
        if model.family.name != before["into"]:
            raise CannotUndo(reason=f"{model.name!r} is in family {model.family.name!r} now")
    family = family_id(session, before["family"])
    for model in models:
        model.family_id = family
        model.family_set = before["models"][str(model.id)]
    session.flush()
    drop_empty_families(session, [before["family"], before["into"]])
    session.expire_all()
    follow_roots(session, connected(session, numbers), "a merge of families was undone")


def undo_removal(session: Session, event: EventRow) -> Model:
    """Bring a model back whole."""
    return restore_model(session, content_of(event))


UNDOERS: dict[Action, Callable[[Session, EventRow], Model | None]] = {
    Action.RENAMED: undo_rename,
    Action.MOVED: undo_move,
    Action.TAGGED: undo_tags,
    Action.UNTAGGED: undo_untagging,
    Action.NOTED: undo_note,
    Action.FAMILIES_MERGED: undo_merge,
    Action.REMOVED: undo_removal,
}
"""What people do, and what takes it back."""
