"""registry.checkpoints.quantised.index: which tensors of an index are quantised."""

import pytest
import quantisers as q
import torch
from checkpoints_made import llama
from quantised_made import (
    GPTQ,
    HQQ,
    INT8,
    MODELOPT,
    NESTED,
    NF4,
    NVFP4,
    PACKED,
    STEM,
    gptq_config,
    in_memory,
    random_matrix,
    under,
)

from registry.checkpoints.quantised import dequantised
from registry.checkpoints.quantised.refused import REFUSED
from registry.errors import BrokenQuantisation, IncompleteQuantisation, UnknownQuantisation

# Parts that may be missing, that common names are shared with, or without which it is another scheme.
UNNAMED = (
    ".g_idx",
    ".weight_format",
    ".W_q",
    ".nbits",
    ".axis",
    ".packing",
    ".weight_global_scale",
)
LOST = [
    (name, parts, part)
    for name, parts in {
        "gptq": GPTQ,
        "int8": INT8,
        "nf4": NF4,
        "nested": NESTED,
        "packed": PACKED,
        "hqq": HQQ,
        "modelopt": MODELOPT,
        "nvfp4": NVFP4,
    }.items()
    for part in parts
    if part not in UNNAMED and "nested_" not in part
]


def test_plain_checkpoints_pass_untouched():
    """Without a quantised tensor the very same entries come back, in order, whatever the config says."""
    entries = in_memory(llama(layers=1))
    assert dequantised(entries, gptq_config()) == entries


def test_mixed_layers_keep_their_order():
    """A quantised tensor stands where its weights stood; plain ones with stray scales beside them stay plain."""
    tensors = {
        "model.norm.weight": torch.ones(4),
        **under("a", q.gptq(random_matrix())[0]),
        "b.weight": torch.ones(4, 4),
        "b.weight_scale": torch.ones(1),
        "b.scales": torch.ones(1),
        **under("c", q.awq(random_matrix())[0]),
    }
    names = [(entry.name, entry.stored) for entry in dequantised(in_memory(tensors), {})]
    plain = [("b.weight", None), ("b.weight_scale", None), ("b.scales", None)]
    assert names == [
        ("model.norm.weight", None),
        ("a.weight", "gptq 4-bit"),
        *plain,
        ("c.weight", "awq 4-bit"),
    ]


@pytest.mark.parametrize(
    ("name", "parts", "part"), LOST, ids=lambda x: x if isinstance(x, str) else ""
)
def test_missing_parts_are_named(name, parts, part):
    """A group without one of its parts is an error that names both."""
    kept = {key: tensor for key, tensor in parts.items() if key != part}
    with pytest.raises(IncompleteQuantisation, match="weight") as caught:
        dequantised(in_memory(under(STEM, kept)), {})
    assert STEM + ".weight" in str(caught.value)
    assert part[1:] in caught.value.data["missing"]


def test_stored_twice_is_refused():
    """A tensor that is there plain and quantised could mean either."""
    entries = in_memory(under("x", GPTQ) | {"x.weight": torch.ones(2, 2)})
    with pytest.raises(BrokenQuantisation, match="there unquantised, too"):
        dequantised(entries, {})


@pytest.mark.parametrize("part", REFUSED)
def test_schemes_that_are_not_read_are_named(part):
    """A scheme that is known but not read is refused by its name."""
    with pytest.raises(UnknownQuantisation, match=STEM + part):
        dequantised(in_memory({STEM + part: torch.ones(3)}), {})


def test_marlins_order_is_named():
    """Two parts of one stem tell GPTQ in Marlin's order."""
    parts = {STEM + ".B": torch.ones(4, 8, dtype=torch.int32), STEM + ".s": torch.ones(1, 8).half()}
    with pytest.raises(UnknownQuantisation, match="GPTQ in Marlin's order"):
        dequantised(in_memory(parts), {})
    stated = gptq_config(checkpoint_format="marlin")
    with pytest.raises(UnknownQuantisation, match="GPTQ in Marlin's order"):
        dequantised(in_memory(under(STEM, GPTQ)), stated)


def test_a_method_of_the_config_is_named():
    """Parts that no scheme explains are of the config's method, where that is none that is read."""
    parts = in_memory({STEM + ".weight_scale": torch.ones(1)})
    with pytest.raises(UnknownQuantisation, match="stored quantised as sinq"):
        dequantised(parts, {"quantization_config": {"quant_method": "sinq"}})
    with pytest.raises(IncompleteQuantisation, match="lacks"):
        dequantised(parts, {"quantization_config": {"quant_method": "fp8"}})


def test_six_bits_are_named():
    """MXFP6 has the parts of packed MXFP4, and is told from it by their shapes."""
    parts = {
        ".weight_packed": torch.zeros(8, 48, dtype=torch.uint8),
        ".weight_scale": torch.zeros(8, 2, dtype=torch.uint8),
    }
    with pytest.raises(UnknownQuantisation, match="MXFP6"):
        dequantised(in_memory(under(STEM, parts)), {})
