"""Torch pickles, read without running anything that they contain.

torch's own weights-only unpickler builds the objects, under a mode in which tensors carry their
place in the file and no data: the index comes first, the bytes follow tensor by tensor. Classes
that a training script pickled along (a config, a whole module) become inert stand-ins; a function
that the pickle wants called is an error.
"""

import importlib
import logging
import re
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.serialization import safe_globals

from registry.checkpoints import dtypes
from registry.checkpoints.blob import Blob, Span
from registry.checkpoints.formats.stand_ins import (
    ListStandIn,
    StandIn,
    TableStandIn,
    allowed,
    foreign_tensors,
    hold_arrays,
    stand_in,
)
from registry.checkpoints.tensors import Entry, Piece
from registry.errors import BrokenFile, FormatNotRead, PartOfModel, RegistryError, UnsafePickle

# In torch's complaint about a class or function that it does not know.
GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
# In its complaints about what a class is not: a table or a list.
SHAPES: dict[re.Pattern[str], type[StandIn]] = {
    re.compile(r"Can only SETITEMS? for .* but got <class '([\w.]+)'>"): TableStandIn,
    re.compile(r"Can only (?:append|extend) .* but got <class '([\w.]+)'>"): ListStandIn,
}
# What DeepSpeed and Megatron call the number of ranks that share every matrix, or the layers.
PARALLEL = ("mp_world_size", "tensor_model_parallel_size", "pipeline_model_parallel_size")
# The operations that protocols 4 and 5 added, of which torch's own pickles have none.
PROTOCOL = re.compile(r"Unsupported operand (14\d|15[0-2])")
DISTRIBUTED = "torch.distributed.tensor"  # the module that must be imported to unpickle DTensors
# It warns of a DTensor's mesh that no process group is there for; none is wanted.
logging.getLogger("torch.distributed.device_mesh").addFilter(lambda _: False)
MOST_CLASSES = 100  # no honest checkpoint pickles more of its own
AVERAGE = re.compile(r"ema|average|avg|shadow|teacher", re.IGNORECASE)


class Pickled(NamedTuple):
    """What a pickle holds, and whether numpy arrays are among it, which stand-ins replace."""

    content: Any
    arrays: bool


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
    except UnpicklingError as exc:
        if PROTOCOL.search(str(exc)):
            remedy = "load it with Python's pickle, and save its tensors as a safetensors file"
            kind = "a pickle of another protocol than torch's own"
            raise FormatNotRead(path=blob.label, format=kind, remedy=remedy) from exc
        raise BrokenFile(path=blob.label, reason=reason(exc)) from exc
    except Exception as exc:  # a hostile pickle can make torch raise anything at all
        raise BrokenFile(path=blob.label, reason=reason(exc)) from exc


def is_zip(blob: Blob) -> bool:
    """Return whether this is the format of torch 1.6 and later."""
    with blob.open() as file:
        return zipfile.is_zipfile(file)


def in_place(blob: Blob) -> list[Entry]:
    """Return the tensors of a zip-format pickle (torch >= 1.6), which stay in the file."""
    with FakeTensorMode():
        pickled = load(blob)
    return [fake_entry(blob, named) for named in named_tensors(blob, pickled)]


def fake_entry(blob: Blob, named: Named) -> Entry:
    """Return where the bytes of a tensor without data lie in the file."""
    fake = local_tensor(named.tensor)
    storage: Any = fake.untyped_storage()
    offset = storage._checkpoint_offset  # noqa: SLF001  # documented
    offset += fake.storage_offset() * fake.dtype.itemsize
    dtype = dtypes.of(fake.dtype)
    shape = tuple(fake.shape)
    if fake.is_contiguous():
        span = Span(blob, offset, dtype, shape)
        entry = Entry(named.name, dtype, shape, span.read, head=span.head)
    else:
        span = Span(blob, offset, dtype, shape, fake.stride())
        entry = Entry(named.name, dtype, shape, span.read)
    return as_piece(entry, named.tensor)


def in_memory(blob: Blob) -> list[Entry]:
    """Return the tensors of a pickle in torch's format before 1.6, which only loads as a whole."""
    entries = []
    for name, distributed in named_tensors(blob, load(blob)):
        tensor = local_tensor(distributed)
        dtype = dtypes.of(tensor.dtype)
        entry = Entry(name, dtype, tuple(tensor.shape), tensor.detach)
        entries.append(as_piece(entry, distributed))
    return entries


