"""Where the weights of registered models were seen, and what is claimed of them there."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from registry.checkpoints.claim import Claimed
from registry.checkpoints.source_facts import SourceFacts
from registry.database.curating.events import Action, record_event
from registry.database.stored.models import find
from registry.database.stored.names import is_unicode
from registry.database.stored.origin import Origin
from registry.database.tables.curation_tables import ClaimRow, SourceRow
from registry.database.tables.schema import Model
from registry.database.tables.text_limits import LIMITS, fitting


@dataclass(frozen=True)
class Source:
    """One place where a model's weights were seen.

    Attributes:
        model: What they are registered as.
        name: What they were called there.
        source: A full path, or a hub id.
        revision: The commit of a hub.
        host: The hub, or the machine whose path it is.
        size: Bytes of the files of weights.
        format: Of these files.
    """

    model: str
    name: str
    source: str
    revision: str | None
    host: str | None
    size: int | None
    format: str | None
    first_seen: datetime
    last_seen: datetime


class Seen(NamedTuple):
    """What a place where weights were seen brought.

    elsewhere: whether the model is registered, and had not been seen there under this name. said:
    whether another base is claimed there than before.
    """

    elsewhere: bool
    said: bool


def record_source(session: Session, model: Model, origin: Origin) -> Seen:
    """Keep where a model's weights were seen now; return what that brought.

    A place of an older registry, which did not know hosts, is completed. What is claimed there is
    kept with it.
    """
    place = place_of(origin)
    seen = row_of(session, model, origin, place)
    is_elsewhere = seen is None and has_sources(session, model)
    row = seen or SourceRow(model_id=model.id, name=origin.name)
    row.source = place
    row.revision = fitting("sources.revision", origin.revision)
    row.last_seen = func.now()
    set_facts(row, origin.facts)
    session.add(row)
    session.flush()
    is_said = record_claims(session, row, origin)
    if is_elsewhere:
        details = {"name": origin.name, "source": place}
        record_event(session, Action.SEEN_ELSEWHERE, model, details=details)
    return Seen(is_elsewhere, is_said)


def place_of(origin: Origin) -> str:
    """Return the full path of a source where it can be stored, else what the user gave."""
    place = origin.facts.place or origin.source
    fits = len(place) <= LIMITS["sources.source"].characters and is_unicode(place)
    return place if fits else origin.source


def set_facts(row: SourceRow, facts: SourceFacts) -> None:
    """Give a row what is known of the source; what is not known now stays as it was."""
    row.host = fitting("sources.host", facts.host) or row.host
    row.size = row.size if facts.size is None else facts.size
    row.format = facts.format or row.format


def row_of(session: Session, model: Model, origin: Origin, place: str) -> SourceRow | None:
    """Return the row of a place where a model was seen before; None where it was not.

    It is that of the same name, else the model's own, whose name may have been changed since.
    """
    host = fitting("sources.host", origin.facts.host)
    query = select(SourceRow).where(
        SourceRow.model_id == model.id,
        or_(
            (SourceRow.source == place) & SourceRow.host.is_not_distinct_from(host),
            SourceRow.source.in_((place, origin.source)) & SourceRow.host.is_(None),
        ),
        SourceRow.revision.is_not_distinct_from(fitting("sources.revision", origin.revision)),
    )
    rows = session.scalars(query.order_by(SourceRow.host.nulls_last(), SourceRow.id)).all()
    for row in rows:
        if row.name == origin.name:
            return row
    return next((row for row in rows if origin.name == model.name), None)


def has_sources(session: Session, model: Model) -> bool:
    """Return whether a model was seen anywhere before."""
    query = select(SourceRow.id).where(SourceRow.model_id == model.id)
    return session.scalar(query.limit(1)) is not None


def record_claims(session: Session, source: SourceRow, origin: Origin) -> bool:
    """Keep what is claimed at a source; return whether another base is claimed than before.

    What was claimed there before stays, with its time.
    """
    is_said = False
    query = select(ClaimRow).where(ClaimRow.source_id == source.id)
    rows = {(row.claim, row.value, row.made_by): row for row in session.scalars(query)}
    for claim in origin.claims:
        value = fitting("claims.value", claim.value)
        key = (str(claim.claim), value, str(claim.made_by))
        if key not in rows:
            is_said |= claim.claim is Claimed.BASE_MODEL
            rows[key] = ClaimRow(
                model_id=source.model_id,
                source_id=source.id,
                claim=key[0],
                value=key[1],
                made_by=key[2],
            )
            session.add(rows[key])
        rows[key].seen_at = func.now()
    session.flush()
    return is_said


def sources_of(session: Session, name: str | None = None) -> list[Source]:
    """Return all places where models, or one of them, were seen, by model and time.

    Raises ModelNotFound, ModelAmbiguous.
    """
    query = select(SourceRow, Model.name).join(Model, Model.id == SourceRow.model_id)
    if name is not None:
        query = query.where(Model.id == find(session, name).id)
    query = query.order_by(Model.name, SourceRow.first_seen, SourceRow.id)
    return [source(row, model) for row, model in session.execute(query)]


def source(row: SourceRow, model: str) -> Source:
    """Return a row as the record that leaves this room."""
    return Source(
        model=model,
        name=row.name,
        source=row.source,
        revision=row.revision,
        host=row.host,
        size=row.size,
        format=row.format,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
    )
