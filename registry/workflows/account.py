"""The journey of a model to an account of it: what statements for other tools are made of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Unpack

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.checkpoints.claim import Claimed
from registry.checkpoints.file_digests import FileDigest, file_digests
from registry.database.connecting.transactions import answer_of
from registry.database.lineage.pedigrees import ancestors, pedigree
from registry.database.stored import models
from registry.errors import OtherWeights
from registry.fingerprints.from_source import Options, read
from registry.fingerprints.record import RANKS, Fingerprint
from registry.lineage.claim_check import ADAPTER, ClaimOutcome
from registry.lineage.verdict import Verdict
from registry.workflows.account_lines import (
    Lines,
    Place,
    claimed_by_adapter,
    lines_of_registered,
    lines_of_unregistered,
    named_by,
    place_of,
)
from registry.workflows.card_check import Subject, claims_of
from registry.workflows.claims import CheckedClaim, checked_claims
from registry.workflows.identify import identify
from registry.workflows.resolve import Named, Resolved, Taken, resolve
from registry.workflows.upgrade import source_of

if TYPE_CHECKING:
    from registry.checkpoints import Checkpoint


@dataclass(frozen=True)
class Account:
    """What the registry states of one model.

    Attributes:
        name, kind, family: What it is called; no family of one that is not registered.
        place: Where it was seen first; None where that is not known.
        digest: SHA-256 over the digests of all weights, whatever format and sharding.
        fingerprint_version: Of the fingerprint that the verdict rests on.
        verdict: The newest on it.
        judged_at: When it was given; None where that is now.
        lines: The models that it comes from, that come from it, and those between.
        files: The files of weights, where they were read.
        licences: As its cards and configs state them.
        bases: The models that these claim it was made from.
        called: What registered models are called there, by their names.
    """

    name: str
    kind: str
    family: str | None
    place: Place | None
    architecture: str
    dtype: str
    parameters: int
    layers: int
    hidden_size: int
    digest: str
    fingerprint_version: int
    verdict: Verdict
    judged_at: datetime | None
    lines: Lines
    files: tuple[FileDigest, ...] = ()
    licences: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    called: Mapping[str, str] = field(default_factory=dict)


def account_of(
    engine: Engine, named: Named, *, files: bool = False, **options: Unpack[Options]
) -> Account:
    """Return what the registry states of a model, registered or not. Raises RegistryError.

    Weights are read where a source is named. Of weights that are registered it is what is stored.

    Args:
        files: Whether the files of a registered model's source are to be read, too, which must
            still hold these weights.
    """
    model = answer_of(engine, lambda session: resolve(session, named, load=False))
    if model.taken is not Taken.REGISTERED:
        return account_of_source(engine, model, options)
    known = answer_of(engine, partial(account_of_registered, name=model.name))
    if not files:
        return known
    summary = answer_of(engine, partial(models.summary_of, name=model.name))
    source, base = source_of(summary)
    again: Options = {**options, "base": base}
    checkpoint, fingerprint = read(source, **with_rank(again))
    if fingerprint.digest != known.digest:
        raise OtherWeights(source=source, name=model.name)
    return replace(known, files=file_digests(checkpoint.blobs))


def with_rank(options: Options) -> Options:
    """Return how weights are read: with as few singular values as verdicts need."""
    measuring: Options = {"rank": RANKS[0], **options}
    return measuring


def account_of_source(engine: Engine, model: Resolved, options: Options) -> Account:
    """Return the account of weights, or of a fingerprint at hand."""
    if model.fingerprint is not None:
        return account_of_weights(engine, model.name, model.fingerprint)
    checkpoint, fingerprint = read(model.source or model.given, **with_rank(options))
    account = account_of_weights(engine, checkpoint.name, fingerprint, checkpoint)
    return replace(account, files=file_digests(checkpoint.blobs))


def account_of_weights(
    engine: Engine, name: str, fingerprint: Fingerprint, checkpoint: "Checkpoint | None" = None
) -> Account:
    """Return the account of weights: of those that are registered, what is stored."""
    known = answer_of(engine, partial(models.with_digest, digest=fingerprint.digest))
    if known is not None:
        return answer_of(engine, partial(account_of_registered, name=known.name))
    verdict = identify(engine, fingerprint).verdict
    claims = () if checkpoint is None else checkpoint.claims
    about_base = tuple(claim for claim in claims if claim.claim is Claimed.BASE_MODEL)
    subject = Subject(name, fingerprint, about_base)
    lines, called = answer_of(engine, partial(lines_of, subject=subject, verdict=verdict))
    return Account(
        name=name,
        kind=fingerprint.kind,
        family=None,
        place=None if checkpoint is None else place_of_checkpoint(checkpoint),
        architecture=fingerprint.architecture,
        dtype=fingerprint.dtype,
        parameters=fingerprint.parameters,
        layers=fingerprint.layers,
        hidden_size=fingerprint.hidden_size,
        digest=fingerprint.digest,
        fingerprint_version=fingerprint.version,
        verdict=verdict,
        judged_at=None,
        lines=lines,
        licences=once(claim.value for claim in claims if claim.claim is Claimed.LICENCE),
        bases=once(claim.value for claim in about_base),
        called=called,
    )


def once(values: Iterable[str]) -> tuple[str, ...]:
    """Return values without repetitions, in the order in which they were read."""
    return tuple(dict.fromkeys(values))


def place_of_checkpoint(checkpoint: "Checkpoint") -> Place:
    """Return where a checkpoint lies."""
    facts = checkpoint.facts
    return Place(facts.place or checkpoint.source, checkpoint.revision, facts.host)


def lines_of(session: Session, subject: Subject, verdict: Verdict) -> tuple[Lines, dict[str, str]]:
    """Return the relatives of a model that is not registered, and what it calls some of them."""
    called = names_called(claims_of(session, subject, verdict))
    known = ancestors(session, {*named_by(verdict), *called})
    lines = lines_of_unregistered(verdict, known, called)
    if subject.fingerprint.kind == ADAPTER:
        lines = claimed_by_adapter(lines, called, known)
    return lines, called


def names_called(claims: Iterable[CheckedClaim]) -> dict[str, str]:
    """Return what registered models are called in claims that nothing contradicts, by name."""
    called: dict[str, str] = {}
    for checked in claims:
        is_base = checked.claim.claim == Claimed.BASE_MODEL and not checked.claim.withdrawn
        is_open = checked.outcome is not ClaimOutcome.CONTRADICTED
        if is_base and is_open and checked.registered is not None:
            called.setdefault(checked.registered, checked.claim.value)
    return called


def account_of_registered(session: Session, name: str) -> Account:
    """Return the account of a registered model. Raises ModelNotFound, ModelAmbiguous, NoVerdict."""
    checks = checked_claims(session, name)
    called = names_called(checks)
    stored = pedigree(session, name, called)
    model = stored.model
    lines = lines_of_registered(stored)
    if model.kind == ADAPTER:
        lines = claimed_by_adapter(lines, called, stored.ancestors)
    claims = [checked.claim for checked in checks if not checked.claim.withdrawn]
    return Account(
        name=model.name,
        kind=model.kind,
        family=model.family,
        place=place_of(stored.ancestors.sources.get(model.name)),
        architecture=model.architecture,
        dtype=model.dtype,
        parameters=model.parameters,
        layers=model.layers,
        hidden_size=model.hidden_size,
        digest=model.digest,
        fingerprint_version=model.fingerprint_version,
        verdict=stored.verdict,
        judged_at=stored.judged_at,
        lines=lines,
        licences=once(claim.value for claim in claims if claim.claim == Claimed.LICENCE),
        bases=once(claim.value for claim in claims if claim.claim == Claimed.BASE_MODEL),
        called=called,
    )
