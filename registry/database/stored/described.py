"""What is shown of one registered model, read in one transaction."""

from typing import NamedTuple

from sqlalchemy.orm import Session

from registry.database.curating.curation_answers import Remarks, remarks_on
from registry.database.stored.fingerprints import load
from registry.database.stored.models import Summary
from registry.database.stored.sources import Source, sources_of
from registry.fingerprints.record import Fingerprint


class Described(NamedTuple):
    """A registered model, and all that is noted of it."""

    summary: Summary
    fingerprint: Fingerprint
    remarks: Remarks
    sources: list[Source]


def described(session: Session, name: str) -> Described:
    """Return a registered model, its fingerprint, tags, notes and sources. Raises ModelNotFound."""
    summary, fingerprint = load(session, name)
    remarks = remarks_on(session, summary.name)
    return Described(summary, fingerprint, remarks, sources_of(session, summary.name))
