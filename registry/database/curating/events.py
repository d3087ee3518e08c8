"""The log: a line for every change of what is registered, with what brings the old state back."""

import getpass
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from registry.database.tables.curation_tables import EventRow
from registry.database.tables.schema import Model
from registry.database.tables.text_limits import fitting


class Action(StrEnum):
    """What was done."""

    INGESTED = "ingested"
    IMPORTED = "imported"
    REFRESHED = "refreshed"
    SEEN_ELSEWHERE = "seen elsewhere"
    PARENT_FOUND = "parent found"
    PARENT_CHANGED = "parent changed"
    PARENT_LOST = "parent lost"
    FAMILY_FOLLOWED = "family followed"
    RENAMED = "renamed"
    MOVED = "moved"
    TAGGED = "tagged"
    UNTAGGED = "untagged"
    NOTED = "noted"
    FAMILIES_MERGED = "families merged"
    REMOVED = "removed"
    UNDONE = "undone"


def record_event(
    session: Session,
    action: Action,
    model: Model | None = None,
    *,
    family: str | None = None,
    details: dict[str, Any] | None = None,
    undo: dict[str, Any] | None = None,
) -> EventRow:
    """Add a line to the log, in the transaction that makes the change.

    Args:
        model: Whose change it is.
        family: The family that it is about, else that of the model.
        details: What is to be told, in JSON's types.
        undo: What `registry undo` reads to bring the state before back; None where nothing does.
    """
    if model is not None and family is None:
        family = model.family.name
    event = EventRow(
        actor=fitting("events.actor", actor()),
        action=str(action),
        model=model.name if model else None,
        model_id=model.id if model else None,
        family=family,
        details=fitting("events.details", details or {}),
        undo=undo,
    )
    session.add(event)
    session.flush()
    return event


def actor() -> str:
    """Return who makes the change: the user of this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return "unknown"
