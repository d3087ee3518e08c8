"""The journey of claims: each is set against what the weights show, as the tree stands now."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from registry.checkpoints.claim import Claimed
from registry.database.lineage import claims
from registry.database.lineage.claims import Meant, StoredClaim
from registry.lineage.claim_check import (
    OUTCOMES,
    ClaimOutcome,
    Finding,
    Judged,
    check_architecture,
    check_base,
    check_relation,
)
from registry.lineage.family_lines import FamilyLines
from registry.lineage.verdict import Relation

OUTCOME_ORDER = list(ClaimOutcome)
CLAIM_ORDER = list(Claimed)


@dataclass(frozen=True)
class CheckedClaim:
    """A claim beside what the weights show.

    Attributes:
        claim: As it was made.
        finding: What is found of it; its outcome follows.
        registered: The registered model that a claimed base means; None for no or several, and for
            other claims.
        by_last_part: Whether that is told by the last part of its name alone.
        relation: Of the verdict on the model; None where there is none.
        parent: What it comes from, as the tree stands; None for a root.
        root: What it comes from in the end; None for a root.
        root_architecture: What that calls itself.
    """

    claim: StoredClaim
    finding: Finding
    registered: str | None
    by_last_part: bool
    relation: Relation | None
    parent: str | None
    root: str | None
    root_architecture: str | None

    @property
    def outcome(self) -> ClaimOutcome:
        """Whether weights bear the claim out."""
        return OUTCOMES[self.finding]


@dataclass(frozen=True)
class Known:
    """What claims are checked against: registered models by number, and the lines between them."""

    models: dict[int, Judged]
    lines: FamilyLines
    meanings: dict[str, Meant]

    def name(self, number: int | None) -> str | None:
        """Return the name of a model."""
        return None if number is None else self.models[number].name


def checked_claims(session: Session, name: str | None = None) -> list[CheckedClaim]:
    """Return all claims, or those about one model, each checked; contradictions come first.

    Raises ModelNotFound, ModelAmbiguous.
    """
    stored = claims.claims_of(session, name)
    values = [claim.value for claim in stored if claim.claim == Claimed.BASE_MODEL]
    meanings = claims.meanings(session, values)
    numbers = {claim.number for claim in stored}
    for meant in meanings.values():
        numbers.update(meant.numbers)
    lines = claims.lines_around(session, None if name is None else sorted(numbers))
    for edge in lines.edges:
        numbers |= {edge.child, edge.parent}
    models = claims.judged_models(session, None if name is None else numbers)
    known = Known(models, lines, meanings)
    return sorted((checked(claim, known) for claim in stored), key=place)


def place(checked: CheckedClaim) -> tuple[bool, int, int]:
    """Return what checked claims are sorted by: those that stand no more come last."""
    claim = checked.claim
    about = CLAIM_ORDER.index(Claimed(claim.claim))
    return claim.withdrawn, OUTCOME_ORDER.index(checked.outcome), about


def checked(claim: StoredClaim, known: Known) -> CheckedClaim:
    """Return a claim beside what the weights show."""
    model = known.models[claim.number]
    root = known.models[known.lines.root(model.number)]
    meant = meant_by(claim, known)
    bases = [known.models[number] for number in meant.numbers]
    if claim.claim == Claimed.BASE_MODEL:
        finding = check_base(model, bases, known.lines)
    elif claim.claim == Claimed.RELATION:
        finding = check_relation(model, claim.value)
    elif claim.claim == Claimed.ARCHITECTURE:
        finding = check_architecture(model, claim.value, root)
    else:
        finding = Finding.STATED
    has_parent = root.number != model.number
    return CheckedClaim(
        claim=claim,
        finding=finding,
        registered=bases[0].name if len(bases) == 1 else None,
        by_last_part=meant.by_last_part and len(bases) == 1,
        relation=model.relation,
        parent=known.name(known.lines.main_parent(model.number)),
        root=root.name if has_parent else None,
        root_architecture=root.architecture if has_parent else None,
    )


def meant_by(claim: StoredClaim, known: Known) -> Meant:
    """Return the models that a claimed base may mean: of the same last part, never itself."""
    if claim.claim != Claimed.BASE_MODEL:
        return Meant()
    meant = known.meanings[claim.value]
    if not meant.by_last_part:
        return meant
    others = tuple(number for number in meant.numbers if number != claim.number)
    return Meant(others, by_last_part=True)
