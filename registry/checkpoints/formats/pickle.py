"""Torch's pickles, read without running anything that they contain.

`unpickler` takes the pickle apart, which gives the index; the bytes follow tensor by tensor, from a
member of a zip archive (torch 1.6 and later) or from behind the pickle (before).
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import IO, Any, NamedTuple

from registry.checkpoints.blob import Blob, Span, read_bytes
from registry.checkpoints.formats.archive import Archive, Member, Swapped, is_archive, read_archive
from registry.checkpoints.formats.rebuilt import REMEDY, Distributed, Unread, View
from registry.checkpoints.formats.stand_ins import foreign_tensors, hold_arrays
from registry.checkpoints.formats.state_dict import Named, share_of_ranks, state_dict
from registry.checkpoints.formats.tables import MalformedError
from registry.checkpoints.formats.unpickler import Unpickler
from registry.checkpoints.limits import limit
from registry.checkpoints.tensors import Entry, Piece
from registry.errors import (
    BrokenFile,
    FormatNotRead,
    PartOfModel,
    QuantisedWeights,
    RegistryError,
    UnsafePickle,
)

MAGIC = 0x1950A86A20F9469CFC6C  # the first value of torch's format before 1.6
PROTOCOL = 1001  # the second
LENGTH = 8  # bytes before each storage of that format: how many numbers it has
BYTE_ORDERS = {b"little": False, b"big": True}  # whether numbers must be turned round
HALVES = {"complex64": 4, "complex128": 8}  # bytes of the numbers that a complex one consists of
NO_PICKLE = "it is no pickle of tensors"
LONGEST_PICKLE = limit("pickle-bytes")
GATHER = "gather its tensors and save them as safetensors"


class Pickled(NamedTuple):
    """What a pickle holds.

    Attributes:
        content: Its tables, with records in the place of tensors.
        places: Where the bytes of each storage lie, by its key.
        names: Classes and functions that it names.
        is_swapped: Whether the bytes of a number stand the other way round.
    """

    content: Any
    places: Mapping[str, "Place"]
    names: tuple[str, ...]
    is_swapped: bool = False


class Place(NamedTuple):
    """Where the bytes of a storage lie: `size` of them from `begin` on."""

    blob: Blob
    begin: int
    size: int


@dataclass
class Limited:
    """The head of a file as a stream, which ends after the longest pickle."""

    file: IO[bytes]
    left: int

    def read(self, count: int) -> bytes:
        """Return the next bytes. Raises MalformedError where there are not as many."""
        if not 0 <= count <= self.left:
            raise MalformedError(NO_PICKLE)
        self.left -= count
        return self.file.read(count)

    def readline(self) -> bytes:
        """Return a line."""
        line = self.file.readline(self.left)
        self.left -= len(line)
        return line

    def tell(self) -> int:
        """Return the position in the file."""
        return self.file.tell()


def read_pickle(blob: Blob) -> list[Entry]:
    """Index the tensors of one file.

    Raises BrokenFile, FormatNotRead, QuantisedWeights, PartOfModel or UnsafePickle.
    """
    try:
        pickled = from_archive(read_archive(blob)) if is_archive(blob) else from_stream(blob)
        return entries_of(blob, pickled)
    except UnsafePickle as exc:
        raise UnsafePickle(path=blob.label, function=exc.data["function"]) from exc
    except RegistryError:
        raise
    except MalformedError as exc:
        raise BrokenFile(path=blob.label, reason=exc) from exc
    except Exception as exc:  # a damaged pickle makes tables and stacks raise anything at all
        raise BrokenFile(path=blob.label, reason=NO_PICKLE) from exc


def from_archive(archive: Archive) -> Pickled:
    """Take apart the pickle in a zip archive. Raises what read_pickle turns into sentences."""
    blob = archive.blob
    if "constants.pkl" in archive.members:
        remedy = "save the model's state dict as safetensors"
        raise FormatNotRead(path=blob.label, format="a TorchScript program", remedy=remedy)
    if "data.pkl" not in archive.members:
        raise MalformedError("its zip archive holds no data.pkl")
    unpickler = Unpickler(blob.size)
    content = unpickler.load(io.BytesIO(short(archive.members["data.pkl"])))
    places = {}
    for name, member in archive.members.items():
        if name.startswith("data/"):
            places[name.removeprefix("data/")] = Place(member, 0, member.size)
    return Pickled(content, places, tuple(unpickler.names), is_swapped(archive))


def short(member: Member) -> bytes:
    """Return the content of a member that is read whole. Raises BrokenFile where it is too long."""
    if member.size > LONGEST_PICKLE:
        raise member.broken(f"has {member.size:,} bytes, more than any model needs")
    return read_bytes(member)


def is_swapped(archive: Archive) -> bool:
    """Return whether numbers are big-endian, as a member states. Raises MalformedError."""
    if "byteorder" not in archive.members:
        return False
    order = short(archive.members["byteorder"])
    if order not in BYTE_ORDERS:
        raise MalformedError("its byte order is none that torch knows")
    return BYTE_ORDERS[order]


def from_stream(blob: Blob) -> Pickled:
    """Take apart the pickles at the start of a file of torch before 1.6, and find its storages.

    They are a magic number, a version, facts about the machine, the content and the keys of the
    storages, which follow. Raises what read_pickle turns into sentences.
    """
    unpickler = Unpickler(blob.size)
    with blob.open() as file:
        head: Any = Limited(file, LONGEST_PICKLE)
        if unpickler.load(head) != MAGIC or unpickler.load(head) != PROTOCOL:
            if hold_arrays(unpickler.names):
                raise no_tensors(blob, "numpy arrays")
            raise MalformedError(NO_PICKLE)
        unpickler.load(head)
        content = unpickler.load(head)
        keys = unpickler.load(head)
        position = head.tell()

    places = {}
    for key in keys:
        storage = unpickler.storages[str(key)]
        count = int.from_bytes(read_bytes(blob, position, LENGTH), "little")
        size = count * storage.dtype.itemsize
        places[storage.key] = Place(blob, position + LENGTH, size)
        position += LENGTH + size
    if position > blob.size:
        raise BrokenFile(path=blob.label, reason="a tensor reaches beyond its end")
    return Pickled(content, places, tuple(unpickler.names))


def entries_of(blob: Blob, pickled: Pickled) -> list[Entry]:
    """Return the index of the model in a pickle; averages and optimisers are left aside.

    Raises what read_pickle turns into sentences.
    """
    share = share_of_ranks(pickled.content)
    if share:
        raise PartOfModel(path=blob.label, share=share)
    tensors = state_dict(pickled.content, blob.size)
    if not tensors and hold_arrays(pickled.names):
        raise no_tensors(blob, "numpy arrays")
    foreign = foreign_tensors(pickled.names)
    if not tensors and foreign:
        raise unread(blob, "", Unread(foreign, REMEDY))

    entries = []
    expanded = 0
    for named in tensors:
        entry = entry_of(blob, pickled, named)
        entries.append(entry)
        expanded += entry.nbytes
        if expanded > limit("expanded-bytes", blob.size):
            reason = f"its tensors would take {expanded:,} bytes and more, out of {blob.size:,}"
            raise BrokenFile(path=blob.label, reason=reason)
    return entries


def no_tensors(blob: Blob, kind: str) -> FormatNotRead:
    """Return the error for a pickle of something else than tensors."""
    remedy = "save its arrays as a safetensors file"
    return FormatNotRead(path=blob.label, format=f"a pickle of {kind}", remedy=remedy)


def unread(blob: Blob, name: str, tensor: Unread) -> RegistryError:
    """Return the error for a tensor of a kind that is not read."""
    if tensor.quantised:
        return QuantisedWeights(tensor=name, dtype=tensor.quantised)
    kind = f"a pickle of {tensor.kind}"
    return FormatNotRead(path=blob.label, format=kind, remedy=tensor.remedy)


def entry_of(blob: Blob, pickled: Pickled, named: Named) -> Entry:
    """Return the index entry of one tensor. Raises what read_pickle turns into sentences."""
    tensor = named.tensor.local if isinstance(named.tensor, Distributed) else named.tensor
    if tensor is None or isinstance(tensor, Unread):
        raise unread(blob, named.name, tensor or Unread(NO_PICKLE))
    span = span_of(blob, pickled, named.name, tensor)
    head = span.head if span.stride is None else None
    entry = Entry(named.name, span.dtype, span.shape, span.read, head=head)
    return as_piece(entry, named.tensor) if isinstance(named.tensor, Distributed) else entry


def span_of(blob: Blob, pickled: Pickled, name: str, view: View) -> Span:
    """Return where a tensor's numbers lie. Raises BrokenFile where its storage does not hold it."""
    storage, width = view.storage, view.dtype.itemsize
    place = pickled.places.get(storage.key.lower())
    if place is None or place.size != storage.whole * storage.dtype.itemsize:
        reason = f"it lacks numbers of {name!r}, or has too many"
        raise BrokenFile(path=blob.label, reason=reason)
    begin = storage.begin * storage.dtype.itemsize
    stride = None if is_row_major(view) else view.stride
    span = Span(
        place.blob, place.begin + begin + view.offset * width, view.dtype, view.shape, stride
    )
    end = begin + (view.offset + span.count) * width
    if span.count and end > storage.end * storage.dtype.itemsize:
        reason = f"{name!r} reaches beyond the numbers that it is a part of"
        raise BrokenFile(path=blob.label, reason=reason)
    if pickled.is_swapped and width > 1:
        swapped = Swapped(place.blob, HALVES.get(view.dtype.name, width))
        return replace(span, blob=swapped)
    return span


