"""Whether two models hold the same weights, as their digests tell."""

from collections.abc import Mapping
from typing import Protocol


class Digested(Protocol):
    """A model of which the digests are known."""

    @property
    def digest(self) -> str:
        """As a Fingerprint has it."""

    @property
    def cast_digest(self) -> str | None:
        """As a Fingerprint has it."""

    @property
    def by_name(self) -> Mapping[str, str]:
        """Digests of the tensors outside the projections, in bf16."""


def equal_weights(one: Digested, other: Digested) -> bool:
    """Return whether two models are equal, or are once they are cast to bf16."""
    in_bf16 = one.cast_digest or one.digest, other.cast_digest or other.digest
    equal = one.digest == other.digest or in_bf16[0] == in_bf16[1]
    return equal and not names_exchanged(one, other)


def names_exchanged(one: Digested, other: Digested) -> bool:
    """Return whether tensors of the same names have exchanged their values.

    Digests of whole models do not know names, that other software writes otherwise.
    """
    return one.by_name.keys() == other.by_name.keys() and one.by_name != other.by_name
