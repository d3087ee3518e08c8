"""What is claimed of a model set against what its weights show: tables, and no sentences.

registry/report/claim_wording.py makes English of the findings.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from registry.lineage.architecture_types import type_of
from registry.lineage.family_lines import FamilyLines
from registry.lineage.verdict import RELATED, Relation


class ClaimOutcome(StrEnum):
    """Whether weights bear a claim out."""

    CONTRADICTED = "contradicted"
    BORNE_OUT = "borne out"
    UNCHECKED = "unchecked"


class Outcome(StrEnum):
    """What becomes of the claim that one comes from the other."""

    CONSISTENT = "consistent"
    CONTRADICTED = "contradicted"
    UNDECIDABLE = "undecidable"


class Finding(StrEnum):
    """What the registry shows of a claim."""

    # of a base
    SAME_WEIGHTS = "same weights"
    """The model has the base's weights."""
    ANCESTOR = "ancestor"
    """The model comes from the base, or from a model of the same weights."""
    QUANTISED_ANCESTOR = "quantised ancestor"
    """The model comes from what the base is a quantised copy of."""
    DESCENDANT = "descendant"
    """The base comes from the model."""
    RELATIVE = "relative"
    """Both come from one model, and neither from the other."""
    OTHER_ROOT = "other root"
    """The model comes from another one, which has nothing to do with the base."""
    NO_RELATION = "no relation"
    """The model comes from no registered one."""
    # of a base, or of a relation
    POSSIBLE = "possible"
    """They show no more than that there is a relation."""
    # of a relation
    SHOWN = "shown"
    """Weights show what is claimed."""
    OTHER_RELATION = "other relation"
    """They show another one."""
    # of an architecture
    ROOT_ALIKE = "root alike"
    """The root of the tree calls itself so, too."""
    ROOT_DIFFERS = "root differs"
    """It calls itself otherwise."""
    # why nothing is found
    NOT_REGISTERED = "not registered"
    """No registered model bears the name."""
    AMBIGUOUS = "ambiguous"
    """Several do, by the last part of their names."""
    NOT_COMPARED = "not compared"
    """The two are of different kinds, or of fingerprint versions that are not compared."""
    NOT_JUDGED = "not judged"
    """No verdict was stored with the model, or one that the tree does not follow yet."""
    UNDECIDED = "undecided"
    """The evidence is too little to show a relation, or that there is none."""
    NO_ROOT = "no root"
    """The model comes from no registered one that could tell."""
    STATED = "stated"
    """Weights do not show such things."""


OUTCOMES = {
    Finding.SAME_WEIGHTS: ClaimOutcome.BORNE_OUT,
    Finding.ANCESTOR: ClaimOutcome.BORNE_OUT,
    Finding.QUANTISED_ANCESTOR: ClaimOutcome.BORNE_OUT,
    Finding.DESCENDANT: ClaimOutcome.CONTRADICTED,
    Finding.RELATIVE: ClaimOutcome.CONTRADICTED,
    Finding.OTHER_ROOT: ClaimOutcome.CONTRADICTED,
    Finding.NO_RELATION: ClaimOutcome.CONTRADICTED,
    Finding.SHOWN: ClaimOutcome.BORNE_OUT,
    Finding.OTHER_RELATION: ClaimOutcome.CONTRADICTED,
    Finding.POSSIBLE: ClaimOutcome.UNCHECKED,
    Finding.ROOT_ALIKE: ClaimOutcome.BORNE_OUT,
    Finding.ROOT_DIFFERS: ClaimOutcome.CONTRADICTED,
    Finding.NOT_REGISTERED: ClaimOutcome.UNCHECKED,
    Finding.AMBIGUOUS: ClaimOutcome.UNCHECKED,
    Finding.NOT_COMPARED: ClaimOutcome.UNCHECKED,
    Finding.NOT_JUDGED: ClaimOutcome.UNCHECKED,
    Finding.UNDECIDED: ClaimOutcome.UNCHECKED,
    Finding.NO_ROOT: ClaimOutcome.UNCHECKED,
    Finding.STATED: ClaimOutcome.UNCHECKED,
}
"""A sibling or descendant of a model is not its base, whatever else they share."""

ADAPTER, FINETUNE, MERGE, QUANTIZED = "adapter", "finetune", "merge", "quantized"
WORDS = frozenset({ADAPTER, FINETUNE, MERGE, QUANTIZED})
"""Relations in the hub's words."""

SHOWN = {
    Relation.SAME_WEIGHTS: frozenset[str](),
    Relation.QUANTISED_COPY: frozenset({QUANTIZED}),
    Relation.DERIVED: frozenset({FINETUNE}),
}
"""The hub's words for what a verdict says; a copy is none of them."""