def is_row_major(view: View) -> bool:
    """Return whether a tensor's numbers lie one after the other, row by row."""
    step = 1
    for count, stride in zip(reversed(view.shape), reversed(view.stride), strict=True):
        if count != 1 and stride != step:
            return 0 in view.shape
        step *= count
    return True


def as_piece(entry: Entry, tensor: Distributed) -> Piece:
    """Return the entry of a rank's part as a piece of the tensor.

    Raises FormatNotRead where it is cut along more than one axis, or holds sums in part.
    """
    axes: list[int] = []
    for placement in tensor.placements:
        kind = placement.of.rpartition(".")[2]
        if kind == "Shard":
            axes.append(placement.attributes["dim"])
        elif kind != "Replicate":
            axes += [-1, -1]  # a sum that is not finished is no slice
    is_last = bool(tensor.placements) and tensor.placements[-1].of.endswith(".Shard")
    is_axis = all(type(axis) is int and 0 <= axis < len(entry.shape) for axis in axes)
    if len(axes) > 1 or (axes and not (is_last and is_axis)):
        kind = "a checkpoint of tensors that are distributed over several axes"
        raise FormatNotRead(path=entry.name, format=kind, remedy=GATHER)
    return Piece(
        name=entry.name,
        dtype=entry.dtype,
        shape=entry.shape,
        read=entry.read,
        whole=tensor.shape,
        axis=axes[0] if axes else None,
    )
