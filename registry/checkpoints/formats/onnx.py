"""ONNX graphs whose weights still have their names, read through the onnx package (an extra).

Exporters keep the name of a parameter, or fold the transposition of a linear layer into its weight,
which is then called onnx::MatMul_123; the node that multiplies by it is called after the module
(/model/layers.0/self_attn/q_proj/MatMul), so that its name is had from there and the weight turned
back. int8 weights stand before DequantizeLinear, or beside a scale and a zero point of the same
name (onnxruntime.quantization).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from registry.checkpoints import dtypes
from registry.checkpoints.blob import Blob, LocalBlob, Span
from registry.checkpoints.dtypes import DType
from registry.checkpoints.limits import limit
from registry.checkpoints.tensors import Entry
from registry.errors import BrokenFile, FormatNotRead, MissingShard, QuantisedWeights, ShardOutside
from registry.numerics.arrays import contiguous

if TYPE_CHECKING:
    from torch import Tensor

# TensorProto.DataType, by its numbers (onnx.proto).
TYPES: dict[int, DType] = {
    1: dtypes.F32,
    2: dtypes.U8,
    3: dtypes.I8,
    6: dtypes.I32,
    7: dtypes.I64,
    9: dtypes.BOOL,
    10: dtypes.F16,
    11: dtypes.F64,
    16: dtypes.BF16,
    17: dtypes.F8_E4M3,
    19: dtypes.F8_E5M2,
}
EXTERNAL = 1  # TensorProto.DataLocation
MATRIX = 2  # dimensions
INTEGERS = (dtypes.I8, dtypes.U8)
LOST = re.compile(r"onnx::\w+|val_\d+|_v_\d+|\d+|(.*/)?Constant(_\d+)?(_output_\d+)?|/.*")
# What quantising, and the builder of onnxruntime-genai, write after a name.
AFTER_NAME = re.compile(
    r"(_quantized|_DequantizeLinear_Output(_\d+)?|_dequantized|_QuantizeLinear_Input)$"
)
BUILDER = re.compile(r"\.MatMul(?=\.weight$)")
MULTIPLICATION = re.compile(r"/(MatMul|Gemm)(_\d+)?(_quant)?$")
REMEDY = "save the model that it was made from as safetensors"
EXTRA = "run `pip install 'weight-registry[onnx]'`, or save the model as safetensors"


@dataclass
class Graph:
    """What is known of a graph's weights.

    Attributes:
        blob: The file.
        nodes: The graph's nodes.
        stored: The stored tensors, by their names.
        scales: Names of scale and zero point, and the axis, by the name of the numbers.
        scopes: The module that multiplies by a tensor, by the tensor's name.
        follows: The tensor that a node makes of another one alone, by the first.
        beside: The files that hold numbers of it, by their names.
    """

    blob: Blob
    nodes: list[Any]
    stored: dict[str, Any] = field(default_factory=dict)
    scales: dict[str, tuple[str, str | None, int]] = field(default_factory=dict)
    scopes: dict[str, str] = field(default_factory=dict)
    follows: dict[str, str] = field(default_factory=dict)
    beside: dict[str, Blob] = field(default_factory=dict)


def read_onnx(blob: Blob) -> list[Entry]:
    """Index one file.

    Raises:
        FormatNotRead: The package is missing, or the names are lost.
        BrokenFile: It is no ONNX file.
        MissingShard, ShardOutside: The data that it keeps beside it are missing or elsewhere.
        QuantisedWeights: Weights are stored in a way that is not read.
    """
    graph = parsed(blob)
    try:
        entries = named_entries(graph)
        check_expanded(graph, entries)
    except (ValueError, KeyError, IndexError, TypeError, OverflowError) as exc:
        raise BrokenFile(path=blob.label, reason="its graph contradicts itself") from exc
    return entries


def named_entries(graph: Graph) -> list[Entry]:
    """Return the weights of a graph under their names. Raises FormatNotRead where these are lost.

    A graph that contradicts itself raises ValueError, KeyError, IndexError or TypeError.
    """
    for node in graph.nodes:
        look_at(graph, node)
    entries = []
    lost = 0
    for name in graph.stored:
        is_matrix = len(graph.stored[name].dims) == MATRIX
        if is_part_of_another(graph, name):
            continue
        entry = weight(graph, name)
        lost += is_matrix and LOST.fullmatch(entry.name) is not None
        entries.append(entry)
    matrices = sum(len(entry.shape) == MATRIX for entry in entries)
    if 2 * lost >= matrices:
        raise FormatNotRead(
            path=graph.blob.label, format="an ONNX graph whose names are lost", remedy=REMEDY
        )
    return distinct(graph.blob, entries)


def check_expanded(graph: Graph, entries: list[Entry]) -> None:
    """Raise BrokenFile where tensors lie on each other, and so make more than their files."""
    stored = graph.blob.size + sum(blob.size for blob in graph.beside.values())
    expanded = sum(entry.stored_bytes for entry in entries)
    if expanded > stored + limit("expanded-bytes", stored):
        reason = f"its tensors would take {expanded:,} bytes, out of {stored:,}"
        raise BrokenFile(path=graph.blob.label, reason=reason)


def parsed(blob: Blob) -> Graph:
    """Parse a file, without the data beside it. Raises FormatNotRead and BrokenFile."""
    try:
        import onnx  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as exc:
        kind = "an ONNX graph, for which the package onnx is missing"
        raise FormatNotRead(path=blob.label, format=kind, remedy=EXTRA) from exc
    try:
        with blob.open() as file:
            model = onnx.load(file, load_external_data=False)
    except Exception as exc:  # protobuf's error has no class of its own in every version
        raise BrokenFile(path=blob.label, reason="it is no ONNX graph") from exc
    graph = Graph(blob, list(model.graph.node))
    for tensor in model.graph.initializer:
        graph.stored[tensor.name] = tensor
    return graph


def look_at(graph: Graph, node: Any) -> None:
    """Learn from one node. Raises QuantisedWeights where it takes weights in packed numbers."""
    attributes = {attribute.name: attribute for attribute in node.attribute}
    inputs = list(node.input)
    if node.op_type == "MatMulNBits":
        kind = f"onnxruntime's MatMulNBits, {attributes['bits'].i} bits"
        raise QuantisedWeights(tensor=inputs[1], dtype=kind)
    if node.op_type == "DequantizeLinear" and inputs[0] in graph.stored:
        zeros = inputs[2] if len(inputs) > MATRIX else None
        axis = attributes["axis"].i if "axis" in attributes else 1
        graph.scales[inputs[0]] = (inputs[1], zeros, axis)
        graph.follows[inputs[0]] = node.output[0]
    if node.op_type in ("MatMul", "Gemm", "MatMulInteger") and len(inputs) > 1:
        scope = MULTIPLICATION.sub("", node.name)
        if scope != node.name:
            graph.scopes[inputs[1]] = scope.strip("/").replace("/", ".")


def is_part_of_another(graph: Graph, name: str) -> bool:
    """Return whether a tensor is a scale or zero point, or no more than a constant of the graph."""
    if any(name in (scale, zeros) for scale, zeros, _ in graph.scales.values()):
        return True
    base = re.sub(r"_(scale|zero_point)$", "", name)
    if base != name and f"{base}_quantized" in graph.stored:
        return True
    tensor = graph.stored[name]
    return len(tensor.dims) < MATRIX and LOST.fullmatch(name) is not None


def weight(graph: Graph, name: str) -> Entry:
    """Return the entry of a stored tensor under the name of its parameter, dequantised."""
    entry = stored_entry(graph, name)
    kept = AFTER_NAME.sub("", name)
    if entry.dtype in INTEGERS and len(entry.shape) == MATRIX:
        entry = dequantised(graph, name, kept, entry)
    if BUILDER.search(kept):
        return turned(replace(entry, name=BUILDER.sub("", kept)))
    if not LOST.fullmatch(kept):
        return replace(entry, name=kept)
    scope = graph.scopes.get(graph.follows.get(name, name))
    if scope and len(entry.shape) == MATRIX:
        return turned(replace(entry, name=f"{scope}.weight"))
    return entry


def stored_entry(graph: Graph, name: str) -> Entry:
    """Return the entry of a tensor as it is stored. Raises QuantisedWeights for other types."""
    tensor = graph.stored[name]
    if tensor.data_type not in TYPES:
        raise QuantisedWeights(tensor=name, dtype=f"ONNX type {tensor.data_type}")
    dtype, shape = TYPES[tensor.data_type], tuple(tensor.dims)
    if any(size < 0 for size in shape):
        raise ValueError("a negative size")
    if tensor.data_location == EXTERNAL:
        span = external(graph.blob, tensor, dtype, shape)
        graph.beside[span.blob.name] = span.blob
        return Entry(name, dtype, shape, span.read, head=span.head)
    return Entry(name, dtype, shape, partial(internal, graph.blob.label, tensor, dtype, shape))


def external(blob: Blob, tensor: Any, dtype: DType, shape: tuple[int, ...]) -> Span:
    """Return where a tensor lies in a file beside the graph. Raises MissingShard, ShardOutside."""
    facts = {fact.key: fact.value for fact in tensor.external_data}
    location = facts.get("location", "")
    path = PurePosixPath(location.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in location or not path.parts:
        raise ShardOutside(path=blob.label, shard=location)
    name = (PurePosixPath(blob.name).parent / path).as_posix()
    offset = max(0, int(facts.get("offset", 0)))
    if isinstance(blob, LocalBlob):
        beside = blob.path.parent / path
        if not beside.is_file():
            raise MissingShard(path=blob.label, shard=location)
        return Span(LocalBlob(beside, name), offset, dtype, shape)
    url = f"{blob.url.rpartition('/')[0]}/{quote(path.as_posix())}"  # type: ignore[attr-defined]
    return Span(replace(blob, url=url, name=name), offset, dtype, shape)  # type: ignore[type-var]


def internal(label: str, tensor: Any, dtype: DType, shape: tuple[int, ...]) -> "Tensor":
    """Return a tensor that lies in the graph. Raises BrokenFile where its bytes do not make it."""
    import torch  # noqa: PLC0415  # only whoever reads waits for it
    from onnx import numpy_helper  # noqa: PLC0415  # an extra

    try:
        if tensor.raw_data:
            return torch.frombuffer(bytearray(tensor.raw_data), dtype=dtype.torch).reshape(shape)
        values = numpy_helper.to_array(tensor)
        return torch.tensor(values.astype("float32" if dtype is dtypes.BF16 else values.dtype)).to(
            dtype.torch
        )
    except Exception as exc:  # onnx raises whatever its bytes lead to
        reason = f"the bytes of {tensor.name!r} do not make up its shape"
        raise BrokenFile(path=label, reason=reason) from exc


def dequantised(graph: Graph, name: str, kept: str, entry: Entry) -> Entry:
    """Return the entry of an int8 matrix times its scales. Raises QuantisedWeights without them."""
    scale, zeros, axis = graph.scales.get(name, (f"{kept}_scale", f"{kept}_zero_point", 1))
    if scale not in graph.stored:
        return entry  # an index or a mask
    if zeros not in graph.stored:
        zeros = None
    table = {"scale": stored_entry(graph, scale)}
    if zeros:
        table["zeros"] = stored_entry(graph, zeros)
    axis %= MATRIX
    if any(part.count not in (1, entry.shape[axis]) for part in table.values()):
        raise QuantisedWeights(tensor=name, dtype="int8 in blocks")
    load = partial(load_dequantised, entry, table, axis)
    size = entry.nbytes + sum(part.nbytes for part in table.values())
    dtype = table["scale"].dtype
    return Entry(name, dtype, entry.shape, load, "onnx int8", bytes_stored=size)


def load_dequantised(entry: Entry, table: Mapping[str, Entry], axis: int) -> "Tensor":
    """Read numbers, less their zero points and times their scales."""
    shape = [1, 1]
    shape[axis] = -1
    scale = table["scale"].load().reshape(shape)
    numbers = entry.load().to(scale.dtype)
    if "zeros" in table:
        numbers = numbers - table["zeros"].load().to(scale.dtype).reshape(shape)
    weight: Tensor = numbers * scale
    return weight


def turned(entry: Entry) -> Entry:
    """Return the entry of a matrix as outputs x inputs, which is stored as inputs x outputs."""
    inputs, outputs = entry.shape
    read = partial(transposed, entry)
    return replace(entry, shape=(outputs, inputs), read=read, head=None)


def transposed(entry: Entry) -> np.ndarray:
    """Read a matrix with its rows as columns."""
    return contiguous(entry.array().T)


def distinct(blob: Blob, entries: list[Entry]) -> list[Entry]:
    """Return the entries. Raises BrokenFile where two have one name."""
    seen: set[str] = set()
    for entry in entries:
        if entry.name in seen:
            reason = f"two of its tensors are called {entry.name!r}"
            raise BrokenFile(path=blob.label, reason=reason)
        seen.add(entry.name)
    return entries
