"""Tensors outside the projections, beside those of the earlier model that they come from."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from registry.fingerprints.record import Tensor
from registry.lineage.changes import WeightChanges
from registry.lineage.weight_views import placed_name

PERMUTED = 1e-4  # relative difference of lengths up to which values may only be in another order
EMBEDDING, HEAD, NORM, BIAS, ROUTER = "embedding", "head", "norm", "bias", "router"
Key = Callable[[Tensor], object]
"""What two tensors must have in common to be matched."""


class TensorPlace(NamedTuple):
    """What a tensor does, and in which layer; None outside the layers."""

    group: str
    layer: int | None


@dataclass(frozen=True)
class TensorPair:
    """A tensor of the later model and the one of the earlier that it comes from."""

    later: Tensor
    earlier: Tensor

    @property
    def same(self) -> bool:
        """Whether every value is equal, or is once it is cast to bf16."""
        return self.later.bf16_digest == self.earlier.bf16_digest

    @property
    def same_shape(self) -> bool:
        """Whether both have one shape."""
        return self.later.shape == self.earlier.shape

    @property
    def distance(self) -> float:
        """|later - earlier|, estimated from the sketches; 0 of equal ones."""
        if self.same:
            return 0.0
        return float(np.linalg.norm(np.subtract(self.later.sketch, self.earlier.sketch)))

    @property
    def permuted(self) -> bool:
        """Whether the values differ, and their length does not."""
        gap = abs(self.later.length - self.earlier.length)
        return not self.same and self.same_shape and gap <= PERMUTED * self.earlier.length


@dataclass(frozen=True)
class TensorChanges:
    """The tensors of two models, matched.

    Attributes:
        pairs: Those that both have.
        added: Those that only the later has.
        removed: Those that only the earlier has.
    """

    pairs: tuple[TensorPair, ...]
    added: tuple[Tensor, ...]
    removed: tuple[Tensor, ...]

    def of_group(self, group: str) -> list[TensorPair]:
        """Return the pairs of one group."""
        return [pair for pair in self.pairs if pair.later.group == group]

    def relative_size(self, group: str) -> float:
        """Return |later - earlier| / |earlier| of a group's tensors of one shape, together."""
        return relative_size([pair for pair in self.of_group(group) if pair.same_shape])

    @property
    def groups(self) -> list[str]:
        """The groups of the pairs, in their order."""
        return list(dict.fromkeys(pair.later.group for pair in self.pairs))


def relative_size(pairs: Sequence[TensorPair]) -> float:
    """Return |later - earlier| / |earlier| of several tensors together."""
    change = math.hypot(*(pair.distance for pair in pairs))
    length = math.hypot(*(pair.earlier.length for pair in pairs))
    return change / length if length else float(change > 0)


def tensor_changes(changes: WeightChanges) -> TensorChanges | None:
    """Match the tensors outside the projections; None where a model was stored without them.

    Within a group and a layer by names where shapes agree, then by equal values, then by what is
    left of names, then by shapes, at last by order.
    Heads that equal their own model's embedding stand for it and are left out.
    """
    later, earlier = own_tensors(changes.a.model.tensors), own_tensors(changes.b.model.tensors)
    if not later or not earlier:
        return None

    sources = layer_numbers(changes)
    left: defaultdict[TensorPlace, list[Tensor]] = defaultdict(list)
    for tensor in earlier:
        left[TensorPlace(tensor.group, tensor.layer)].append(tensor)
    ours: defaultdict[TensorPlace, list[Tensor]] = defaultdict(list)
    for tensor in later:
        if tensor.layer is None or tensor.layer in sources:
            ours[TensorPlace(tensor.group, tensor.layer)].append(tensor)

    pairs: list[TensorPair] = []
    added: list[Tensor] = []
    used: set[str] = set()
    for place, tensors in ours.items():
        layer = None if place.layer is None else sources[place.layer]
        candidates = left[TensorPlace(place.group, layer)]
        matched = match(tensors, candidates)
        pairs += matched
        matched_names = {pair.later.name for pair in matched}
        added += [tensor for tensor in tensors if tensor.name not in matched_names]
        used.update(pair.earlier.name for pair in matched)

    kept_layers = {None, *sources.values()}
    unused = [tensor for tensor in earlier if tensor.name not in used]
    removed = [tensor for tensor in unused if tensor.layer in kept_layers]
    return TensorChanges(tuple(pairs), tuple(added), tuple(removed))


def layer_numbers(changes: WeightChanges) -> dict[int, int]:
    """Return the sources of the layers that have one, by the numbers that fingerprints give."""
    later = changes.a.table.numbers.tolist()
    earlier = changes.b.table.numbers.tolist()
    numbers = {}
    for layer, source in zip(later, changes.places, strict=False):
        if source is not None:
            numbers[layer] = earlier[source]
    return numbers


def own_tensors(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return the tensors without heads that are copies of the embedding."""
    embeddings = {tensor.digest for tensor in tensors if tensor.group == EMBEDDING}
    return [tensor for tensor in tensors if tensor.group != HEAD or tensor.digest not in embeddings]


def match(later: Sequence[Tensor], earlier: Sequence[Tensor]) -> list[TensorPair]:
    """Match the tensors of one group and layer one to one."""
    pairs: list[TensorPair] = []
    ours, theirs = list(later), list(earlier)
    keys: tuple[Key, ...] = (
        name_and_shape,
        attrgetter("bf16_digest"),
        whole_name,
        last_name,
        shape_of,
        group_of,
    )
    for key in keys:
        for tensor in tuple(ours):
            partner = first_with(theirs, key, key(tensor))
            if partner is not None:
                pairs.append(TensorPair(tensor, partner))
                ours.remove(tensor)
                theirs.remove(partner)
    return pairs


def first_with(tensors: Iterable[Tensor], key: Key, value: object) -> Tensor | None:
    """Return the first tensor whose key has a value; None without any."""
    for tensor in tensors:
        if key(tensor) == value:
            return tensor
    return None


def name_and_shape(tensor: Tensor) -> tuple[str, tuple[int, ...]]:
    """Return the name without the number of the layer, and the shape."""
    return placed_name(tensor.name, tensor.layer), tensor.shape


def whole_name(tensor: Tensor) -> str:
    """Return the name."""
    return tensor.name


def last_name(tensor: Tensor) -> tuple[str, ...]:
    """Return the last two parts of a tensor's name."""
    return tuple(tensor.name.split(".")[-2:])


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    """Return the shape."""
    return tensor.shape


def group_of(tensor: Tensor) -> tuple[str, int]:
    """Return the group and the number of dimensions."""
    return tensor.group, len(tensor.shape)