POSSIBLE = {
    Relation.SAME_WEIGHTS: frozenset[str](),
    Relation.QUANTISED_COPY: frozenset[str](),
    Relation.DERIVED: frozenset({ADAPTER, MERGE}),  # merged in; of parents that are not registered
}
"""Words that a verdict leaves open."""


@dataclass(frozen=True)
class Judged:
    """A registered model, as far as claims about it are checked.

    Attributes:
        kind: `model` or `adapter`.
        version: Of its fingerprint.
        architecture: What it calls itself.
        relation: Of the verdict on it; None where there is none.
        merged: Whether it has several parents, as far as weights show.
        quantised: Whether quantisation is among its changes.
        due: Whether it is to be judged again.
    """

    number: int
    name: str
    kind: str
    version: int
    architecture: str
    relation: Relation | None
    merged: bool = False
    quantised: bool = False
    due: bool = False

    @property
    def is_judged(self) -> bool:
        """Whether the verdict on it holds among the models that are registered now."""
        return self.relation is not None and not self.due


def check_base(model: Judged, bases: Iterable[Judged], lines: FamilyLines) -> Finding:
    """Return what is found of the claim that a model comes from a base.

    Args:
        bases: The registered models that the claim may mean: none, one, or several, of which
            nobody can tell which is meant.
    """
    meant = list(bases)
    if len(meant) != 1:
        return Finding.AMBIGUOUS if meant else Finding.NOT_REGISTERED
    base = meant[0]
    if base.number in lines.copies(model.number):
        return Finding.SAME_WEIGHTS
    return finding_of_lines(model, base, lines)


def finding_of_lines(model: Judged, base: Judged, lines: FamilyLines) -> Finding:
    """Return where a claimed base of other weights stands: of all that hold, the first counts.

    An adapter fits the relatives of its base nearly as well.
    """
    ancestors = lines.ancestors(model.number)
    is_relative = base.number in lines.relatives(model.number)
    is_of_another_kind = model.kind != base.kind
    standings = (
        (Finding.ANCESTOR, base.number in ancestors),
        (Finding.QUANTISED_ANCESTOR, base.number in lines.quantised_ancestors(model.number)),
        (Finding.NOT_COMPARED, model.version != base.version),
        (Finding.NOT_COMPARED, is_of_another_kind and not ancestors),
        (Finding.NOT_JUDGED, not model.is_judged or is_missing(model, lines)),
        (Finding.POSSIBLE, is_of_another_kind and is_relative),
        (Finding.DESCENDANT, model.number in lines.ancestors(base.number)),
        (Finding.RELATIVE, is_relative),
        (Finding.OTHER_ROOT, bool(ancestors)),
        (Finding.NO_RELATION, True),
    )
    return next(finding for finding, holds in standings if holds)


def is_missing(model: Judged, lines: FamilyLines) -> bool:
    """Return whether a model is related to another one, and the tree does not show to which."""
    is_alone = lines.relatives(model.number) == {model.number}
    return model.relation in RELATED and is_alone


def check_relation(model: Judged, word: str) -> Finding:
    """Return what is found of the claim that a model was made from its base in some way."""
    claimed = word.casefold()
    if claimed not in WORDS:
        return Finding.STATED
    if model.kind == ADAPTER:
        return Finding.SHOWN if claimed == ADAPTER else Finding.POSSIBLE
    if not model.is_judged or model.relation not in SHOWN:
        return Finding.NOT_JUDGED
    if claimed in shown_of(model):
        return Finding.SHOWN
    is_open = claimed in POSSIBLE[model.relation] or (model.merged and claimed == FINETUNE)
    return Finding.POSSIBLE if is_open else Finding.OTHER_RELATION


def shown_of(model: Judged) -> frozenset[str]:
    """Return the hub's words for what weights show that was done to a model."""
    if model.relation not in SHOWN:
        return frozenset()
    words = frozenset({MERGE}) if model.merged else SHOWN[model.relation]
    return words | {QUANTIZED} if model.quantised else words


def check_architecture(model: Judged, value: str, root: Judged) -> Finding:
    """Return what is found of the claim that a model is of some build.

    Args:
        root: What the model comes from in the end; itself where that is no other.
    """
    claimed, registered = type_of(value), type_of(root.architecture)
    if root.number == model.number or not claimed or not registered:
        return Finding.NO_ROOT
    return Finding.ROOT_ALIKE if claimed == registered else Finding.ROOT_DIFFERS
