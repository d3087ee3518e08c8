"""English for statements that other tools read: a part of wording.py. Pure."""

from typing import TYPE_CHECKING

from registry.lineage.standing import Basis
from registry.lineage.verdict import Relation
from registry.report.change_wording import change_sentence
from registry.report.wording import headline, significance, verdict_lines

if TYPE_CHECKING:
    from registry.workflows.account import Account
    from registry.workflows.account_lines import Kin

NO_BASE = "no base is known of which the card could tell"
CARD_AGREES = "{path} says so already"
CARD_WRITTEN = "wrote {path}"
DIRECTIONS = {
    Basis.SHOWN: "the weights show that {name} came first",
    Basis.CLAIMED: "that {name} came first is claimed, not shown",
    Basis.PRESUMED: "which of the two came first is not shown",
}


def statement_headline(account: "Account") -> str:
    """Return the verdict in a line, with the name of the model."""
    return f"{account.name}: {headline(account.verdict)}"


def statement_notes(account: "Account") -> tuple[str, ...]:
    """Return what was done to the weights, how sure that is, and on what each relative rests."""
    notes = list(verdict_lines(account.verdict))
    lines = account.lines
    notes += [kin_sentence(kin) for kin in (*lines.ancestors, *lines.variants)]
    if account.verdict.verdict is Relation.UNKNOWN:
        notes.append("that no relative is named does not show that there is none")
    return tuple(notes)


def kin_sentence(kin: "Kin") -> str:
    """Return how a model is related to another, and what tells which came first."""
    parts = [f"{kin.name}: {kin.relation}"]
    parts += [change_sentence(change) for change in kin.changes]
    parts.append(DIRECTIONS[kin.basis].format(name=kin.name))
    return "; ".join(parts)


def beside_base(account: "Account") -> str:
    """Return the comment beside the base of a card; nothing where the weights show all of it."""
    parents = account.lines.parents
    if not parents or all(kin.basis is Basis.SHOWN for kin in parents):
        return ""
    open_ones = [kin for kin in parents if kin.basis is not Basis.SHOWN]
    sure = significance(account.verdict)
    words = f"by the weights related ({sure})" if sure else "by the weights related"
    direction = DIRECTIONS[open_ones[0].basis].format(name=open_ones[0].name)
    return f"{words}; {direction}"
