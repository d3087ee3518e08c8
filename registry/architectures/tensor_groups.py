"""What a tensor outside the seven projections does; tensor_groups.toml has the rules."""

from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Any

from registry.architectures.names import FORMS, form_of, in_layer, tower_of
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


@cache
def reason_of_group(group: str) -> str:
    """Return what tensors of a group do."""
    return next(str(rule["why"]) for rule in rules() if rule["group"] == group)


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
    parts = form.split(".")
    for position, part in enumerate(parts):
        if matches_any(part, rule) and counts_at(rule, form, position):
            return True
    endings = set(suffixes(form, DEPTH))
    is_named = not endings.isdisjoint(rule.get("names", ()))
    return is_named and counts_at(rule, form, len(parts) - 1)


def matches_any(part: str, rule: dict[str, Any]) -> bool:
    """Return whether one part of a name matches any of a rule's."""
    return any(fnmatchcase(part, pattern) for pattern in rule.get("parts", ()))


def counts_at(rule: dict[str, Any], form: str, position: int) -> bool:
    """Return whether a rule counts for the part of a name there: some do not within a layer."""
    return not rule.get("outside") or not in_layer(form, position)
