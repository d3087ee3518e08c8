"""What a tensor outside the seven projections does; tensor_groups.toml has the rules."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from registry.architectures.name_table import NUMBER
from registry.architectures.names import FORMS, form_of, tower_of
from registry.architectures.projection_tensors import Layout
from registry.checkpoints.suffixes import suffixes
from registry.data import load

OTHER = "other"
TOWER = "tower"
DEPTH = 4  # dotted parts of a rule's name at most


def rules() -> list[dict[str, Any]]:
    """Return the rules of tensor_groups.toml, in their order."""
    listed: list[dict[str, Any]] = load("registry.architectures", "tensor_groups.toml")["rules"]
    return listed


def groups() -> tuple[str, ...]:
    """Return all groups, in the order of their rules; `other` last."""
    names = dict.fromkeys(rule["group"] for rule in rules())
    return (*names, OTHER)


def group_of(name: str) -> str:
    """Return what a tensor does, by its name; `other` where nothing fits."""
    return group_of_form(form_of(name))


@lru_cache(FORMS)
def group_of_form(form: str) -> str:
    """Return the group of all names of one form, with # for every number."""
    if tower_of(form) is not None:
        return TOWER
    for rule in rules():
        if matches(rule, form):
            return str(rule["group"])
    return OTHER


def matches(rule: dict[str, Any], form: str) -> bool:
    """Return whether a rule's parts or names match a form."""
    for pattern in rule.get("parts", ()):
        for part in form.split("."):
            if fnmatchcase(part, pattern):
                return True
    endings = set(suffixes(form, DEPTH))
    return not endings.isdisjoint(rule.get("names", ()))


@dataclass(frozen=True)
class LayerNumbers:
    """Which layer of the fingerprint a tensor's name stands for.

    Attributes:
        by_prefix: Layers by what their tensors' names begin with, up to the first number.
        shifts: By what stands before that number, what is added to it where all layers agree.
    """

    by_prefix: dict[str, int]
    shifts: dict[str, int]

    @classmethod
    def of(cls, layout: Layout) -> "LayerNumbers":
        """Return the numbers of a checkpoint's layers, as its projections have them."""
        by_prefix = {}
        shifts: dict[str, set[int]] = {}
        for tensor in layout.projections:
            number = NUMBER.search(tensor.entry.name)
            if number is None:
                continue
            by_prefix[tensor.entry.name[: number.end()]] = tensor.layer
            stack = tensor.entry.name[: number.start()]
            shifts.setdefault(stack, set()).add(tensor.layer - int(number.group()))

        agreed = {stack: min(shift) for stack, shift in shifts.items() if len(shift) == 1}
        return cls(by_prefix, agreed)

    def layer_of(self, name: str) -> int | None:
        """Return the layer that a tensor belongs to, counted from 0; None outside the layers."""
        number = NUMBER.search(name)
        if number is None:
            return None
        prefix, stack = name[: number.end()], name[: number.start()]
        if prefix in self.by_prefix:
            return self.by_prefix[prefix]
        if stack in self.shifts:
            return int(number.group()) + self.shifts[stack]
        return None
