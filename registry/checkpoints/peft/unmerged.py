"""Whole models that still have an adapter on them, as training dumps everything.

The weight under the factors is `q_proj.base_layer.weight`, or `q_proj.weight` in older versions of
peft; the model computes with W + scaling * B A.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from registry.checkpoints.peft.adapter import (
    BIAS,
    FACTOR,
    FROZEN,
    adapter_entries,
    base_name,
)
from registry.checkpoints.tensors import BiasDelta, Delta, Entry, TokenRows
from registry.errors import BrokenAdapter, UnmergedAdapter

if TYPE_CHECKING:
    from torch import Tensor

LAYER = ".base_layer"


@dataclass(frozen=True)
class Unmerged:
    """A model with an adapter on it, taken apart.

    Attributes:
        base: The tensors of the model, by the names they have without the adapter.
        changes: The factors and all that belongs to them.
    """

    base: list[Entry]
    changes: list[Entry]


def is_unmerged(entries: Iterable[Entry]) -> bool:
    """Return whether tensors are a whole model's with factors on it, by their names."""
    names = [entry.name for entry in entries]
    modules = set()
    for name in names:
        factor = FACTOR.fullmatch(name)
        if factor:
            modules.add(factor["module"].removesuffix(LAYER))
    if not modules:
        return False
    with_weights = set()
    for name in names:
        if not FACTOR.fullmatch(name):
            with_weights.add(name.rpartition(".")[0].removesuffix(LAYER))
    return modules <= with_weights


def taken_apart(entries: Iterable[Entry]) -> Unmerged:
    """Return a model's own tensors and those of the adapter on it."""
    base: dict[str, Entry] = {}
    frozen: dict[str, Entry] = {}
    changes: list[Entry] = []
    for entry in entries:
        name = base_name(entry.name.replace(FROZEN, "."))
        is_factor = FACTOR.fullmatch(entry.name) or BIAS.fullmatch(entry.name)
        if is_factor or "trainable_tokens_" in entry.name:
            changes.append(entry)
        elif FROZEN in entry.name:  # of a module that was trained whole, or has single tokens
            frozen[name] = replace(entry, name=name)
        else:
            base[name] = replace(entry, name=name)
    return Unmerged(list((frozen | base).values()), changes)


def base_alone(unmerged: Unmerged, config: Mapping[str, Any], source: str) -> list[Entry]:
    """Return a model without the adapters on it, where its config says that they are for others.

    Phi-4-multimodal has adapters of its own for images and sound (`vision_lora`, `speech_lora`);
    its text goes through the weights alone. The factors are listed beside.

    Raises:
        UnmergedAdapter: Where the config does not speak of them.
    """
    adapters = {adapter_of(entry.name) for entry in unmerged.changes}
    if not all(isinstance(config.get(f"{name}_lora"), dict) for name in adapters):
        raise UnmergedAdapter(source=source, tensor=unmerged.changes[0].name)
    return [*unmerged.base, *unmerged.changes]


def adapter_of(name: str) -> str:
    """Return the name of the adapter that a factor belongs to, such as `default`."""
    parts = name.removesuffix(".weight").split(".")
    return parts[-1]


def merged_entries(
    base: Iterable[Entry], changes: Iterable[Entry], settings: Mapping[str, Any], source: str
) -> list[Entry]:
    """Return the model that base and adapter compute; nothing is read.

    The weights are those that training began with, so that no initialisation is taken off again.

    Args:
        base: The model's tensors by its own names.
        changes: The tensors of the adapter.
        settings: The content of adapter_config.json.
        source: What errors call the model.

    Raises:
        BrokenAdapter: Where the two do not go together.
    """
    transposed = settings.get("fan_in_fan_out") is True
    weights = {entry.name: entry for entry in base}
    for change in adapter_entries(changes, settings, source):
        if not isinstance(change, Delta | TokenRows | BiasDelta):
            continue  # DoRA's lengths, which their delta has
        name = change.name if isinstance(change, Delta) else change.weight
        weight = weights.get(name)
        if weight is None or (isinstance(change, Delta) and not fits(weight, change)):
            reason = f"the weight that it changes, {name!r}, is not there or has another shape"
            raise BrokenAdapter(source=source, reason=reason)
        read = partial(read_changed, weight, change, transposed)
        weights[name] = Entry(weight.name, weight.dtype, weight.shape, read)
    return list(weights.values())


def fits(weight: Entry, delta: Delta) -> bool:
    """Return whether a weight has its delta's shape, either way round."""
    return weight.shape in (delta.shape, (*delta.shape[:-2], *delta.shape[:-3:-1]))


def read_changed(
    weight: Entry, change: Delta | TokenRows | BiasDelta, transposed: bool
) -> "Tensor":
    """Read a weight with its change."""
    from registry.checkpoints.peft import weights  # noqa: PLC0415  # only whoever reads needs torch

    if isinstance(change, TokenRows):
        return weights.with_rows(weight, change).load()
    if isinstance(change, BiasDelta):
        return weights.with_bias(weight, change).load()
    if change.shape[-1] != change.shape[-2]:
        transposed = weight.shape != change.shape
    delta = replace(change, initialisation=None)
    return weights.with_delta(weight, delta, transposed=transposed, heads=None).load()
