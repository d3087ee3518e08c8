"""The journey of a checkpoint into the registry."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Unpack

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.database.connecting.transactions import answer_of, check_answers, in_transaction
from registry.database.curating.events import Action, record_event
from registry.database.lineage import edges
from registry.database.lineage.verdicts import keep_verdict
from registry.database.stored import fingerprints, models
from registry.database.stored.fingerprints import Outcome, Saved
from registry.database.stored.names import check_names, check_source
from registry.database.stored.origin import Origin
from registry.database.stored.spool import Journey, Waiting
from registry.errors import DatabaseFault
from registry.fingerprints.from_source import Options, read
from registry.fingerprints.record import Fingerprint
from registry.fingerprints.timing import Timing
from registry.notices import RejudgingFailed, notify
from registry.workflows.arrival import Arrival, arrival_of
from registry.workflows.rejudge import place, rejudge_around
from registry.workflows.spool import kept, kept_if_stopped


@dataclass(frozen=True)
class Ingested:
    """What became of one source.

    Attributes:
        model: what it is registered as; under the name given before where its weights were
            registered already.
        fingerprint: what was computed.
        outcome: what that changed in the database.
        rank_before: singular values that these weights were registered with before; None where they
            are new.
        elsewhere: whether they were registered, and had not been seen under this name in this
            place, which is kept as another source.
    """

    model: models.Summary
    fingerprint: Fingerprint
    outcome: Outcome
    rank_before: int | None
    elsewhere: bool = False

    @property
    def new(self) -> bool:
        """Whether these weights were not registered before."""
        return self.outcome is Outcome.NEW

    @property
    def deeper(self) -> bool:
        """Whether more singular values are registered now than before."""
        return self.outcome is Outcome.DEEPENED


def ingest(
    engine: Engine,
    source: str | Path,
    tool_version: str,
    *,
    family: str | None = None,
    name: str | None = None,
    **options: Unpack[Options],
) -> Ingested:
    """Fingerprint a source and store it in one transaction.

    Raises RegistryError, and then nothing was stored; Spooled where the weights were read and the
    database did not take the fingerprint, which then waits in a file.

    Weights that are registered already are left alone, unless they come with more singular values
    than before, with parts that an older registry did not record, or with a fingerprint of a newer
    version, which keeps at least the rank of the old one. What the registry says of new ones is
    stored with them.
    """
    check_names(name, family)
    check_source(str(source))
    check_answers(engine)  # before minutes of reading
    checkpoint, fingerprint = read(source, **options)
    origin = Origin(
        source=checkpoint.source,
        revision=checkpoint.revision,
        base=checkpoint.base,
        name=checkpoint.name if name is None else name,
        family=family,
        tool_version=tool_version,
        facts=checkpoint.facts,
        claims=checkpoint.claims,
    )
    timing = options.get("timing") or Timing()
    try:
        with kept_if_stopped(Waiting(Journey.INGEST, origin, fingerprint)):
            rank = answer_of(engine, partial(fingerprints.rank_to_keep, fingerprint=fingerprint))
        if rank > fingerprint.rank:
            deeper: Options = {**options, "rank": rank}
            fingerprint = read(source, **deeper)[1]
        waiting = Waiting(Journey.INGEST, origin, fingerprint)
        with kept_if_stopped(waiting), timing.stage("database"):
            saved = store(engine, origin, fingerprint)
    except DatabaseFault as fault:
        raise kept(Waiting(Journey.INGEST, origin, fingerprint), fault) from fault
    return ingested_as(saved, fingerprint)


def ingested_as(saved: Saved, fingerprint: Fingerprint) -> Ingested:
    """Return what became of a fingerprint that was stored."""
    return Ingested(
        saved.summary, fingerprint, saved.outcome, saved.rank_before, elsewhere=saved.elsewhere
    )


def store(engine: Engine, origin: Origin, fingerprint: Fingerprint) -> Saved:
    """Store a fingerprint, and of new weights the verdict on them. Raises RegistryError.

    Models that may come from it are judged again: those that are not within a few seconds are due.
    """
    attempts: list[Saved] = []
    due: list[str] = []
    arrival = answer_of(engine, partial(arrival_of, fingerprint=fingerprint))

    def work(session: Session) -> Saved:
        saved = fingerprints.save(session, origin, fingerprint)
        name = saved.summary.name
        if saved.outcome is Outcome.NEW:
            due[:] = welcome(session, name, arrival)
            saved = saved._replace(summary=models.summary_of(session, name))
        elif saved.outcome is Outcome.REFRESHED:
            due[:] = [name]
            edges.mark_due(session, models.numbers(session, due))
        elif saved.said:
            number = models.find(session, name).id
            place(session, [number], because=f"{origin.name} claims another base")
        attempts.append(saved)
        return saved

    last = in_transaction(engine, work)
    # unchanged by the second attempt: the first was committed, though its connection was lost
    saved = attempts[0] if last.outcome is Outcome.UNCHANGED else last
    if not due:
        return saved
    name = saved.summary.name
    try:
        rejudge_around(engine, name, due)
        summary = answer_of(engine, partial(models.summary_of, name=name))
    except DatabaseFault as fault:  # it is stored, and the others are due
        notify(RejudgingFailed(name=name, reason=str(fault)))
        return saved
    return saved._replace(summary=summary)  # of another family, perhaps


def welcome(session: Session, name: str, arrival: Arrival) -> list[str]:
    """Store the verdict on a new model and place it in the tree; return who is to be judged again.

    It is due itself where another was registered since it was judged.
    """
    model = models.find(session, name)
    came_between = models.newest(session, before=model.id) > arrival.newest
    keep_verdict(session, name, arrival.verdict, due=came_between)
    record_event(session, Action.INGESTED, model, details={"verdict": arrival.verdict.verdict})
    affected = models.numbers(session, arrival.affected)
    edges.mark_due(session, edges.relatives_of(session, model) | affected)
    place(session, [model.id], because=f"{name} arrived")
    return edges.due_around(session, name, arrival.affected)
