"""One line of a ledger: what became of some tensors of a source."""

from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """Where a tensor of a source ends; every tensor has exactly one."""

    PROJECTION = "projection"
    """In the seven vectors, whole or cut into its parts."""
    COUNTED = "counted"
    """Outside the vectors: in the digest, and compared by group."""
    IGNORED = "ignored"
    """In neither: a constant that the program computes."""
    UNKNOWN = "unknown"
    """In the digest alone: no rule knows what it does."""


@dataclass(frozen=True)
class LedgerLine:
    """The tensors of one fate, group and reason, together.

    Attributes:
        fate: One of the values of Fate.
        group: The projections that a tensor holds (`query`, `query + key + value`), else one of
            registry.architectures.tensor_groups.
        reason: Why tensors of this group end there.
        tensors: How many there are.
        parameters: Their elements, together.
        bytes: What these take where they are stored.
        names: A few of their names, the first in alphabetical order.
    """

    fate: str
    group: str
    reason: str
    tensors: int
    parameters: int
    bytes: int
    names: tuple[str, ...]
