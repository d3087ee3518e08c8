"""English for what is found of claims. Pure."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from registry.lineage.claim_check import Finding, Outcome

if TYPE_CHECKING:
    from registry.workflows.claims import CheckedClaim

ROOT = "comes from no registered model"


def comes_from(checked: "CheckedClaim") -> str:
    """Return what a model comes from, and what that comes from in the end."""
    if checked.parent is None:
        return ROOT
    if checked.root == checked.parent:
        return f"comes from {checked.parent}"
    return f"comes from {checked.parent}, in the end from {checked.root}"


def no_relation(checked: "CheckedClaim") -> str:
    """Return that a model comes from no registered one, and the verdict on it."""
    relation = relation_of(checked)
    return f"no relation to {checked.registered}; among all models the verdict is {relation}"


def relation_of(checked: "CheckedClaim") -> str:
    """Return the relation that the verdict on a model names."""
    return str(checked.relation) if checked.relation else "missing"


SENTENCES: dict[Finding, str | Callable[["CheckedClaim"], str]] = {
    Finding.SAME_WEIGHTS: "same weights as {registered}",
    Finding.ANCESTOR: comes_from,
    Finding.QUANTISED_ANCESTOR: "{comes_from}; {registered} is a quantised copy of an ancestor",
    Finding.DESCENDANT: "the other way round: {registered} comes from it",
    Finding.RELATIVE: "{comes_from}; {registered} is another relative",
    Finding.OTHER_ROOT: "{comes_from}, not from {registered}",
    Finding.NO_RELATION: no_relation,
    Finding.SHOWN: "{relation}",
    Finding.OTHER_RELATION: "{relation}",
    Finding.POSSIBLE: "{relation}; more is not shown",
    Finding.ROOT_ALIKE: "{root}, which it comes from, calls itself {root_architecture}",
    Finding.ROOT_DIFFERS: "{root}, which it comes from, calls itself {root_architecture}",
    Finding.NOT_REGISTERED: "not registered",
    Finding.AMBIGUOUS: "several registered models are called so",
    Finding.NOT_COMPARED: "{registered} is not compared with it",
    Finding.NOT_JUDGED: "no verdict yet; run registry rejudge",
    Finding.UNDECIDED: "whether it comes from {registered} is not decided",
    Finding.NO_ROOT: "no other model to tell by",
    Finding.STATED: "weights do not show this",
}
"""What the weights show of a claim; fields are those of CheckedClaim."""


def shown(checked: "CheckedClaim") -> str:
    """Return what the weights show of a claim, as a part of a sentence."""
    sentence = SENTENCES[checked.finding]
    if not isinstance(sentence, str):
        return sentence(checked)
    return sentence.format(
        comes_from=comes_from(checked),
        registered=checked.registered,
        relation=relation_of(checked),
        root=checked.root,
        root_architecture=checked.root_architecture,
    )


def value_of(checked: "CheckedClaim") -> str:
    """Return what is claimed, with the registered model that is taken for it if it is another."""
    value = checked.claim.value
    if checked.by_last_part:
        value += f" (taken for {checked.registered})"
    if checked.claim.withdrawn:
        value += " (withdrawn)"
    return value


CARD_HEADLINES = {
    Outcome.CONSISTENT: "{card} agrees with the weights",
    Outcome.CONTRADICTED: "{card} is contradicted by the weights",
    Outcome.UNDECIDABLE: "{card} claims nothing that the weights decide",
}


def card_headline(outcome: Outcome, card: str) -> str:
    """Return whether a card and the weights agree."""
    return CARD_HEADLINES[outcome].format(card=card)