def local_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """Return what a rank holds of a DTensor; any other tensor as it is."""
    local: torch.Tensor = getattr(tensor, "_local_tensor", tensor)
    return local


def as_piece(entry: Entry, tensor: torch.Tensor) -> Entry:
    """Return the entry of a DTensor's local tensor as a piece; that of another as it is.

    Raises FormatNotRead where it is cut along more than one axis, or holds sums in part.
    """
    spec = getattr(tensor, "_spec", None)
    if spec is None:
        return entry
    axes = []
    for placement in spec.placements:
        if placement.is_shard():
            axes.append(placement.dim)
        elif not placement.is_replicate():
            axes += [-1, -1]  # a sum that is not finished is no slice
    if len(axes) > 1 or (axes and not spec.placements[-1].is_shard()):
        remedy = "gather its tensors and save them as safetensors"
        kind = "a checkpoint of tensors that are distributed over several axes"
        raise FormatNotRead(path=entry.name, format=kind, remedy=remedy)
    return Piece(
        name=entry.name,
        dtype=entry.dtype,
        shape=entry.shape,
        read=entry.read,
        whole=tuple(tensor.shape),
        axis=axes[0] if axes else None,
    )


def load(blob: Blob) -> Pickled:
    """Unpickle with torch's weights-only rules and a stand-in for every class they do not know.

    Raises UnsafePickle where the pickle asks for a function, and what torch raises.
    """
    stand_ins: dict[str, type[StandIn]] = {}
    while True:
        try:
            with warnings.catch_warnings(), safe_globals(allowed(stand_ins)), blob.open() as file:
                warnings.filterwarnings("ignore", "Detected pickle protocol")
                content = torch.load(file, map_location="cpu", weights_only=True)
                return Pickled(content, hold_arrays(stand_ins))
        except Exception as exc:
            kind = foreign_tensors(stand_ins)
            if not isinstance(exc, UnpicklingError) and kind:
                remedy = "give the model in bf16, fp16 or fp32, as safetensors"
                raise FormatNotRead(
                    path=blob.label, format=f"a pickle of {kind}", remedy=remedy
                ) from exc
            add_stand_in(stand_ins, exc)


def add_stand_in(stand_ins: dict[str, type[StandIn]], exc: Exception) -> None:
    """Add what torch misses, or change it into the kind of table that torch takes it for.

    Raises:
        UnsafePickle: Where no stand-in helps.
        Exception: Where torch complains of something else.
    """
    if not isinstance(exc, UnpicklingError):
        raise exc
    complaint = str(exc)
    for pattern, base in SHAPES.items():
        shaped = pattern.search(complaint)
        if shaped and shaped[1] in stand_ins and not issubclass(stand_ins[shaped[1]], base):
            stand_ins[shaped[1]] = stand_in(shaped[1], base)
            return

    if DISTRIBUTED in complaint and DISTRIBUTED not in sys.modules:
        importlib.import_module(DISTRIBUTED)  # makes its classes known to torch's unpickler
        return

    unknown = GLOBAL.search(complaint)
    if unknown is None:
        raise exc
    name = unknown[1]
    # Refused whatever stands in for it, or one of too many.
    if name in stand_ins or len(stand_ins) == MOST_CLASSES:
        raise UnsafePickle(path="", function=name) from exc
    stand_ins[name] = stand_in(name)


def named_tensors(blob: Blob, pickled: Pickled) -> list[Named]:
    """Return every named tensor. Raises FormatNotRead where there are numpy's arrays instead."""
    check_parallel(blob, pickled.content)
    tensors = state_dict(pickled.content)
    if pickled.arrays and not tensors:
        remedy = "save its arrays as a safetensors file"
        raise FormatNotRead(path=blob.label, format="a pickle of numpy arrays", remedy=remedy)
    return tensors


def check_parallel(blob: Blob, content: Any) -> None:
    """Raise PartOfModel where training states that other ranks hold the rest of the matrices."""
    if not isinstance(content, dict):
        return
    settings = content.get("args")
    places = [content, vars(settings) if isinstance(settings, StandIn) else {}]
    for place in places:
        for key in PARALLEL:
            count = place.get(key)
            if type(count) is int and count > 1:
                raise PartOfModel(path=blob.label, share=f"one of {count} parts ({key})")


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
