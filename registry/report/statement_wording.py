"""English for statements that other tools read: a part of wording.py. Pure."""

from typing import TYPE_CHECKING

from registry.lineage.claim_check import ADAPTER
from registry.lineage.standing import Basis
from registry.lineage.verdict import PREPOSITIONS, Relation, Verdict
from registry.report.change_wording import change_sentence
from registry.report.wording import headline, significance

if TYPE_CHECKING:
    from registry.workflows.account import Account
    from registry.workflows.account_lines import Kin

NO_BASE = "no base is known of which the card could tell"
NO_FILES = "no file of these weights lies on this machine, so none is stated"
CARD_AGREES = "{path} says so already"
CARD_WRITTEN = "wrote {path}"
DESCENDANTS = {
    Basis.SHOWN: "{name}: the weights show that it was made from this model",
    Basis.CLAIMED: "{name}: that it was made from this model is claimed, not shown",
    Basis.PRESUMED: "{name}: which of the two came first is not shown",
}
ADAPTERS = {
    Basis.SHOWN: "trained on {name} or on a relative of it",
    Basis.CLAIMED: "that it was trained on {name} and on no relative of it is claimed, not shown",
    Basis.PRESUMED: "it fits {name} as well",
}
DIRECTIONS = {
    Basis.SHOWN: "the weights show that {name} came first",
    Basis.CLAIMED: "that {name} came first is claimed, not shown",
    Basis.PRESUMED: "which of the two came first is not shown",
}


def statement_headline(account: "Account") -> str:
    """Return in a line what a model comes from, or what else is known of its relatives."""
    lines = account.lines
    if lines.ancestors:
        told = " and ".join(kin.name for kin in lines.ancestors)
        relation = lines.ancestors[0].relation
        return f"{account.name}: {relation} {PREPOSITIONS[relation]} {told}"
    if lines.descendants:
        return f"{account.name}: related to {lines.descendants[0].name}, which came later"
    if lines.variants:
        return f"{account.name}: related to {lines.variants[0].name}; which came first is open"
    return f"{account.name}: {headline(account.verdict)}"


def statement_notes(account: "Account") -> tuple[str, ...]:
    """Return what was done to the weights, how sure that is, and on what each relative rests."""
    sure = significance(account.verdict)
    notes = [sure] if sure else []
    lines = account.lines
    notes += [kin_sentence(kin, account.kind) for kin in (*lines.ancestors, *lines.variants)]
    notes += [DESCENDANTS[kin.basis].format(name=kin.name) for kin in lines.descendants]
    if account.verdict.verdict is Relation.UNKNOWN:
        notes.append("that no relative is named does not show that there is none")
    return tuple(notes)


def kin_sentence(kin: "Kin", kind: str) -> str:
    """Return how a model is related to another, and what tells which came first."""
    parts = [f"{kin.name}: {kin.relation}"]
    parts += [change_sentence(change) for change in kin.changes]
    parts.append(told_by(kin, kind))
    return "; ".join(parts)


def told_by(kin: "Kin", kind: str) -> str:
    """Return what tells which of two came first; of an adapter, which of some is its base."""
    sentences = ADAPTERS if kind == ADAPTER else DIRECTIONS
    return sentences[kin.basis].format(name=kin.name)


def beside_base(account: "Account") -> str:
    """Return the comment beside the base of a card; nothing where the weights show all of it."""
    parents = account.lines.parents
    left_open = [kin for kin in parents if kin.basis is not Basis.SHOWN]
    if not left_open:
        return ""
    return f"{weights_say(account.verdict)}; {told_by(left_open[0], account.kind)}"


def weights_say(verdict: Verdict) -> str:
    """Return how sure it is that a model is related to its base, if the weights show it at all."""
    if verdict.verdict is Relation.UNKNOWN:
        return "not shown by the weights"
    sure = significance(verdict)
    return f"related by the weights ({sure})" if sure else "related by the weights"
