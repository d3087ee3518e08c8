"""A catalogue into the registry, in one transaction: all of it or nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from registry.catalogues import edge_store, verdict_store
from registry.catalogues.bulk import Triggers
from registry.catalogues.checks import problem_of
from registry.catalogues.decisions import Decider, Decision, places
from registry.catalogues.edge_store import store_edges
from registry.catalogues.known_models import complete, fill
from registry.catalogues.new_models import store_new
from registry.catalogues.opened import Batch, Catalogue
from registry.catalogues.outcomes import UNTOLD, Imported, ImportedModel, Outcome
from registry.catalogues.records import fingerprint_of
from registry.catalogues.verdict_store import Stored, store_verdicts
from registry.database.curating.events import Action, record_event
from registry.database.stored import fingerprints
from registry.database.stored.models import find, wait_for_others
from registry.errors import BrokenCatalogue
from registry.fingerprints.digest_lines import earlier_digest
from registry.fingerprints.record import VERSION

STORED = (Outcome.NEW, Outcome.RENAMED)
ANY = text("SELECT EXISTS (SELECT FROM registry_tables.models)")


def store_catalogue(
    session: Session, catalogue: Catalogue, *, rename: bool = False, whole: bool = True
) -> Imported:
    """Store what the registry lacks of a catalogue; what it has stays as it is.

    Raises BrokenCatalogue, and the transaction is to be given up then.

    Args:
        rename: Whether a model whose name other weights have is stored under another.
        whole: Whether a model without matrices is refused; vectors alone are enough to search by.
    """
    imported = Imported()
    wait_for_others(session)
    others = bool(session.execute(ANY).scalar_one())
    edge_store.open_waiting(session)
    verdict_store.open_waiting(session)
    triggers = Triggers(session, catalogue.models)
    first, last = 0, 0
    for batch in prepared(catalogue, whole=whole):
        decider = Decider(session, batch.flats, rename=rename, empty=not others)
        ids = store_batch(session, batch, decider, imported, triggers)
        if len(ids):
            first = first or int(ids[0])
            last = int(ids[-1])
    triggers.finish()
    if last:
        stored = Stored(first, last)
        imported.due = store_verdicts(session, stored, others=others)
    edges = store_edges(session)
    imported.edges = edges.stored
    imported.edges_left_out = edges.left_out
    if imported.changed:
        details = {"catalogue": catalogue.label, "digest": catalogue.digest, **imported.numbers}
        record_event(session, Action.IMPORTED, details=details)
    return imported


def prepared(catalogue: Catalogue, *, whole: bool) -> Iterator[Batch]:
    """Yield the batches of a catalogue, the next being read while one is stored."""

    def following() -> Batch | None:
        batch = next(batches, None)
        if batch is None:
            return None
        problem = problem_of(batch, whole=whole)
        if problem:
            raise BrokenCatalogue(path=catalogue.label, reason=problem)
        for flat in batch.flats.values():
            _ = flat.rows
        return batch

    batches = catalogue.batches()
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(following)
        while batch := coming.result():
            coming = reader.submit(following)
            yield batch


def store_batch(
    session: Session, batch: Batch, decider: Decider, imported: Imported, triggers: Triggers
) -> np.ndarray:
    """Store the models of one batch; return the ids of the new ones."""
    decisions = decider.decisions()
    for place, decision in enumerate(decisions):
        if decision.outcome is Outcome.CONFLICT:
            decisions[place] = of_same_weights(session, batch, place, decision)

    ids = np.array([decision.id or 0 for decision in decisions], np.int32)
    new = places(decisions, *STORED)
    if new.any():
        names = [d.name for d in decisions if d.outcome in STORED and d.name is not None]
        with triggers.rest():
            ids[new] = store_new(session, batch.flats, new, names, triggers)
    verdict_store.wait(session, batch.flats["verdict"], ids, new)
    gained = completed(session, batch, decisions)
    edge_store.wait(session, batch.flats["edges"], ids)
    for place, decision in enumerate(decisions):
        outcome = Outcome.COMPLETED if decision.id in gained else decision.outcome
        imported.counts[outcome] += 1
        if outcome not in UNTOLD:
            name, digest = decider.names[place], decider.digests[place]
            imported.tell(ImportedModel(name, digest, outcome, decision.name, decision.reason))
        if outcome in STORED and decider.versions[place] != VERSION:
            imported.not_compared[decider.versions[place]] += 1
    chosen: np.ndarray = ids[new]
    return chosen


def of_same_weights(session: Session, batch: Batch, place: int, decision: Decision) -> Decision:
    """Return that a model is known, where the one that bears its name is of the same weights.

    Their digests differ where their fingerprints are of different versions.
    """
    row = batch.rows.slice(place, 1).to_pylist()[0]
    bearer = find(session, row["name"])
    if bearer.fingerprint_version == row["fingerprint_version"]:
        return decision
    if bearer.fingerprint_version > row["fingerprint_version"]:
        stored = fingerprints.load(session, bearer.name).fingerprint
        is_same = earlier_digest(stored) == row["digest"]
        return Decision(Outcome.KNOWN, bearer.name, bearer.id) if is_same else decision
    known = fingerprints.of_weights(session, fingerprint_of(row))
    if known is None or known.id != bearer.id:
        return decision
    return Decision(Outcome.KNOWN, bearer.name, bearer.id, fuller=True)


def completed(session: Session, batch: Batch, decisions: list[Decision]) -> set[int]:
    """Add to registered models what they lack; return the ids of those that gained."""
    known = {place: d.id for place, d in enumerate(decisions) if d.id is not None}
    if not known:
        return set()
    gained = complete(session, batch, list(known), list(known.values()))
    for place, model_id in known.items():
        if decisions[place].fuller:
            fill(session, batch, place, model_id)
            gained.add(model_id)
    return gained
