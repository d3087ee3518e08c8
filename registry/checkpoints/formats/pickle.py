"""Torch pickles, read without running anything that they contain.

torch's own weights-only unpickler builds the objects, under a mode in which tensors carry their place in the file
and no data: the index comes first, the bytes follow tensor by tensor. Classes that a training script pickled along
(a config, a whole module) become inert stand-ins; a function that the pickle wants called is an error.
"""

import re
import zipfile
from collections.abc import Iterator
from pickle import UnpicklingError
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from registry.checkpoints import dtypes
from registry.checkpoints.blob import Blob, Span
from registry.checkpoints.tensors import Entry
from registry.errors import BrokenFile, RegistryError, UnsafePickle

GLOBAL = re.compile(
    r"GLOBAL ([\w.]+)"
)  # in torch's complaint about a class or function it does not know
MOST_CLASSES = 100  # no honest checkpoint pickles more of its own
AVERAGE = re.compile(r"ema|average|avg|shadow|teacher", re.IGNORECASE)


class StandIn:
    """Takes the place of a pickled class: holds its attributes, does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise UnsafePickle(path="", function=f"{type(self).__module__}.{type(self).__qualname__}")


def read_pickle(blob: Blob) -> list[Entry]:
    """Index the tensors of one file. Raises BrokenFile or UnsafePickle."""
    try:
        return in_place(blob) if is_zip(blob) else in_memory(blob)
    except UnsafePickle as exc:
        raise UnsafePickle(path=blob.label, function=exc.data["function"]) from exc
    except RegistryError:
        raise
    except Exception as exc:  # a hostile pickle can make torch raise anything at all
        raise BrokenFile(path=blob.label, reason=reason(exc)) from exc


def is_zip(blob: Blob) -> bool:
    """Whether this is the format of torch 1.6 and later."""
    with blob.open() as file:
        return zipfile.is_zipfile(file)


def in_place(blob: Blob) -> list[Entry]:
    """Entries of a zip-format pickle (torch >= 1.6): tensors stay in the file."""
    with FakeTensorMode():
        content = load(blob)
    entries = []
    for name, fake in state_dict(content):
        storage: Any = fake.untyped_storage()
        place = storage._checkpoint_offset + fake.storage_offset() * fake.dtype.itemsize  # noqa: SLF001  # documented
        dtype = dtypes.of(fake.dtype)
        span = Span(
            blob, place, dtype, tuple(fake.shape), None if fake.is_contiguous() else fake.stride()
        )
        entries.append(
            Entry(
                name, dtype, span.shape, span.read, head=span.head if span.stride is None else None
            )
        )
    return entries


def in_memory(blob: Blob) -> list[Entry]:
    """Entries of a pickle in torch's format before 1.6, which only loads as a whole."""
    tensors = state_dict(load(blob))
    return [
        Entry(name, dtypes.of(tensor.dtype), tuple(tensor.shape), tensor.detach)
        for name, tensor in tensors
    ]


def load(blob: Blob) -> Any:
    """Unpickle with torch's weights-only rules, with a stand-in for every class that they do not know."""
    known: dict[str, type[StandIn]] = {}
    while True:
        try:
            stand_ins: list[Any] = [(kind, name) for name, kind in known.items()]
            with torch.serialization.safe_globals(stand_ins), blob.open() as file:
                return torch.load(file, map_location="cpu", weights_only=True)
        except UnpicklingError as exc:
            asked = GLOBAL.search(str(exc))
            if asked is None:
                raise
            if asked[1] in known or len(known) == MOST_CLASSES:  # refused whatever stands in for it
                raise UnsafePickle(path=blob.label, function=asked[1]) from exc
            known[asked[1]] = stand_in(asked[1])


def stand_in(name: str) -> type[StandIn]:
    """An inert class of the given dotted name."""
    module, _, qualname = name.rpartition(".")
    return type(qualname, (StandIn,), {"__module__": module, "__qualname__": qualname})


def state_dict(content: Any) -> list[tuple[str, torch.Tensor]]:
    """Every named tensor of a pickle; an average kept beside the model itself is left out."""
    branches: dict[str, dict[str, torch.Tensor]] = {}
    for path, tensor in walk(content, ()):
        branches.setdefault(path[0], {})[".".join(path[1:])] = tensor
    for head in [head for head in branches if AVERAGE.search(head)]:
        if any(
            other != head and branches[other].keys() == branches[head].keys() for other in branches
        ):
            del branches[head]
    return [
        (f"{head}.{name}".rstrip("."), tensor)
        for head, branch in branches.items()
        for name, tensor in branch.items()
    ]


def walk(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], torch.Tensor]]:
    """Depth first through tables and pickled modules, skipping optimisers."""
    if isinstance(node, torch.Tensor):
        yield path or ("tensor",), node
        return
    for key, child in children(node):
        yield from walk(child, (*path, key))


def children(node: Any) -> list[tuple[str, Any]]:
    """The named parts of one node of a pickle."""
    if isinstance(node, StandIn):
        parts = vars(node)
        if "_modules" not in parts:
            return list(parts.items())
        return [
            row
            for part in ("_parameters", "_buffers", "_modules")
            for row in parts.get(part, {}).items()
        ]
    if isinstance(node, dict) and not {"state", "param_groups"} <= node.keys():
        return [(str(key), child) for key, child in node.items()]
    return []


def reason(exc: Exception) -> str:
    """What is wrong with a file, in a few words; torch's own go on to advise against its safe rules."""
    if told := re.search(r"WeightsUnpickler error: ([^.\n]+)", str(exc)):
        return told[1]
    return (
        "its zip archive is incomplete"
        if "PytorchStreamReader" in str(exc)
        else "it is no pickle of tensors"
    )
