"""Models go into the database and come out again, as frozen records."""

from enum import Enum
from typing import NamedTuple

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from registry.architectures.ledger_line import LedgerLine
from registry.database.lineage.edges import mark_due
from registry.database.stored import sources
from registry.database.stored.fingerprint_rows import (
    add_tables,
    clustering_of,
    replace_spectra,
    replace_version,
    set_spectra,
)
from registry.database.stored.models import (
    Summary,
    default_family,
    family_id,
    find,
    is_registered,
    of_digest,
    summary,
    wait_for_others,
)
from registry.database.stored.names import check_names, check_source, storable_base
from registry.database.stored.origin import Origin
from registry.database.stored.rows import column_values, field_values, records_of
from registry.database.tables.schema import (
    AdapterRow,
    FingerprintRow,
    MatrixRow,
    Model,
)
from registry.database.tables.text_limits import fitting
from registry.errors import FingerprintNewer, ModelNotFound, NameTaken
from registry.fingerprints.digest_lines import earlier_digest
from registry.fingerprints.histogram_record import Histogram
from registry.fingerprints.projection_vector import ProjectionVector
from registry.fingerprints.record import (
    VERSION,
    Adapter,
    Branch,
    Fingerprint,
    Matrix,
    Space,
    Tensor,
)


class Outcome(Enum):
    """What became of a fingerprint that was to be stored."""

    NEW = "new"
    """The weights were not registered."""
    DEEPENED = "deepened"
    """They were, with fewer singular values than now."""
    COMPLETED = "completed"
    """They were, and gained sketches, histograms or bounds that an older registry left out."""
    REFRESHED = "refreshed"
    """They were, with a fingerprint of an older version, which the new one replaced."""
    UNCHANGED = "unchanged"
    """They were, with all of this; nothing was written but where they were seen."""


class Saved(NamedTuple):
    """A stored model.

    rank_before: what the same weights were stored with before; None where they are new. elsewhere:
    whether they were registered, and had not been seen under this name in this place. said: whether
    another base is claimed there than before.
    """

    summary: Summary
    outcome: Outcome
    rank_before: int | None
    elsewhere: bool = False
    said: bool = False


def save(session: Session, origin: Origin, fingerprint: Fingerprint) -> Saved:
    """Store a model in the session's transaction.

    Raises NameTaken, FingerprintNewer, NotUnicode, SourceTooLong, BadName, BadFamily.

    The same weights are never stored twice. Of a larger rank, or with parts that the stored ones
    lack, their spectra, clusterings and sketches take the old ones' place. A fingerprint of an
    older version is replaced, and where it was read from with it. Where weights were seen is kept
    in any case, with what is claimed of them there.
    """
    check_source(origin.source)
    check_names(origin.name, origin.family)
    origin = origin._replace(base=storable_base(origin.base))
    wait_for_others(session)
    known = of_weights(session, fingerprint)
    if known is None:
        model = add(session, origin, fingerprint)
        sources.record_source(session, model, origin)
        return Saved(summary(model), Outcome.NEW, None)

    rank_before = known.fingerprint.rank
    outcome = outcome_of(session, known, fingerprint)
    if outcome is Outcome.REFRESHED:
        replace_version(session, known, fingerprint, origin.tool_version)
        known.source = origin.source
        known.revision = fitting("models.revision", origin.revision)
    elif outcome is not Outcome.UNCHANGED:
        replace_spectra(session, known, fingerprint)
    seen = sources.record_source(session, known, origin)
    return Saved(summary(known), outcome, rank_before, seen.elsewhere, seen.said)


def rank_to_keep(session: Session, fingerprint: Fingerprint) -> int:
    """Return the rank that a fingerprint needs to take an older version's place; else its own."""
    known = of_weights(session, fingerprint)
    if known is None or known.fingerprint_version >= fingerprint.version:
        return fingerprint.rank
    return max(known.fingerprint.rank, fingerprint.rank)


def refresh(session: Session, origin: Origin, fingerprint: Fingerprint) -> Summary:
    """Put a fingerprint in the place of an older version's of the same weights.

    Name, family, source and the time of ingestion stay; the verdict stays until it is judged again.
    Another process may have done it already.

    Args:
        origin: What the model was called before its weights were read, and where they are.

    Raises ModelNotFound where it was removed meanwhile.
    """
    wait_for_others(session)
    known = of_weights(session, fingerprint)
    if known is None:
        raise ModelNotFound(name=origin.name)
    if known.fingerprint_version < fingerprint.version:
        replace_version(session, known, fingerprint, origin.tool_version)
        mark_due(session, [known.id])
    sources.record_source(session, known, origin)
    return summary(known)


