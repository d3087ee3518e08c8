"""registry.checkpoints.peft.initial_base: what an initialisation of LoRA leaves of the base."""

import bitsandbytes.functional as bnb
import pytest
import torch
from adapters_made import query_factors, write_adapter
from checkpoints_made import llama, write_folder

from registry.architectures.adapter_merge import open_merged
from registry.checkpoints.peft.initial_base import (
    leading_part,
    loftq_base,
    normal_floats,
    without_leading_columns,
)
from registry.errors import UnknownInitialBase

QUERY = "model.layers.0.self_attn.q_proj.weight"


def draw(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def through_bitsandbytes(weight):
    return bnb.dequantize_4bit(*bnb.quantize_4bit(weight, blocksize=64, quant_type="nf4"))


@pytest.mark.parametrize("shape", [(12, 20), (20, 12), (3, 9)])
def test_the_leading_part_is_that_of_the_decomposition(shape):
    """Its r largest singular components, or all where there are fewer."""
    weight = draw(*shape)
    u, s, v = torch.linalg.svd(weight.double(), full_matrices=False)
    expected = u[:, :4] * s[:4] @ v[:4]
    assert torch.allclose(leading_part(weight, 4), expected, atol=1e-9)


def test_the_first_columns_span():
    """Q's first columns times R's first rows, as OLoRA takes them off, times the scaling."""
    weight = draw(12, 20)
    q, r = torch.linalg.qr(weight.double())
    expected = weight.double() - 1.5 * q[:, :4] @ r[:4]
    found = without_leading_columns(weight, 4, 1.5)
    assert found.dtype == weight.dtype
    assert torch.allclose(found.double(), expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(16, 64), (5, 13), (1, 64)])
def test_normal_floats_are_those_of_bitsandbytes(shape):
    """Each block of 64 is rounded to 16 values of its own scale; zeros stay."""
    weight = draw(*shape)
    weight[0] = 0
    assert torch.allclose(normal_floats(weight), through_bitsandbytes(weight), atol=1e-7)


def test_loftq_alternates():
    """One round quantises the weight; each further round what the rank-r rest of the last leaves."""
    weight = draw(16, 64)
    quantised = through_bitsandbytes(weight)
    assert torch.allclose(loftq_base(weight, 4, 1), quantised, atol=1e-7)
    u, s, v = torch.linalg.svd(weight - quantised, full_matrices=False)
    second = through_bitsandbytes(weight - u[:, :4] * s[:4] @ v[:4])
    assert torch.allclose(loftq_base(weight, 4, 2), second, atol=1e-6)


def test_loftq_is_merged_into_the_quantised_base(tmp_path):
    """The base is quantised, as peft does when it loads such an adapter, and so it is merged."""
    base = write_folder(tmp_path / "base", llama())
    settings = {"init_lora_weights": "loftq", "loftq_config": {"loftq_bits": 4, "loftq_iter": 1}}
    factors = query_factors()
    adapter = write_adapter(tmp_path / "adapter", factors, **settings)
    weights = {entry.name: entry.load() for entry in open_merged(adapter, base).entries}
    a, b = (factors[f"base_model.model.{QUERY[:-7]}.lora_{role}.weight"] for role in "AB")
    quantised = through_bitsandbytes(llama()[QUERY].view(-1, 64)).view(16, 16)
    expected = quantised + b @ a * 2
    assert torch.allclose(weights[QUERY], expected, atol=1e-6)


UNKNOWN = {
    "randomised": {"init_lora_weights": "pissa_niter_4"},
    "of activations": {"init_lora_weights": "corda"},
    "of gradients": {"init_lora_weights": "lora_ga"},
    "of eight bits": {"init_lora_weights": "loftq", "loftq_config": {"loftq_bits": 8}},
}


@pytest.mark.parametrize("settings", UNKNOWN.values(), ids=UNKNOWN)
def test_bases_that_cannot_be_known(tmp_path, settings):
    """What was taken out of the base is not kept: no merge is made up, and peft's way out is named."""
    base = write_folder(tmp_path / "base", llama())
    adapter = write_adapter(tmp_path / "adapter", query_factors(), **settings)
    with pytest.raises(UnknownInitialBase, match="saves it converted"):
        open_merged(adapter, base)
    converted = write_adapter(tmp_path / "converted", query_factors(), init_lora_weights=True)
    assert open_merged(converted, base)
