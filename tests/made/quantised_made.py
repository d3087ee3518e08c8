"""Quantised tensors in memory, whole and broken."""

import re
from functools import partial

import pytest
import quantisers as q
import torch

from registry.checkpoints.dtypes import of
from registry.checkpoints.quantised import dequantised
from registry.checkpoints.tensors import Entry
from registry.errors import BrokenQuantisation

STEM = "model.layers.0.self_attn.q_proj"
SHUFFLED = torch.randperm(64, generator=torch.Generator().manual_seed(1)).tolist()


def gptq_config(**more):
    """config.json of a model in GPTQ."""
    return {"quantization_config": {"quant_method": "gptq", "group_size": 32, **more}}


def mlx_config(bits, size=32):
    """config.json of a model in MLX."""
    return {"quantization": {"group_size": size, "bits": bits}}


def random_matrix(rows=64, cols=64, seed=0):
    """Outputs x inputs, float32."""
    return 0.05 * torch.randn(rows, cols, generator=torch.Generator().manual_seed(seed))


def under(stem, parts):
    """Parts by their full names."""
    return {stem + part: tensor for part, tensor in parts.items()}


def in_memory(tensors):
    """An index of tensors that are in memory."""
    return [
        Entry(name, of(t.dtype), tuple(t.shape), partial(torch.Tensor.detach, t))
        for name, t in tensors.items()
    ]


def same(left, right):
    """Whether type and values are equal, to the last bit."""
    return left.dtype == right.dtype and torch.equal(left, right)


def broken(parts, **changes):
    """Parts of which some are exchanged; two underscores stand for a dot."""
    return {**parts, **{f".{name.replace('__', '.')}": tensor for name, tensor in changes.items()}}


def changed(tensor, value):
    """A copy whose sixth number is another."""
    tensor = tensor.clone()
    tensor.view(-1)[5] = value
    return tensor


def check_broken(parts, reason, config=None):
    """Check that parts which contradict each other are an error that names the tensor and says why."""
    settings = mlx_config(4) if config is None else config
    with pytest.raises(BrokenQuantisation, match=re.escape(reason)) as caught:
        [entry.load() for entry in dequantised(in_memory(under(STEM, parts)), settings)]
    assert STEM + ".weight" in str(caught.value)


GPTQ, AWQ, INT8, NF4, NESTED = (
    q.gptq(random_matrix(), order=SHUFFLED)[0],
    q.awq(random_matrix())[0],
    q.bitsandbytes_int8(random_matrix())[0],
    q.bitsandbytes_4bit(random_matrix())[0],
    q.bitsandbytes_4bit(random_matrix(), nested=True)[0],
)
TABLE, PACKED, MLX = (
    q.scaled(random_matrix(), 32, 32)[0],
    q.compressed(random_matrix())[0],
    q.mlx(random_matrix())[0],
)
HQQ, NVFP4, MODELOPT = (
    q.hqq(random_matrix())[0],
    q.fp4(random_matrix())[0],
    q.fp4(random_matrix(), "modelopt")[0],
)
MXFP4 = q.fp4(random_matrix(), "mx", 32)[0]
INTS = torch.zeros(64, 64, dtype=torch.int32)
