"""The journey of a model's own card: what it claims of the base, set against the weights."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Unpack

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.checkpoints.card_claims import CHECKED, CardClaims
from registry.checkpoints.claim import Claim, Claimant, Claimed
from registry.database.connecting.transactions import answer_of
from registry.database.lineage import claims
from registry.database.lineage.claims import StoredClaim
from registry.database.lineage.verdicts import kept_verdict
from registry.database.stored import models
from registry.fingerprints.from_source import Options, read
from registry.fingerprints.record import RANKS, VERSION, Fingerprint
from registry.lineage.claim_check import ClaimOutcome, Finding, Judged, Outcome
from registry.lineage.descent import Descent
from registry.lineage.family_lines import FamilyLines, ParentLine
from registry.lineage.pair import claim_outcome
from registry.lineage.verdict import ChangeKind, Relation, Verdict
from registry.workflows.account_lines import descent_from, named_by
from registry.workflows.claims import CheckedClaim, Known, checked
from registry.workflows.identify import identify
from registry.workflows.resolve import Named, comparable_fingerprint, resolve
from registry.workflows.verify import verify

UNREGISTERED = 0  # stands for the number of a model that has none
UNRELATED = (Finding.OTHER_ROOT, Finding.NO_RELATION)
"""Findings that no edge leads to the base, which the evidence on the pair must bear out."""


@dataclass(frozen=True)
class CheckedCard:
    """A card beside what the weights show.

    Attributes:
        name: What the model is called.
        verdict: On it.
        claims: All that is claimed of base and relation, each checked.
    """

    name: str
    verdict: Verdict
    claims: tuple[CheckedClaim, ...]

    @property
    def outcome(self) -> Outcome:
        """Whether card and weights agree.

        They do where a base is borne out, of the card's all, and nothing is contradicted.
        """
        if any(claim.outcome is ClaimOutcome.CONTRADICTED for claim in self.claims):
            return Outcome.CONTRADICTED
        bases = [one for one in self.claims if one.claim.claim == Claimed.BASE_MODEL]
        on_card = [one for one in bases if one.claim.made_by == Claimant.CARD]
        borne_out = [one.outcome is ClaimOutcome.BORNE_OUT for one in on_card or bases]
        agrees = all(borne_out) if on_card else any(borne_out)
        return Outcome.CONSISTENT if borne_out and agrees else Outcome.UNDECIDABLE


@dataclass(frozen=True)
class Subject:
    """The model that a card is about.

    Attributes:
        name: What it is called.
        fingerprint: Of its weights.
        claims: What is claimed of it.
        number: It has one where it is registered.
    """

    name: str
    fingerprint: Fingerprint
    claims: tuple[Claim, ...]
    number: int = UNREGISTERED


def check_card(
    engine: Engine, source: Named, card: CardClaims, **options: Unpack[Options]
) -> CheckedCard:
    """Return a card's claims, each set against what the weights of a model show.

    Nothing is stored. The claims are judged as those of registered models are.

    Args:
        source: The model: weights, a fingerprint or a registered model.
        card: What is claimed of it.

    Raises RegistryError.
    """
    subject = subject_of(engine, source, card, options)
    number = answer_of(engine, partial(registered_number, digest=subject.fingerprint.digest))
    if number is None:
        verdict = identify(engine, subject.fingerprint).verdict
    else:
        subject = replace(subject, number=number)
        name = answer_of(engine, partial(models.names_of_numbers, ids=[number])).pop()
        verdict = answer_of(engine, partial(kept_verdict, name=name)).verdict
    checked_claims = answer_of(engine, partial(claims_of, subject=subject, verdict=verdict))
    borne_out = tuple(confirmed(engine, subject, claim) for claim in checked_claims)
    return CheckedCard(subject.name, verdict, borne_out)


def subject_of(engine: Engine, source: Named, card: CardClaims, options: Options) -> Subject:
    """Return the model that a card is about; its weights are read unless it is registered."""
    model = answer_of(engine, lambda session: resolve(session, source))
    if model.fingerprint is not None:
        return Subject(model.name, comparable_fingerprint(model, {}), card.claims)
    measuring: Options = {"rank": RANKS[0], **options}
    checkpoint, fingerprint = read(model.source or model.given, **measuring)
    beside = [claim for claim in checkpoint.claims if claim.made_by is not Claimant.CARD]
    stated = [claim for claim in beside if claim.claim in CHECKED]
    return Subject(checkpoint.name, fingerprint, tuple(dict.fromkeys([*card.claims, *stated])))


def registered_number(session: Session, digest: str) -> int | None:
    """Return the number of the registered model with these weights, that is compared and judged."""
    model = models.of_digest(session, digest)
    is_judged = model is not None and model.verdict is not None
    is_current = model is not None and model.fingerprint_version == VERSION
    return model.id if model is not None and is_judged and is_current else None


def claims_of(session: Session, subject: Subject, verdict: Verdict) -> list[CheckedClaim]:
    """Return claims beside the tree, in which an unregistered model is placed by its verdict."""
    values = [claim.value for claim in subject.claims if claim.claim is Claimed.BASE_MODEL]
    meant = claims.meanings(session, values)
    numbers = {number for meaning in meant.values() for number in meaning.numbers}
    named = {name: models.find(session, name).id for name in known_names(session, verdict)}
    around = sorted({*numbers, *named.values(), subject.number} - {UNREGISTERED})
    lines = claims.lines_around(session, around)
    if subject.number == UNREGISTERED:
        own = lines_of_verdict(verdict, named, numbers)
        lines = FamilyLines.of([*lines.edges, *own])
    for edge in lines.edges:
        numbers |= {edge.child, edge.parent}
    judged = claims.judged_models(session, {*numbers, *around} - {UNREGISTERED})
    if subject.number == UNREGISTERED:
        judged[UNREGISTERED] = judged_by(subject, verdict)
    known = Known(judged, lines, meant)
    return [checked(stored(claim, subject), known) for claim in subject.claims]


def known_names(session: Session, verdict: Verdict) -> set[str]:
    """Return the names in a verdict of models that are registered."""
    names = {*named_by(verdict), *(one.model for one in verdict.relatives if one.tied)}
    if verdict.direction is not None and verdict.direction.origin is not None:
        names.add(verdict.direction.origin)
    return models.registered_names(session, names)


def lines_of_verdict(
    verdict: Verdict, named: Mapping[str, int], claimed: Collection[int]
) -> Iterator[ParentLine]:
    """Yield the edges that a verdict on an unregistered model draws.

    Of relatives that fit as well as each other those count that are claimed to be the base.

    Args:
        named: Numbers of the models that the verdict names.
        claimed: Numbers of those that are claimed.
    """
    names = [name for name in named_by(verdict) if name in named]
    tied = [one.model for one in verdict.relatives if one.tied and one.model in named]
    if len(names) == 1 and named[names[0]] not in claimed:
        names = [name for name in tied if named[name] in claimed] or names
    for name in names:
        descent = descent_from(verdict, name)
        relation = verdict.verdict
        if descent is Descent.PARENT:
            yield ParentLine(named[name], UNREGISTERED, relation)
        elif descent is Descent.SIBLING:
            origin = verdict.direction.origin if verdict.direction else None
            if origin is not None and origin in named:
                yield ParentLine(UNREGISTERED, named[origin], Relation.DERIVED)
        else:
            yield ParentLine(UNREGISTERED, named[name], relation, main=name == names[0])


def judged_by(subject: Subject, verdict: Verdict) -> Judged:
    """Return an unregistered model as far as claims about it are checked."""
    kinds = {change.kind for change in verdict.changes}
    return Judged(
        number=UNREGISTERED,
        name=subject.name,
        kind=subject.fingerprint.kind,
        version=subject.fingerprint.version,
        architecture=subject.fingerprint.architecture,
        relation=verdict.verdict,
        merged=ChangeKind.MERGED in kinds,
        quantised=ChangeKind.QUANTISED in kinds,
    )


def stored(claim: Claim, subject: Subject) -> StoredClaim:
    """Return a claim as those of registered models are kept."""
    return StoredClaim(
        number=subject.number,
        model=subject.name,
        source=None,
        claim=str(claim.claim),
        value=claim.value,
        made_by=str(claim.made_by),
        seen_at=datetime.now(UTC),
        withdrawn=False,
    )


def confirmed(engine: Engine, subject: Subject, claim: CheckedClaim) -> CheckedClaim:
    """Return a claim as it is, or undecided where the pair alone does not bear out the finding.

    That no edge leads to a base may be for want of evidence.
    """
    if subject.number == UNREGISTERED and claim.finding is Finding.NOT_JUDGED:
        return replace(claim, finding=Finding.POSSIBLE)
    if claim.finding not in UNRELATED or claim.registered is None:
        return claim
    base = answer_of(engine, partial(resolve, named=claim.registered))
    verdict = verify(engine, subject.fingerprint, base)
    is_borne_out = claim_outcome(verdict) is Outcome.CONTRADICTED
    return claim if is_borne_out else replace(claim, finding=Finding.UNDECIDED)
