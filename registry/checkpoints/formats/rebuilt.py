"""What torch's own functions make of their arguments in a pickle, as records without data.

The functions are those of torch._utils, which torch.save names in the place of a tensor.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from registry.checkpoints import dtypes
from registry.checkpoints.dtypes import DType
from registry.checkpoints.formats.stand_ins import Name, StandIn, foreign_tensors
from registry.checkpoints.formats.tables import MalformedError
from registry.checkpoints.limits import limit

MOST_DIMENSIONS = limit("dimensions")
METADATA = 3  # arguments of _rebuild_tensor_v2 after the strides, of which it is the last
REMEDY = "give the model in bf16, fp16 or fp32, as safetensors"
LARGEST = 1 << 62  # bytes that a place in a file may have; torch counts in 64 bits
# The types of storages that have no type of torch's in their name.
STORAGES = {
    "Double": dtypes.F64,
    "Float": dtypes.F32,
    "Half": dtypes.F16,
    "BFloat16": dtypes.BF16,
    "Long": dtypes.I64,
    "Int": dtypes.I32,
    "Short": dtypes.I16,
    "Char": dtypes.I8,
    "Byte": dtypes.U8,
    "Untyped": dtypes.U8,
    "Bool": dtypes.BOOL,
    "ComplexFloat": dtypes.C64,
    "ComplexDouble": DType("complex128", 16),
}
QUANTISED = {
    "QInt8": DType("qint8", 1),
    "QUInt8": DType("quint8", 1),
    "QInt32": DType("qint32", 4),
    "QUInt4x2": DType("quint4x2", 1),
    "QUInt2x4": DType("quint2x4", 1),
}
STORAGE = re.compile(r"torch\.(?:cuda\.|storage\.)?(?P<kind>\w+)Storage")
# Torch's types by their names, which pickles hold in the place of the types.
TYPES = {dtype.name: dtype for dtype in vars(dtypes).values() if isinstance(dtype, DType)}
TYPES |= {dtype.name: dtype for dtype in STORAGES.values()}
PLAIN = ("torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter")
DISTRIBUTED = ("torch.distributed.tensor.DTensor", "torch.distributed._tensor.api.DTensor")


@dataclass(frozen=True)
class Storage:
    """A run of numbers in the file, of which tensors are views.

    Attributes:
        key: Its name among the file's storages.
        dtype: The type of its numbers, in which its places count.
        whole: The numbers of the storage that lies in the file.
        begin: Its first number there: some are parts of another one (torch < 0.4).
        end: The number after its last one there.
    """

    key: str
    dtype: DType
    whole: int
    begin: int
    end: int


@dataclass(eq=False, frozen=True)
class View:
    """A tensor: where its numbers lie in a storage, counted in numbers of its own type."""

    storage: Storage
    dtype: DType
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(eq=False, frozen=True)
class Unread:
    """A tensor of a kind that is not read.

    Attributes:
        kind: Its kind as the middle of a sentence: 'sparse tensors'.
        remedy: What to do, as the end of one.
        quantised: The type of its numbers, where it is one of torch's quantised ones.
    """

    kind: str
    remedy: str = "save its tensors as dense ones, as safetensors"
    quantised: str | None = None


@dataclass(eq=False)
class Distributed:
    """What one rank holds of a tensor.

    Attributes:
        shape: The shape of the tensor.
        local: This rank's part.
        placements: How the tensor lies along each axis of the mesh.
    """

    shape: tuple[int, ...]
    local: View | Unread | None = None
    placements: tuple[StandIn, ...] = ()

    def take_state(self, state: Any) -> None:
        """Take over the part and the placements. Raises MalformedError."""
        attributes: dict[str, Any] = {}
        for part in state if isinstance(state, tuple) else (state,):  # a second one for slots
            attributes |= part if isinstance(part, dict) else {}
        local, spec = attributes.get("_local_tensor"), attributes.get("_spec")
        placements = spec.attributes.get("placements") if isinstance(spec, StandIn) else None
        is_tuple = isinstance(placements, tuple)
        if not is_tuple or not all(isinstance(item, StandIn) for item in placements or ()):
            raise MalformedError("it is no pickle of tensors")
        if not isinstance(local, View | Unread):
            raise MalformedError("it is no pickle of tensors")
        self.local, self.placements = local, placements or ()


Tensor = View | Unread | Distributed


def storage_of(saved_id: Any) -> Storage | Name:
    """Return the storage that a pickle names by what stands for it. Raises MalformedError.

    That is ('storage', type, key, device, count), from before torch 0.4 on with a view in it
    (view's key, first number, count). A class whose source torch kept is a name.
    """
    match saved_id:
        case ("module", Name() as name, *_):
            return name
        case ("storage", Name(text=name), str() | int() as key, _, int() as count, *view):
            kind = STORAGE.fullmatch(name)
            dtype = (STORAGES | QUANTISED).get(kind["kind"]) if kind else None
            if dtype is None or not 0 <= count <= LARGEST:
                raise MalformedError("it names a storage that torch does not have")
            storage = Storage(text_of(key), dtype, count, 0, count)
            return part_of(storage, view[0]) if view and view[0] else storage
    raise MalformedError("it is no pickle of tensors")


def text_of(key: str | int) -> str:
    """Return the key of a storage as a text. Raises MalformedError for a huge number."""
    if isinstance(key, int) and not 0 <= key <= LARGEST * 4:
        raise MalformedError("it names a storage that torch does not have")
    return str(key)


def part_of(storage: Storage, view: Any) -> Storage:
    """Return a part of a storage, from a first number on. Raises MalformedError."""
    match view:
        case (_, int() as begin, int() as count) if 0 <= begin <= begin + count <= storage.whole:
            return replace(storage, begin=begin, end=begin + count)
    raise MalformedError("it cuts a storage where it has no numbers")


def view(storage: Any, offset: Any, shape: Any, stride: Any, *more: Any) -> Tensor:
    """Return what _rebuild_tensor and _rebuild_tensor_v2 make."""
    if not isinstance(storage, Storage):
        raise MalformedError("it names a storage that torch does not have")
    if storage.dtype in QUANTISED.values():
        return Unread("quantised tensors", quantised=storage.dtype.name)
    metadata = more[2] if len(more) == METADATA else None
    return typed_view(storage, storage.dtype, offset, (shape, stride), metadata)


def view_of_bytes(storage: Any, offset: Any, shape: Any, stride: Any, *more: Any) -> Tensor:
    """Return what _rebuild_tensor_v3 makes: the type comes after requires_grad and hooks."""
    metadata = more[3] if len(more) > METADATA else None
    kind = more[2].text.removeprefix("torch.") if isinstance(more[2], Name) else ""
    if kind not in TYPES:
        return Unread(f"tensors of the type {kind or 'none'!r:.40}")
    if not isinstance(storage, Storage):
        raise MalformedError("it names a storage that torch does not have")
    return typed_view(storage, TYPES[kind], offset, (shape, stride), metadata)


def typed_view(
    storage: Storage, dtype: DType, offset: Any, extent: tuple[Any, Any], metadata: Any
) -> Tensor:
    """Return a view whose numbers are sound. Raises MalformedError.

    Args:
        storage: What it is a view of.
        dtype: The type of its own numbers.
        offset: Its first number.
        extent: Its shape and strides.
        metadata: What torch does when it is read: conjugate or negate.
    """
    shape, stride = checked_numbers(extent[0]), checked_numbers(extent[1])
    if len(shape) != len(stride) or type(offset) is not int or not 0 <= offset <= LARGEST:
        raise MalformedError("it gives a tensor a shape and a place that do not go together")
    if isinstance(metadata, dict) and any(metadata.values()):
        return Unread("tensors that are negated or conjugated when they are read")
    return View(storage, dtype, offset, shape, stride)


def checked_numbers(numbers: Any) -> tuple[int, ...]:
    """Return a shape or strides. Raises MalformedError where they are none, or below zero."""
    if not isinstance(numbers, tuple | list) or len(numbers) > MOST_DIMENSIONS:
        raise MalformedError("it gives a tensor a shape that is none")
    for number in numbers:
        if type(number) is not int or not 0 <= number <= LARGEST:
            raise MalformedError(
                "it gives a tensor a shape or strides that are no numbers of places"
            )
    return tuple(numbers)


def parameter(data: Any = None, *_: Any) -> Any:
    """Return what _rebuild_parameter and torch.nn.Parameter make: the tensor itself."""
    if not isinstance(data, Tensor):
        raise MalformedError("it is no pickle of tensors")
    return data


def quantised(storage: Any, *_: Any) -> Unread:
    """Return what _rebuild_qtensor makes."""
    kind = storage.dtype.name if isinstance(storage, Storage) else "of torch's own"
    return Unread("quantised tensors", quantised=kind)


def sparse(*_: Any) -> Unread:
    """Return what _rebuild_sparse_tensor makes."""
    return Unread("sparse tensors")


def nested(*_: Any) -> Unread:
    """Return what _rebuild_nested_tensor makes."""
    return Unread("nested tensors")


def without_data(*_: Any) -> Unread:
    """Return what _rebuild_meta_tensor_no_storage makes."""
    return Unread("tensors without data, of the meta device")


def from_device(data: Any, dtype: Any = None, *_: Any) -> Any:
    """Return what _rebuild_device_tensor_from_cpu_tensor makes of a tensor of another device."""
    kind = dtype.text.removeprefix("torch.") if isinstance(dtype, Name) else ""
    if isinstance(data, View) and data.dtype.name == kind:
        return data
    return Unread("tensors of another device")


def of_class(cls: Any, shape: Any) -> Tensor:
    """Return a tensor of a class of its own, whose attributes follow."""
    name = cls.text if isinstance(cls, Name) else ""
    if name in DISTRIBUTED:
        return Distributed(checked_numbers(shape))
    kind = foreign_tensors([name]) or f"tensors of the class {name!r:.100}"
    return Unread(kind, REMEDY)


def wrapper(cls: Any, _: Any, shape: Any, *__: Any) -> Tensor:
    """Return what _rebuild_wrapper_subclass makes."""
    return of_class(cls, shape)


def of_type(function: Any, kind: Any, arguments: Any, state: Any = None) -> Any:
    """Return what _rebuild_from_type_v2 makes: a tensor of a type, with attributes."""
    make = FUNCTIONS.get(function.text) if isinstance(function, Name) else None
    if make is None or not isinstance(arguments, tuple) or make is of_type:
        raise MalformedError("it is no pickle of tensors")
    tensor = make(*arguments)
    if isinstance(tensor, Distributed):
        tensor.take_state(state)
    elif isinstance(tensor, View) and not (isinstance(kind, Name) and kind.text in PLAIN):
        return of_class(kind, tensor.shape)
    return tensor


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "torch._tensor._rebuild_from_type_v2": of_type,
    "torch._utils._rebuild_tensor": view,
    "torch._utils._rebuild_tensor_v2": view,
    "torch._utils._rebuild_tensor_v3": view_of_bytes,
    "torch._utils._rebuild_parameter": parameter,
    "torch._utils._rebuild_parameter_with_state": parameter,
    "torch.nn.parameter.Parameter": parameter,
    "torch._utils._rebuild_qtensor": quantised,
    "torch._utils._rebuild_sparse_tensor": sparse,
    "torch._utils._rebuild_nested_tensor": nested,
    "torch._utils._rebuild_meta_tensor_no_storage": without_data,
    "torch._utils._rebuild_wrapper_subclass": wrapper,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": from_device,
}
