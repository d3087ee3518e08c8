"""The ledger of a source: every tensor of it, in exactly one line."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from registry.architectures.ledger_line import Fate, LedgerLine
from registry.architectures.names import form_of, look_up
from registry.architectures.projection_tensors import Layout, ProjectionTensor
from registry.architectures.tensor_groups import OTHER, TOWER, group_of, reason_of_group
from registry.checkpoints import Entry

BUFFER = "buffer"
DRAFT = "draft"
NAMES = 3  # of a line's tensors that are named
NO_RULE = "no rule knows its name"
NO_VALUES = "no values: one of the dimensions is 0"
NO_WEIGHTS = "counters, masks and rotations that the program computes"
PROJECTIONS = "one of the seven projections of a layer, or several in one tensor"
SECOND = "another decoder or encoder beside the language model"
ORDER = {fate: number for number, fate in enumerate(Fate)}


class Account(NamedTuple):
    """What a line of the ledger is kept by."""

    fate: Fate
    group: str
    reason: str


@dataclass
class Sums:
    """What a line adds up to, so far."""

    tensors: int = 0
    parameters: int = 0
    bytes: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        """Count one tensor."""
        self.tensors += 1
        self.parameters += entry.count
        self.bytes += entry.stored_bytes
        self.names.append(entry.name)


class Accounts:
    """The accounts of a source's tensors, by their names."""

    def __init__(self, layout: Layout) -> None:
        """Take a source's tensors as they were classified."""
        self.parts = {tensor.entry.name: parts_of(tensor) for tensor in layout.projections}
        self.others = {entry.name for entry in layout.others}
        self.ignored = {entry.name for entry in layout.ignored}
        self.empty = {entry.name for entry in layout.ignored if not entry.count}
        self.unknown = {entry.name for entry in layout.unknown}
        self.second = {entry.name for entry in layout.second}
        self.drafts = layout.drafts

    def of(self, name: str) -> Account:
        """Return the account of a tensor."""
        if name in self.ignored:
            reason = NO_VALUES if name in self.empty else reason_of(name) or NO_WEIGHTS
            return Account(Fate.IGNORED, BUFFER, reason)
        if name.startswith(self.drafts):
            return Account(Fate.COUNTED, DRAFT, reason_of_group(DRAFT))
        if name in self.unknown:
            return Account(Fate.UNKNOWN, group_of(name), NO_RULE)
        if name in self.second:
            return Account(Fate.COUNTED, TOWER, SECOND)
        if name in self.others:
            return account_of_other(name)
        group = self.parts.get(name) or parts_by_name(name)
        return Account(Fate.PROJECTION, group, PROJECTIONS)


def ledger(entries: Iterable[Entry], layout: Layout) -> tuple[LedgerLine, ...]:
    """Return the lines of a source's ledger: by fate, in each the largest first.

    Args:
        entries: All tensors of the source.
        layout: How they were classified.
    """
    accounts = Accounts(layout)
    lines: dict[Account, Sums] = {}
    for entry in entries:
        lines.setdefault(accounts.of(entry.name), Sums()).add(entry)
    records = [line_of(account, sums) for account, sums in lines.items()]
    return tuple(sorted(records, key=order))


def account_of_other(name: str) -> Account:
    """Return the account of a tensor outside the projections whose name some rule knows."""
    group = group_of(name)
    if group == OTHER:
        return Account(Fate.COUNTED, OTHER, reason_of(name) or NO_RULE)
    tower = look_up(form_of(name)).without_row
    if group == TOWER and tower.tower is not None:
        return Account(Fate.COUNTED, TOWER, tower.reason or reason_of_group(TOWER))
    return Account(Fate.COUNTED, group, reason_of_group(group))


def reason_of(name: str) -> str | None:
    """Return why projections.toml leaves a name out; None where it says nothing of it."""
    return look_up(form_of(name)).without_row.reason


def parts_of(tensor: ProjectionTensor) -> str:
    """Return the projections that a tensor holds, as one text: `query + key + value`."""
    return " + ".join(dict.fromkeys(tensor.parts))


def parts_by_name(name: str) -> str:
    """Return the projection of a head that was joined with others, by its name alone."""
    rows = look_up(form_of(name)).rows
    return " + ".join(rows[0].parts) if rows else OTHER


def line_of(account: Account, sums: Sums) -> LedgerLine:
    """Return a line as a record."""
    return LedgerLine(
        fate=account.fate.value,
        group=account.group,
        reason=account.reason,
        tensors=sums.tensors,
        parameters=sums.parameters,
        bytes=sums.bytes,
        names=tuple(sorted(sums.names)[:NAMES]),
    )


def order(line: LedgerLine) -> tuple[int, int, str, str]:
    """Return what lines are sorted by: fate, then size, then group."""
    return ORDER[Fate(line.fate)], -line.parameters, line.group, line.reason
