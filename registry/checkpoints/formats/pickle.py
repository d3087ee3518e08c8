"""Torch pickles, read without running anything that they contain.

torch's own weights-only unpickler builds the objects, under a mode in which tensors carry their
place in the file and no data: the index comes first, the bytes follow tensor by tensor. Classes
that a training script pickled along (a config, a whole module) become inert stand-ins; a function
that the pickle wants called is an error.
"""

import re
import zipfile
from collections.abc import Iterator
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from registry.checkpoints import dtypes
from registry.checkpoints.blob import Blob, Span
from registry.checkpoints.tensors import Entry
from registry.errors import BrokenFile, RegistryError, UnsafePickle

# In torch's complaint about a class or function that it does not know.
GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
MOST_CLASSES = 100  # no honest checkpoint pickles more of its own
AVERAGE = re.compile(r"ema|average|avg|shadow|teacher", re.IGNORECASE)


class StandIn:
    """Takes the place of a pickled class: holds its attributes, does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise UnsafePickle(path="", function=f"{type(self).__module__}.{type(self).__qualname__}")


class Named(NamedTuple):
    """A tensor under its name in the state dict."""

    name: str
    tensor: torch.Tensor


def read_pickle(blob: Blob) -> list[Entry]:
    """Index the tensors of one file. Raises BrokenFile or UnsafePickle."""
    try:
        if is_zip(blob):
            return in_place(blob)
        return in_memory(blob)
    except UnsafePickle as exc:
        raise UnsafePickle(path=blob.label, function=exc.data["function"]) from exc
    except RegistryError:
        raise
    except Exception as exc:  # a hostile pickle can make torch raise anything at all
        raise BrokenFile(path=blob.label, reason=reason(exc)) from exc


def is_zip(blob: Blob) -> bool:
    """Return whether this is the format of torch 1.6 and later."""
    with blob.open() as file:
        return zipfile.is_zipfile(file)


def in_place(blob: Blob) -> list[Entry]:
    """Return the tensors of a zip-format pickle (torch >= 1.6), which stay in the file."""
    with FakeTensorMode():
        content = load(blob)
    return [fake_entry(blob, named) for named in state_dict(content)]


def fake_entry(blob: Blob, named: Named) -> Entry:
    """Return where the bytes of a tensor without data lie in the file."""
    fake = named.tensor
    storage: Any = fake.untyped_storage()
    offset = storage._checkpoint_offset  # noqa: SLF001  # documented
    offset += fake.storage_offset() * fake.dtype.itemsize
    dtype = dtypes.of(fake.dtype)
    shape = tuple(fake.shape)
    if fake.is_contiguous():
        span = Span(blob, offset, dtype, shape)
        return Entry(named.name, dtype, shape, span.read, head=span.head)
    span = Span(blob, offset, dtype, shape, fake.stride())
    return Entry(named.name, dtype, shape, span.read)


def in_memory(blob: Blob) -> list[Entry]:
    """Return the tensors of a pickle in torch's format before 1.6, which only loads as a whole."""
    entries = []
    for name, tensor in state_dict(load(blob)):
        dtype = dtypes.of(tensor.dtype)
        entries.append(Entry(name, dtype, tuple(tensor.shape), tensor.detach))
    return entries


def load(blob: Blob) -> Any:
    """Unpickle with torch's weights-only rules and a stand-in for every class they do not know.

    Raises UnsafePickle where the pickle asks for a function, and what torch raises.
    """
    stand_ins: dict[str, type[StandIn]] = {}
    while True:
        allowed: list[Any] = [(kind, name) for name, kind in stand_ins.items()]
        try:
            with torch.serialization.safe_globals(allowed), blob.open() as file:
                return torch.load(file, map_location="cpu", weights_only=True)
        except UnpicklingError as exc:
            unknown = GLOBAL.search(str(exc))
            if unknown is None:
                raise
            name = unknown[1]
            # Refused whatever stands in for it, or one of too many.
            if name in stand_ins or len(stand_ins) == MOST_CLASSES:
                raise UnsafePickle(path=blob.label, function=name) from exc
            stand_ins[name] = stand_in(name)


def stand_in(name: str) -> type[StandIn]:
    """Return an inert class of the given dotted name."""
    module, _, qualname = name.rpartition(".")
    return type(qualname, (StandIn,), {"__module__": module, "__qualname__": qualname})


def state_dict(content: Any) -> list[Named]:
    """Return every named tensor of a pickle, without an average kept beside the model itself."""
    branches: dict[str, dict[str, torch.Tensor]] = {}
    for path, tensor in walk(content, ()):
        branches.setdefault(path[0], {})[".".join(path[1:])] = tensor
    for head in list(branches):
        if AVERAGE.search(head) and has_equal(branches, head):
            del branches[head]
    tensors = []
    for head, branch in branches.items():
        for name, tensor in branch.items():
            tensors.append(Named(f"{head}.{name}".rstrip("."), tensor))
    return tensors


def has_equal(branches: dict[str, dict[str, torch.Tensor]], head: str) -> bool:
    """Return whether another branch holds tensors of the same names."""
    names = branches[head].keys()
    return any(other != head and branch.keys() == names for other, branch in branches.items())


def walk(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], torch.Tensor]]:
    """Yield path and tensor, depth first through tables and pickled modules, without optimisers."""
    if isinstance(node, torch.Tensor):
        yield path or ("tensor",), node
        return
    for key, child in children(node):
        yield from walk(child, (*path, key))


def children(node: Any) -> list[tuple[str, Any]]:
    """Return the named parts of one node of a pickle, none for an optimiser's state."""
    if isinstance(node, StandIn):
        return children_of_module(vars(node))
    if isinstance(node, dict) and not {"state", "param_groups"} <= node.keys():
        return [(str(key), child) for key, child in node.items()]
    return []


def children_of_module(attributes: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the parts that a torch module keeps in its own tables; of another object, all."""
    if "_modules" not in attributes:
        return list(attributes.items())
    parts: list[tuple[str, Any]] = []
    for table in ("_parameters", "_buffers", "_modules"):
        parts.extend(attributes.get(table, {}).items())
    return parts


def reason(exc: Exception) -> str:
    """Return what is wrong with a file, without torch's advice to read it unsafely."""
    complaint = re.search(r"WeightsUnpickler error: ([^.\n]+)", str(exc))
    if complaint:
        return complaint[1]
    if "PytorchStreamReader" in str(exc):
        return "its zip archive is incomplete"
    return "it is no pickle of tensors"
