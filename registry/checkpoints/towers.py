"""One of several models in a checkpoint, asked for as `SOURCE#path`: a tower, a second decoder."""

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.errors import NoSuchTower

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.checkpoints.tensors import Entry

PATH = re.compile(r"[\w.]+")


class Asked(NamedTuple):
    """What a user named, and which tower of it; None for the model itself."""

    source: str
    tower: str | None


def asked(source: str) -> Asked:
    """Take SOURCE#path apart; what exists under the whole name is named so."""
    plain, mark, tower = source.rpartition("#")
    if not mark or not plain or not PATH.fullmatch(tower):
        return Asked(source, None)
    if os.path.lexists(os.path.expanduser(source)):  # noqa: PTH111  # Path's raises for long texts
        return Asked(source, None)
    return Asked(plain, tower)


def entries_below(entries: "Sequence[Entry]", tower: str, source: str) -> "tuple[Entry, ...]":
    """Return the tensors below a path, by the rest of their names.

    Args:
        entries: All tensors of the checkpoint.
        tower: The whole path, or the last parts of it.
        source: Named in errors.

    Raises:
        NoSuchTower: Where no tensor stands there.
    """
    inside = []
    for entry in entries:
        before, mark, rest = f".{entry.name}".partition(f".{tower}.")
        if mark:
            inside.append((before, replace(entry, name=rest)))
    places = {before for before, _ in inside}
    if not places:
        raise NoSuchTower(source=source, tower=tower)
    shortest = min(places, key=len)
    return tuple(entry for before, entry in inside if before == shortest)


def config_of_tower(config: dict[str, Any], tower: str) -> dict[str, Any]:
    """Return what a config says of a tower: of `vision_tower` its vision_config, else all of it."""
    last = tower.rpartition(".")[2]
    for name in (f"{last}_config", f"{last.partition('_')[0]}_config"):
        nested = config.get(name)
        if isinstance(nested, dict):
            return nested
    return config