def of_weights(session: Session, fingerprint: Fingerprint) -> Model | None:
    """Return the row of the model with exactly these weights, of any fingerprint version."""
    known = of_digest(session, fingerprint.digest)
    if known is not None:
        return known
    earlier = of_digest(session, earlier_digest(fingerprint))
    is_old = earlier is not None and earlier.fingerprint_version < VERSION
    return earlier if is_old else None


def outcome_of(session: Session, known: Model, fingerprint: Fingerprint) -> Outcome:
    """Return what a fingerprint brings to a stored model of the same weights.

    Raises FingerprintNewer where the stored one is of a newer version.
    """
    version = known.fingerprint_version
    if version > fingerprint.version:
        raise FingerprintNewer(name=known.name, version=version, expected=fingerprint.version)
    if version < fingerprint.version:
        return Outcome.REFRESHED

    rank = known.fingerprint.rank
    if rank < fingerprint.rank:
        return Outcome.DEEPENED
    if rank == fingerprint.rank and lacks(session, known, fingerprint):
        return Outcome.COMPLETED
    return Outcome.UNCHANGED


def lacks(session: Session, known: Model, fingerprint: Fingerprint) -> bool:
    """Return whether a model was stored before there were parts that are at hand now."""
    if known.outline is None or len(known.histograms) < len(fingerprint.histograms):
        return True
    if len(known.ledger) < len(fingerprint.ledger):
        return True
    if fingerprint.error is None:
        return False

    boundless = exists().where(MatrixRow.model_id == known.id)
    boundless = boundless.where(MatrixRow.bounds.is_(None))
    return bool(session.scalar(select(boundless)))


def add(session: Session, origin: Origin, fingerprint: Fingerprint) -> Model:
    """Store weights that are new. Raises NameTaken."""
    if is_registered(session, origin.name):
        raise NameTaken(name=origin.name)

    default = default_family(session, origin.name, origin.base)
    family = family_id(session, origin.family or default)
    model = Model(
        name=origin.name,
        kind=fingerprint.kind,
        family_id=family,
        family_set=origin.family is not None,
        source=origin.source,
        revision=fitting("models.revision", origin.revision),
        declared_base=origin.base,
        fingerprint_version=fingerprint.version,
        tool_version=origin.tool_version,
        **column_values(fingerprint, Model),
    )
    model.fingerprint = FingerprintRow(**column_values(fingerprint, FingerprintRow))
    if fingerprint.adapter:
        model.adapter = AdapterRow(**column_values(fingerprint.adapter, AdapterRow))
    set_spectra(model, fingerprint)
    session.add(model)
    session.flush()
    add_tables(session, model, fingerprint)
    return model


class Stored(NamedTuple):
    """A registered model and its whole fingerprint."""

    summary: Summary
    fingerprint: Fingerprint


def load(session: Session, name: str) -> Stored:
    """Return a registered model with its whole fingerprint, equal to what was stored.

    Raises ModelNotFound.
    """
    model = find(session, name)
    values = field_values(model, Fingerprint) | field_values(model.fingerprint, Fingerprint)
    values["std"] = ProjectionVector(*model.fingerprint.std)
    fingerprint = Fingerprint(
        **values,
        version=model.fingerprint_version,
        clusterings=tuple(map(clustering_of, model.clusterings)),
        matrices=records_of(model.matrices, Matrix),
        adapter=adapter_of(model),
        branches=records_of(model.branches, Branch),
        spaces=records_of(model.spaces, Space),
        start=model.outline.start if model.outline else None,
        histograms=records_of(model.histograms, Histogram),
        tensors=records_of(model.tensors, Tensor),
        ledger=records_of(model.ledger, LedgerLine),
    )
    return Stored(summary(model), fingerprint)


def adapter_of(model: Model) -> Adapter | None:
    """Return what only an adapter has; None for a model."""
    row = model.adapter
    return Adapter(**field_values(row, Adapter)) if row else None
