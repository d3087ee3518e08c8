"""The .bin exports of llama2.c: a header of a few numbers, then every tensor in a fixed order.

Written by export.py in llama2.c, whose versions 0 (no magic number), 1 (float32) and 2 (int8 in
groups that share a scale) are read.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from registry.checkpoints.blob import Blob, Span, read_bytes
from registry.checkpoints.dtypes import F32, I8
from registry.checkpoints.tensors import Entry
from registry.errors import BrokenFile

MAGIC = b"24ka"  # 0x616b3432, little-endian
QUANTISED = 2  # the version
NUMBERS = struct.Struct("<7i")
FLAGGED = struct.Struct("<4xi7iBi")  # after the magic number
START = {0: NUMBERS.size, 1: 256, QUANTISED: 256}  # bytes before the first tensor
MOST_LAYERS = 1000
SCALE = 4  # bytes

EMBEDDINGS, NORM, OUTPUT = "tok_embeddings.weight", "norm.weight", "output.weight"
NORMS = ["layers.{layer}.attention_norm.weight", "layers.{layer}.ffn_norm.weight"]
ATTENTION = [f"layers.{{layer}}.attention.{name}.weight" for name in ("wq", "wk", "wv", "wo")]
MLP = [f"layers.{{layer}}.feed_forward.{name}.weight" for name in ("w1", "w2", "w3")]
ORDER = {
    0: [EMBEDDINGS, NORMS[0], *ATTENTION, NORMS[1], *MLP, NORM, "freqs_cos", "freqs_sin", OUTPUT],
    1: [*NORMS, NORM, EMBEDDINGS, *ATTENTION, *MLP, OUTPUT],
    QUANTISED: [*NORMS, NORM, EMBEDDINGS, *ATTENTION, *MLP, OUTPUT],
}
"""The names of the tensors of each version in the file's order, those of all layers as one."""


class Place(NamedTuple):
    """A tensor as it lies in the file; `offset` is in bytes."""

    name: str
    shape: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class Model:
    """What a header states; `group` weights share a scale, 0 where nothing is quantised."""

    version: int
    dim: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    vocab: int
    context: int
    shared: bool  # whether the classifier is the embeddings
    group: int = 0

    @property
    def sound(self) -> bool:
        """Whether the numbers could be those of a model."""
        heads = (self.heads, self.kv_heads)
        sizes = (self.dim, self.hidden, self.layers, self.vocab, self.context)
        if min(*heads, *sizes) < 1 or self.layers > MOST_LAYERS:
            return False
        if self.dim % (2 * self.heads):
            return False
        if self.version == QUANTISED:
            return self.group > 0 and self.dim % self.group == 0
        return self.group >= 0

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        size = START[self.version]
        for name in self.names:
            size += self.copies(name) * self.nbytes(self.shape(name))
        return size

    @property
    def names(self) -> list[str]:
        """The tensors' names in the file's order, those of all layers as one."""
        order = ORDER[self.version]
        if self.shared:
            return [name for name in order if name != OUTPUT]
        return order

    def copies(self, name: str) -> int:
        """Return how many tensors a name stands for: one, or one a layer."""
        if "{layer}" in name:
            return self.layers
        return 1

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor by its name, outputs x inputs."""
        head = self.dim // self.heads
        shapes = {
            "tok_embeddings": (self.vocab, self.dim),
            "output": (self.vocab, self.dim),
            "wq": (self.dim, self.dim),
            "wk": (self.kv_heads * head, self.dim),
            "wv": (self.kv_heads * head, self.dim),
            "wo": (self.dim, self.dim),
            "w1": (self.hidden, self.dim),
            "w2": (self.dim, self.hidden),
            "w3": (self.hidden, self.dim),
            "freqs_cos": (self.context, head // 2),
            "freqs_sin": (self.context, head // 2),
        }
        part = name.removesuffix(".weight").split(".")[-1]
        return shapes.get(part, (self.dim,))

    def quantises(self, shape: tuple[int, ...]) -> bool:
        """Return whether a tensor is int8 with scales; norms never are."""
        return self.group > 0 and len(shape) > 1

    def nbytes(self, shape: tuple[int, ...]) -> int:
        """Return the bytes of a tensor in the file, its scales included."""
        count = math.prod(shape)
        if self.quantises(shape):
            return count + count // self.group * SCALE
        return count * F32.itemsize

    def places(self) -> Iterator[Place]:
        """Yield every tensor in the file's order."""
        offset = START[self.version]
        for name in self.names:
            shape = self.shape(name)
            for layer in range(self.copies(name)):
                yield Place(name.format(layer=layer), shape, offset)
                offset += self.nbytes(shape)


def is_llama2c(blob: Blob) -> bool:
    """Return whether a .bin is an export of llama2.c.

    It is by its magic number, or by a header whose numbers make exactly its size.
    """
    if blob.size < START[0]:
        return False
    head = read_bytes(blob, 0, START[0])
    if head.startswith(MAGIC):
        return True
    model = legacy(head)
    return model.sound and model.size == blob.size


def read_llama2c(blob: Blob) -> list[Entry]:
    """Index one file; the names are those of the model in llama2.c. Raises BrokenFile."""
    head = read_bytes(blob, 0, min(START[1], blob.size))
    model = versioned(blob, head) if head.startswith(MAGIC) else legacy(head)
    if not model.sound or model.size != blob.size:
        reason = "its size is not what the numbers in its header make"
        raise BrokenFile(path=blob.label, reason=reason)
    return [entry(blob, model.group, place) for place in model.places()]


def legacy(head: bytes) -> Model:
    """Return what a header of version 0 states.

    A negative vocabulary means that the classifier has weights of its own.
    """
    dim, hidden, layers, heads, kv_heads, vocab, context = NUMBERS.unpack(head[: NUMBERS.size])
    return Model(0, dim, hidden, layers, heads, kv_heads, abs(vocab), context, vocab > 0)


def versioned(blob: Blob, head: bytes) -> Model:
    """Return what a header with a magic number states. Raises BrokenFile.

    After it: version, the seven numbers, whether the classifier is shared, the size of a group.
    """
    if len(head) < START[1]:
        raise BrokenFile(path=blob.label, reason="it is shorter than its header")
    version, *numbers, shared, group = FLAGGED.unpack_from(head)
    dim, hidden, layers, heads, kv_heads, vocab, context = numbers
    if version not in (1, QUANTISED):
        raise BrokenFile(path=blob.label, reason=f"llama2.c has no export of version {version}")
    if version != QUANTISED:
        group = 0
    return Model(version, dim, hidden, layers, heads, kv_heads, vocab, context, shared != 0, group)


def entry(blob: Blob, group: int, place: Place) -> Entry:
    """Return one tensor of the file; a group of 0 means that nothing is quantised."""
    if not group or len(place.shape) == 1:
        span = Span(blob, place.offset, F32, place.shape)
        return Entry(place.name, F32, place.shape, span.read)
    load = partial(dequantised, blob, place, group)
    count = math.prod(place.shape)
    stored = f"int8 in groups of {group}"
    size = count + count // group * SCALE
    return Entry(place.name, F32, place.shape, load, stored, bytes_stored=size)


def dequantised(blob: Blob, place: Place, group: int) -> np.ndarray:
    """Read an int8 tensor, whose scales follow it, as float32."""
    count = math.prod(place.shape)
    tensor = Span(blob, place.offset, I8, place.shape).read().astype(np.float32)
    scales = Span(blob, place.offset + count, F32, (count // group, 1)).read()
    groups = tensor.reshape(-1, group)
    groups *= scales
    return tensor
