"""What a model's card should say of its base, and how the card is to be changed for that."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from registry.lineage.verdict import Change, ChangeKind, Relation
from registry.statements.front_matter import FENCE, block_lines, edited
from registry.workflows.account import Account
from registry.workflows.account_lines import Kin

BASE, RELATION = "base_model", "base_model_relation"
ADAPTER, FINETUNE, MERGE, QUANTIZED = "adapter", "finetune", "merge", "quantized"
OF_RELATION = {Relation.QUANTISED_COPY: QUANTIZED, Relation.DERIVED: FINETUNE}
NO_LINE_END = "\\ No newline at end of file\n"
Keys = dict[str, "str | tuple[str, ...]"]


@dataclass(frozen=True)
class CardEdit:
    """A card as it stands and as it should be.

    Attributes:
        path: Where it stands.
        before, after: Its text.
    """

    path: str
    before: str
    after: str

    @property
    def changed(self) -> bool:
        """Whether anything is to be done."""
        return self.before != self.after

    @property
    def diff(self) -> str:
        """The change as `diff -u` and `patch` have it; nothing where there is none."""
        return "".join(self.diff_lines())

    def diff_lines(self) -> Iterator[str]:
        """Yield the lines of the change, each with its end."""
        before, after = lines_of(self.before), lines_of(self.after)
        for line in difflib.unified_diff(before, after, self.path, self.path):
            yield line if line.endswith("\n") else f"{line}\n{NO_LINE_END}"


def lines_of(text: str) -> list[str]:
    """Return the lines of a text as `patch` counts them: they end with a line feed alone."""
    lines = text.split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def keys_of(account: Account) -> Keys:
    """Return what the head of a model's card should say of its base; nothing where none is known.

    A base is called as the card calls it, else by its hub id, else by its name here.
    """
    parents = account.lines.parents
    if not parents:
        return {}
    names = tuple(dict.fromkeys(called(kin, account) for kin in parents))
    keys: Keys = {BASE: names[0] if len(names) == 1 else names}
    relation = relation_of(account, parents)
    if relation is not None:
        keys[RELATION] = relation
    return keys


def called(kin: Kin, account: Account) -> str:
    """Return what a card calls a base."""
    hub_id = kin.place.hub_id if kin.place is not None else None
    return account.called.get(kin.name) or hub_id or kin.name


def relation_of(account: Account, parents: tuple[Kin, ...]) -> str | None:
    """Return how a model was made from its bases, in the hub's words; None of equal weights."""
    changes: tuple[Change, ...] = parents[0].changes
    kinds = {change.kind for change in changes}
    if account.kind == ADAPTER:
        return ADAPTER
    if len(parents) > 1 or ChangeKind.MERGED in kinds:
        return MERGE
    if ChangeKind.QUANTISED in kinds:
        return QUANTIZED
    return OF_RELATION.get(parents[0].relation)


def front_matter(account: Account, note: str) -> str:
    """Return the head of a card that says nothing else; nothing where no base is known."""
    blocks = block_lines(keys_of(account), note, "\n")
    if not blocks:
        return ""
    lines = [line for block in blocks.values() for line in block]
    return "".join([f"{FENCE}\n", *lines, f"{FENCE}\n"])


def card_edit(account: Account, note: str, path: str, text: str) -> CardEdit:
    """Return how a card is to be changed; not at all where no base is known.

    What the card claims of a base that the registry does not know stays.

    Args:
        note: A comment beside the base.
        path: Where the card stands.
        text: What it holds.

    Raises CardNotEditable.
    """
    keys = keys_of(account)
    after = edited(text, keys, note, path) if keys else text
    return CardEdit(path, text, after)
