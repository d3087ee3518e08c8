"""The parts that make up one quantised tensor, and the questions that every scheme asks of them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.checkpoints.dtypes import BF16, F16, F32, DType
from registry.checkpoints.quantised.bits import numbered
from registry.checkpoints.tensors import Entry
from registry.errors import BrokenQuantisation

if TYPE_CHECKING:
    from torch import Tensor

PLAIN = (F32, F16, BF16)


@dataclass(frozen=True)
class Group:
    """One quantised tensor.

    name: what the plain tensor would be called. parts: its entries by the suffixes of their names.
    settings: what the checkpoint's config says of its quantisation.
    """

    name: str
    scheme: str
    parts: Mapping[str, Entry]
    settings: Mapping[str, Any]

    def need(self, fact: bool, reason: str) -> None:
        """Raises BrokenQuantisation, with the reason, where a fact does not hold."""
        if not fact:
            raise BrokenQuantisation(tensor=self.name, scheme=self.scheme, reason=reason)

    def shape(self, part: str, rank: int) -> tuple[int, ...]:
        """The shape of a part, which must have `rank` dimensions, none of them empty."""
        shape = self.parts[part].shape
        self.need(
            len(shape) == rank and 0 not in shape, f"{part[1:]!r} has the shape {list(shape)}"
        )
        return shape

    def read(self, part: str) -> "Tensor":
        """One part, in memory."""
        return self.parts[part].load()

    def scales(self, part: str, zero: bool = False) -> "Tensor":
        """A part that multiplies weights, in the type that the products will have. Only `zero` lets it hold zeros."""
        numbers = self.read(part).to(self.dtype(part).torch)
        self.need(bool(numbers.isfinite().all()), f"{part[1:]!r} holds NaN or infinity")
        self.need(zero or bool((numbers != 0).all()), f"{part[1:]!r} holds zero")
        return numbers

    def dtype(self, part: str) -> DType:
        """The type of the products with these scales: their own, or float32 where that is none to compute in."""
        own = self.parts[part].dtype
        return own if own in PLAIN else F32

    def told(self, key: str) -> list[Any]:
        """What the settings say under a key, at their top or for the weights of one of compressed-tensors' groups."""
        groups = self.settings.get("config_groups")
        weights = (
            [g.get("weights") for g in groups.values() if isinstance(g, dict)]
            if isinstance(groups, dict)
            else []
        )
        return [
            place[key]
            for place in (self.settings, *weights)
            if isinstance(place, Mapping) and key in place
        ]

    def entry(
        self, shape: tuple[int, ...], dtype: DType, stored: str, read: Callable[[], "Tensor"]
    ) -> Entry:
        """The plain tensor that stands for the group."""
        return Entry(self.name, dtype, shape, read, stored)

    def group_index(self, inputs: int, groups: int, part: str) -> "Tensor":
        """The group of every input: as `part` lists them, else in order, as many in each as the config says.

        A list of nothing but 0 or -1 is one that was never filled in.
        """
        if part in self.parts:
            self.need(
                self.parts[part].shape == (inputs,),
                f"{part[1:]!r} does not have one number for each input",
            )
            listed = self.read(part).long()
            lowest, highest = int(listed.min()), int(listed.max())
            if not lowest == highest <= 0:
                self.need(lowest >= 0 and highest < groups, f"{part[1:]!r} names a missing group")
                return listed
        return numbered(inputs, self.group_size(inputs, groups))

    def group_size(self, inputs: int, groups: int) -> int:
        """Inputs of each group but the last, which may be smaller."""
        for size in (*self.told("group_size"), math.ceil(inputs / groups)):
            if type(size) is int and size > 0 and math.ceil(inputs / size) == groups:
                return size
        raise BrokenQuantisation(
            tensor=self.name,
            scheme=self.scheme,
            reason=f"{inputs} inputs do not fall into {groups} groups",
        )
