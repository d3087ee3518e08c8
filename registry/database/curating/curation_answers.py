"""What people wrote on models, as it is read: tags and notes."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.database.curating.curation import tags_of
from registry.database.stored.models import find
from registry.database.tables.curation_tables import NoteRow, TagRow
from registry.database.tables.schema import Model


@dataclass(frozen=True)
class Note:
    """What somebody wrote on a model."""

    note: str
    author: str
    noted_at: datetime


@dataclass(frozen=True)
class Remarks:
    """The tags of a model in the order of the alphabet, and its notes in that of time."""

    tags: tuple[str, ...]
    notes: tuple[Note, ...]


def remarks_on(session: Session, name: str) -> Remarks:
    """Return what people wrote on a model. Raises ModelNotFound, ModelAmbiguous."""
    model = find(session, name)
    query = select(NoteRow).where(NoteRow.model_id == model.id).order_by(NoteRow.id)
    notes = [Note(row.note, row.author, row.noted_at) for row in session.scalars(query)]
    return Remarks(tuple(tags_of(session, model)), tuple(notes))


def tags_by_model(session: Session) -> dict[tuple[str, int], tuple[str, ...]]:
    """Return the tags of all models that have some, by name and fingerprint version."""
    query = select(Model.name, Model.fingerprint_version, TagRow.tag)
    query = query.join(TagRow, TagRow.model_id == Model.id).order_by(TagRow.tag)
    tags = defaultdict(list)
    for name, version, tag in session.execute(query):
        tags[name, version].append(tag)
    return {model: tuple(of_model) for model, of_model in tags.items()}
