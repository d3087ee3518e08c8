"""The tensors of a model among all that a pickle of a training script holds."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from registry.checkpoints.formats.rebuilt import Tensor
from registry.checkpoints.formats.stand_ins import StandIn
from registry.checkpoints.formats.tables import MalformedError
from registry.checkpoints.limits import limit

# What DeepSpeed and Megatron call the number of ranks that share every matrix, or the layers.
PARALLEL = ("mp_world_size", "tensor_model_parallel_size", "pipeline_model_parallel_size")
MOST_RANKS = 1 << 20
AVERAGE = re.compile(r"ema|average|avg|shadow|teacher", re.IGNORECASE)
DEEPEST = limit("pickle-depth")
LONGEST_NAME = limit("pickle-name")
Path = tuple[str, ...]


class Named(NamedTuple):
    """A tensor under its name in the state dict."""

    name: str
    tensor: Tensor


def share_of_ranks(content: Any) -> str | None:
    """Return which part of a model this is, where training states that there are others."""
    if not isinstance(content, dict):
        return None
    settings = content.get("args")
    places = [content, settings.attributes if isinstance(settings, StandIn) else {}]
    for place in places:
        for key in PARALLEL:
            count = place.get(key)
            if type(count) is int and 1 < count < MOST_RANKS:
                return f"one of {count} parts ({key})"
    return None


def state_dict(content: Any, size: int) -> list[Named]:
    """Return every named tensor of a pickle, without an average kept beside the model itself.

    Args:
        content: What the pickle holds.
        size: Bytes of its file.

    Raises:
        MalformedError: Where there are more, or they have longer names, than in any model.
    """
    branches: dict[str, dict[str, Tensor]] = {}
    most = limit("pickle-tensors", size)
    for count, (path, tensor) in enumerate(walk(content, limit("pickle-nodes", size))):
        if count == most:
            raise MalformedError(f"it has more than {most:,} names of tensors")
        branches.setdefault(path[0], {})[".".join(path[1:])] = tensor
    for head in list(branches):
        if AVERAGE.search(head) and has_equal(branches, head):
            del branches[head]
    tensors = []
    for head, branch in branches.items():
        for name, tensor in branch.items():
            tensors.append(Named(f"{head}.{name}".rstrip("."), tensor))
    return tensors


def has_equal(branches: dict[str, dict[str, Tensor]], head: str) -> bool:
    """Return whether another branch holds tensors of the same names."""
    names = branches[head].keys()
    return any(other != head and branch.keys() == names for other, branch in branches.items())


def walk(content: Any, most: int) -> Iterator[tuple[Path, Tensor]]:
    """Yield path and tensor, depth first through tables and pickled modules, without optimisers.

    Raises MalformedError where there are `most` items: a table may be its own part.
    """
    waiting: list[tuple[Path, Any]] = [((), content)]
    while waiting:
        path, node = waiting.pop()
        if sum(map(len, path)) > LONGEST_NAME:
            raise MalformedError(f"a name in it has more than {LONGEST_NAME:,} characters")
        if isinstance(node, Tensor):
            yield path or ("tensor",), node
            continue
        parts = children(node)
        most -= len(parts)
        if most < 0 or len(path) > DEEPEST:
            raise MalformedError("its tables lie deeper or hold more than those of any model")
        for key, child in reversed(parts):
            waiting.append(((*path, key), child))


def children(node: Any) -> list[tuple[str, Any]]:
    """Return the named parts of one node of a pickle, none for an optimiser's state."""
    if isinstance(node, StandIn):
        return children_of_instance(node)
    if isinstance(node, dict) and not {"state", "param_groups"} <= node.keys():
        return [(str(key), child) for key, child in node.items()]
    return []


def children_of_instance(instance: StandIn) -> list[tuple[str, Any]]:
    """Return the parts that a torch module keeps in its own tables; of another object, all."""
    attributes = instance.attributes
    if "_modules" not in attributes:
        return children(instance.table) + children(attributes)
    parts: list[tuple[str, Any]] = []
    for table in ("_parameters", "_buffers", "_modules"):
        parts.extend(children(attributes.get(table, {})))
    return parts
