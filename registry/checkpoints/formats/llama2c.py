"""The .bin exports of llama2.c: a header of a few numbers, then every tensor in a fixed order.

Written by llama2.c's export.py, whose versions 0 (no magic number), 1 (float32) and 2 (int8 in groups) are read.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from registry.checkpoints.blob import Blob, Span, read_bytes
from registry.checkpoints.dtypes import F32, I8
from registry.checkpoints.tensors import Entry
from registry.errors import BrokenFile

if TYPE_CHECKING:
    from torch import Tensor

MAGIC = b"24ka"  # 0x616b3432, little-endian
NUMBERS = struct.Struct("<7i")
FLAGGED = struct.Struct("<4xi7iBi")  # after the magic number
START = {0: NUMBERS.size, 1: 256, 2: 256}  # bytes before the first tensor
MOST_LAYERS = 1000

EMBEDDINGS, NORM, OUTPUT = "tok_embeddings.weight", "norm.weight", "output.weight"
NORMS = ["layers.{layer}.attention_norm.weight", "layers.{layer}.ffn_norm.weight"]
ATTENTION = [f"layers.{{layer}}.attention.{name}.weight" for name in ("wq", "wk", "wv", "wo")]
MLP = [f"layers.{{layer}}.feed_forward.{name}.weight" for name in ("w1", "w2", "w3")]
ORDER = {
    0: [EMBEDDINGS, NORMS[0], *ATTENTION, NORMS[1], *MLP, NORM, "freqs_cos", "freqs_sin", OUTPUT],
    1: [*NORMS, NORM, EMBEDDINGS, *ATTENTION, *MLP, OUTPUT],
    2: [*NORMS, NORM, EMBEDDINGS, *ATTENTION, *MLP, OUTPUT],
}


@dataclass(frozen=True)
class Model:
    """What a header says. `group` is the number of weights that share a scale, 0 where nothing is quantised."""

    version: int
    dim: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    vocab: int
    context: int
    shared: bool
    group: int = 0

    @property
    def sound(self) -> bool:
        """Whether the numbers could be those of a model."""
        sizes = (
            self.dim,
            self.hidden,
            self.layers,
            self.heads,
            self.kv_heads,
            self.vocab,
            self.context,
        )
        if (
            min(sizes) < 1
            or self.group < 0
            or self.layers > MOST_LAYERS
            or self.dim % (2 * self.heads)
        ):
            return False
        quantised = self.version == 2  # noqa: PLR2004
        return not quantised or (self.group > 0 and self.dim % self.group == 0)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor by its name, outputs x inputs."""
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
        return shapes.get(name.removesuffix(".weight").split(".")[-1], (self.dim,))

    def nbytes(self, shape: tuple[int, ...]) -> int:
        """Bytes of a tensor in the file; norms are never quantised."""
        count = math.prod(shape)
        return count + count // self.group * 4 if self.group and len(shape) > 1 else 4 * count

    @property
    def names(self) -> list[str]:
        """The tensors' names in the file's order, those of all layers as one."""
        return [name for name in ORDER[self.version] if name != OUTPUT or not self.shared]

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        sizes = [
            (self.layers if "{" in name else 1) * self.nbytes(self.shape(name))
            for name in self.names
        ]
        return START[self.version] + sum(sizes)

    def tensors(self) -> Iterator[tuple[str, tuple[int, ...], int]]:
        """Name, shape and offset in bytes of every tensor."""
        offset = START[self.version]
        for name in self.names:
            for layer in range(self.layers if "{" in name else 1):
                yield name.format(layer=layer), self.shape(name), offset
                offset += self.nbytes(self.shape(name))


def is_llama2c(blob: Blob) -> bool:
    """Whether a .bin is one of these: by its magic number, or by a header that gives exactly its size."""
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
        raise BrokenFile(
            path=blob.label, reason="its size is not what the numbers in its header make"
        )
    return [entry(blob, model, *place) for place in model.tensors()]


def legacy(head: bytes) -> Model:
    """A header of version 0, in which a negative vocabulary means that the classifier has weights of its own."""
    dim, hidden, layers, heads, kv_heads, vocab, context = NUMBERS.unpack(head[: NUMBERS.size])
    return Model(0, dim, hidden, layers, heads, kv_heads, abs(vocab), context, vocab > 0)


def versioned(blob: Blob, head: bytes) -> Model:
    """A header with a magic number: version, the seven numbers, whether the classifier is shared, the group size."""
    if len(head) < START[1]:
        raise BrokenFile(path=blob.label, reason="it is shorter than its header")
    version, dim, hidden, layers, heads, kv_heads, vocab, context, shared, group = (
        FLAGGED.unpack_from(head)
    )
    if version not in (1, 2):
        raise BrokenFile(path=blob.label, reason=f"llama2.c has no export of version {version}")
    group = group if version == 2 else 0  # noqa: PLR2004
    return Model(version, dim, hidden, layers, heads, kv_heads, vocab, context, shared != 0, group)


def entry(blob: Blob, model: Model, name: str, shape: tuple[int, ...], offset: int) -> Entry:
    """One tensor of the file."""
    if not model.group or len(shape) == 1:
        return Entry(name, F32, shape, Span(blob, offset, F32, shape).read)
    load = partial(dequantised, blob, offset, shape, model.group)
    return Entry(name, F32, shape, load, f"int8 in groups of {model.group}")


def dequantised(blob: Blob, offset: int, shape: tuple[int, ...], group: int) -> "Tensor":
    """Read an int8 tensor, whose scales follow it, as float32."""
    count = math.prod(shape)
    tensor = Span(blob, offset, I8, shape).read().float()
    scales = Span(blob, offset + count, F32, (count // group, 1)).read()
    tensor.view(-1, group).mul_(scales)
    return tensor
