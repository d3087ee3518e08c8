"""registry.checkpoints.tensors: tensors that no memory can hold are one sentence, wherever the memory is asked for."""

import json
import struct
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from gguf.constants import GGMLQuantizationType as Kind

from registry.architectures.model_layout import model_layout
from registry.checkpoints.blob import Span
from registry.checkpoints.dtypes import BF16, F32, U8, DType
from registry.checkpoints.formats.gguf import dequantised
from registry.checkpoints.formats.gguf_header import Row
from registry.checkpoints.formats.safetensors import read_safetensors
from registry.checkpoints.peft.adapter import adapter_entries
from registry.checkpoints.quantised.bits import fill_rows
from registry.checkpoints.tensors import Entry
from registry.errors import TensorTooLarge

PETA = 1 << 50  # more than an address space of 47 bits has


@dataclass(frozen=True)
class Hole:
    """A file that is a header and then nothing but zeros, as a sparse one may be."""

    size: int
    head: bytes = b""
    name: str = "hole"
    label: str = "hole"

    def fill(self, memory: memoryview, offset: int) -> None:
        """The part of the header, and zeros."""
        part = self.head[offset : offset + len(memory)]
        memory[:] = part + bytes(len(memory) - len(part))


def hole(shape: tuple[int, ...], dtype: DType = BF16, name: str = "x") -> Entry:
    span = Span(Hole(1 << 90), 0, dtype, shape)
    return Entry(name, dtype, shape, span.read)


def in_safetensors() -> Entry:
    """A header that lies together with the file's size."""
    row = {"dtype": "F32", "shape": [PETA, 2], "data_offsets": [0, 8 * PETA]}
    text = json.dumps({"x": row}).encode()
    [entry] = read_safetensors(Hole(8 + len(text) + 8 * PETA, struct.pack("<Q", len(text)) + text))
    return entry


def in_gguf() -> Entry:
    """Eight bits a weight in the file, 32 in memory."""
    row = Row("x", Kind.Q8_0, (PETA, 32), 0)
    return Entry("x", F32, row.shape, partial(dequantised, Hole(1 << 90), row), "Q8_0")


def of_heads() -> Entry:
    """Heads that are tensors of their own, joined."""
    heads = [hole((1 << 25, 1 << 25), F32, f"blocks.0.sa.heads.{i}.key.weight") for i in range(2)]
    return model_layout(heads, {}).projections[0].entry


def of_factors() -> Entry:
    """Two columns in a file, a matrix of petabytes in memory."""
    shapes = {"A": (1, 1 << 25), "B": (1 << 25, 1)}
    factors = [
        hole(shape, U8, f"layers.0.self_attn.q_proj.lora_{role}.weight")
        for role, shape in shapes.items()
    ]
    return adapter_entries(factors, {"r": 1, "lora_alpha": 1}, "adapter")[0]


def unpacked() -> Entry:
    """A quantised tensor whose scales are small."""

    def read() -> torch.Tensor:
        return fill_rows(torch.ones(1).new_empty(PETA, 2), lambda _: torch.ones(1))

    return Entry("x", F32, (PETA, 2), read, "some bits")


LARGE = {
    "a petabyte": partial(hole, (PETA,)),
    "more than there are addresses": partial(hole, (1 << 61, 4)),
    "more than a number holds": partial(hole, (1 << 40, 1 << 40)),
    "safetensors": in_safetensors,
    "GGUF": in_gguf,
    "heads": of_heads,
    "factors": of_factors,
    "unpacked": unpacked,
}


@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE)
def test_what_memory_cannot_hold(make):
    """The index names it with its size; loading it is one sentence that says so."""
    entry = make()
    with pytest.raises(
        TensorTooLarge, match=r"^The tensor '.*' takes [\d,]+ bytes, for which the memory does not"
    ):
        entry.load()


@pytest.mark.parametrize(
    "error", [RuntimeError("mat1 and mat2"), TypeError("an int"), KeyError("x")], ids=repr
)
def test_other_errors_stay_what_they_are(error):
    """A mistake of ours is not taken for a lack of memory."""

    def fail() -> torch.Tensor:
        raise error

    with pytest.raises(type(error)) as caught:
        Entry("x", F32, (2,), fail).load()
    assert caught.value is error


def test_numpys_lack_of_memory():
    """It has an error of its own for that."""

    def fail() -> torch.Tensor:
        raise MemoryError

    with pytest.raises(TensorTooLarge, match="'x' takes 8 bytes"):
        Entry("x", F32, (2,), fail).load()
