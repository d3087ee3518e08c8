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

    Attributes:
        name: What the plain tensor would be called.
        scheme: How it is stored, as errors call it.
        parts: Its entries by the suffixes of their names.
        settings: What the checkpoint's config states of its quantisation.
    """

    name: str
    scheme: str
    parts: Mapping[str, Entry]
    settings: Mapping[str, Any]

    def need(self, fact: bool, reason: str) -> None:
        """Check a fact.

        Raises:
            BrokenQuantisation: With the reason, where the fact does not hold.
        """
        if not fact:
            raise self.broken(reason)

    def broken(self, reason: str) -> BrokenQuantisation:
        """Return the error for parts that do not go together."""
        return BrokenQuantisation(tensor=self.name, scheme=self.scheme, reason=reason)

    def shape(self, part: str, rank: int) -> tuple[int, ...]:
        """Return the shape of a part.

        Raises:
            BrokenQuantisation: Where it does not have `rank` dimensions, or one of them is empty.
        """
        shape = self.parts[part].shape
        is_full = len(shape) == rank and 0 not in shape
        self.need(is_full, f"{part[1:]!r} has the shape {list(shape)}")
        return shape

    def read(self, part: str) -> "Tensor":
        """Read one part."""
        return self.parts[part].load()

    def scales(self, part: str, zero: bool = False) -> "Tensor":
        """Read a part that multiplies weights, in the type that the products will have.

        Args:
            part: Its suffix.
            zero: Whether it may hold zeros.

        Raises:
            BrokenQuantisation: Where it holds NaN, infinity, or zeros that it may not hold.
        """
        numbers = self.read(part).to(self.dtype(part).torch)
        self.need(bool(numbers.isfinite().all()), f"{part[1:]!r} holds NaN or infinity")
        self.need(zero or bool((numbers != 0).all()), f"{part[1:]!r} holds zero")
        return numbers

    def dtype(self, part: str) -> DType:
        """Return the type of the products with these scales: their own, or float32.

        It is float32 where their own is none to compute in.
        """
        stored = self.parts[part].dtype
        return stored if stored in PLAIN else F32

    def stated(self, key: str) -> list[Any]:
        """Return what the settings state under a key.

        It may stand at their top, and among the weights of each of compressed-tensors' config
        groups.
        """
        places: list[Any] = [self.settings]
        config_groups = self.settings.get("config_groups")
        if isinstance(config_groups, dict):
            named = [group for group in config_groups.values() if isinstance(group, dict)]
            places += [group.get("weights") for group in named]
        return [place[key] for place in places if isinstance(place, Mapping) and key in place]

    def entry(
        self, shape: tuple[int, ...], dtype: DType, stored: str, read: Callable[[], "Tensor"]
    ) -> Entry:
        """Return the plain tensor that stands for the group."""
        return Entry(self.name, dtype, shape, read, stored)

    def group_index(self, inputs: int, groups: int, part: str) -> "Tensor":
        """Return the group of every input.

        It is as `part` lists them, else in order, as many in each as the config states. A list of
        nothing but 0 or -1 is one that was never filled in.

        Args:
            inputs: Of the weight.
            groups: How many groups there are.
            part: The suffix of the part that may list them.

        Raises:
            BrokenQuantisation: Where the list or the sizes do not fit.
        """
        if part in self.parts:
            has_all = self.parts[part].shape == (inputs,)
            self.need(has_all, f"{part[1:]!r} does not have one number for each input")
            listed = self.read(part).long()
            lowest, highest = int(listed.min()), int(listed.max())
            is_filled_in = lowest != highest or highest > 0
            if is_filled_in:
                self.need(lowest >= 0 and highest < groups, f"{part[1:]!r} names a missing group")
                return listed
        return numbered(inputs, self.group_size(inputs, groups))

    def group_size(self, inputs: int, groups: int) -> int:
        """Return the inputs of each group but the last, which may be smaller.

        Raises:
            BrokenQuantisation: Where no size gives so many groups.
        """
        for size in (*self.stated("group_size"), math.ceil(inputs / groups)):
            if type(size) is int and size > 0 and math.ceil(inputs / size) == groups:
                return size
        raise self.broken(f"{inputs} inputs do not fall into {groups} groups")
