"""registry.checkpoints.quantised: what all schemes have in common."""

import re
from functools import partial

import further_quantisers as f
import pytest
import quantisers as q
import torch
from checkpoints_made import llama, write_folder
from hypothesis import given, settings
from hypothesis import strategies as st
from quantised_made import (
    AWQ,
    GPTQ,
    HQQ,
    INT8,
    MLX,
    MODELOPT,
    MXFP4,
    NESTED,
    NF4,
    NVFP4,
    PACKED,
    SHUFFLED,
    STEM,
    TABLE,
    gptq_config,
    in_memory,
    mlx_config,
    random_matrix,
    same,
    under,
)

from registry.checkpoints import open_checkpoint
from registry.checkpoints.dtypes import of
from registry.checkpoints.quantised import dequantised
from registry.errors import CheckpointError, QuantisedWeights
from registry.fingerprints.compute import compute
from registry.report.fingerprints import fingerprint_json

FP8, FP8_WIDE = torch.float8_e4m3fn, torch.float8_e5m2
BF16, F16, F32 = torch.bfloat16, torch.float16, torch.float32
V2 = gptq_config(checkpoint_format="gptq_v2")
BLOCKS = {"quantization_config": {"quant_method": "fp8", "weight_block_size": [48, 40]}}
WRITERS = {
    **{
        f"gptq {b}-bit": (partial(q.gptq, bits=b), gptq_config(), f"gptq {b}-bit")
        for b in (2, 3, 4, 8)
    },
    **{
        f"gptq v2 {b}-bit": (partial(q.gptq, bits=b, version=2), V2, f"gptq {b}-bit")
        for b in (2, 3, 4, 8)
    },
    "gptq desc_act": (partial(q.gptq, order=SHUFFLED), gptq_config(), "gptq 4-bit"),
    "gptq group_size -1": (partial(q.gptq, size=64), gptq_config(group_size=-1), "gptq 4-bit"),
    "gptq without config": (partial(q.gptq, dtype=BF16), None, "gptq 4-bit"),
    "gptq uneven groups": (partial(q.gptq, size=24), gptq_config(group_size=24), "gptq 4-bit"),
    "awq": (q.awq, None, "awq 4-bit"),
    "awq one group": (
        partial(q.awq, size=64),
        {"quantization_config": {"group_size": -1}},
        "awq 4-bit",
    ),
    "bitsandbytes int8": (q.bitsandbytes_int8, None, "bitsandbytes int8"),
    "nf4": (q.bitsandbytes_4bit, None, "bitsandbytes nf4"),
    "nf4 fp16": (partial(q.bitsandbytes_4bit, dtype=F16), None, "bitsandbytes nf4"),
    "nf4 nested": (partial(q.bitsandbytes_4bit, nested=True), None, "bitsandbytes nf4"),
    "nf4 last block short": (partial(q.bitsandbytes_4bit, block=4096), None, "bitsandbytes nf4"),
    "fp4": (partial(q.bitsandbytes_4bit, kind="fp4", dtype=F32), None, "bitsandbytes fp4"),
    "fp4 nested": (
        partial(q.bitsandbytes_4bit, kind="fp4", nested=True, dtype=F16),
        None,
        "bitsandbytes fp4",
    ),
    "fp8 per tensor": (partial(q.scaled, height=96, width=96), None, "fp8 e4m3"),
    "fp8 e5m2": (partial(q.scaled, height=96, width=96, kind=FP8_WIDE), None, "fp8 e5m2"),
    "fp8 per row": (partial(q.scaled, height=1, width=96, dtype=BF16), None, "fp8 e4m3"),
    "fp8 blocks": (partial(q.scaled, height=48, width=40, name="_scale_inv"), BLOCKS, "fp8 e4m3"),
    "fp8 even blocks": (partial(q.scaled, height=32, width=32, dtype=F16), None, "fp8 e4m3"),
    "int8 per row": (partial(q.scaled, height=1, width=96, kind=torch.int8), None, "int8"),
    "int8 groups, zero points": (
        partial(q.scaled, height=1, width=32, kind=torch.int8, zeros=7),
        None,
        "int8",
    ),
    "compressed int4": (q.compressed, None, "compressed-tensors int4"),
    "compressed int8": (partial(q.compressed, bits=8), None, "compressed-tensors int8"),
    "compressed int3": (partial(q.compressed, bits=3), None, "compressed-tensors int3"),
    "compressed asymmetric": (
        partial(q.compressed, asymmetric=True),
        None,
        "compressed-tensors int4",
    ),
    "compressed per row": (partial(q.compressed, size=96), None, "compressed-tensors int4"),
    "compressed g_idx": (partial(q.compressed, order=SHUFFLED), None, "compressed-tensors int4"),
    **{
        f"mlx {b}-bit": (partial(q.mlx, bits=b), mlx_config(b), f"mlx {b}-bit")
        for b in (2, 3, 4, 5, 6, 8)
    },
    "mlx bf16": (partial(q.mlx, dtype=BF16), mlx_config(4), "mlx 4-bit"),
    **{f"hqq {b}-bit": (partial(q.hqq, bits=b), None, f"hqq {b}-bit") for b in (1, 2, 3, 4, 8)},
    **{
        f"hqq {b}-bit axis 0": (partial(q.hqq, bits=b, axis=0), None, f"hqq {b}-bit")
        for b in (2, 3, 4, 8)
    },
    "hqq bf16": (partial(q.hqq, dtype=BF16, size=64), None, "hqq 4-bit"),
    "hqq kept as floats": (partial(q.hqq, as_float=True), None, "hqq 4-bit"),
    "hqq 3-bit kept as floats": (partial(q.hqq, bits=3, as_float=True), None, "hqq 3-bit"),
    "nvfp4": (q.fp4, None, "nvfp4"),
    "nvfp4 modelopt": (partial(q.fp4, layout="modelopt"), None, "nvfp4"),
    "mxfp4 packed": (partial(q.fp4, layout="mx", size=32), None, "mxfp4"),
    "bitnet": (f.bitnet, None, "bitnet"),
    "bitnet, multiplied": (
        partial(f.bitnet, multiplies=True),
        {"quantization_config": {"quant_method": "bitnet", "linear_class": "autobitlinear"}},
        "bitnet",
    ),
    "quanto int8": (
        partial(f.in_pieces, part=".weight._data", scale=".weight._scale"),
        None,
        "int8",
    ),
    "quanto fp8": (
        partial(f.in_pieces, part=".weight._data", scale=".weight._scale", dtype=FP8),
        None,
        "fp8 e4m3",
    ),
    "torchao fp8": (
        partial(f.in_pieces, part="._weight_qdata", scale="._weight_scale", dtype=FP8),
        None,
        "fp8 e4m3",
    ),
    "torchao int8": (
        partial(
            f.in_pieces,
            part="._weight_qdata",
            scale="._weight_scale",
            zeros="._weight_zero_point",
        ),
        None,
        "int8",
    ),
    "fp8 of other exponents": (
        partial(f.in_pieces, part=".weight", scale=".weight_scale", dtype=torch.float8_e4m3fnuz),
        None,
        "fp8 e4m3fnuz",
    ),
    "Mistral's fp8": (
        partial(f.in_pieces, part=".weight", scale=".qscale_weight", dtype=FP8),
        None,
        "fp8 e4m3",
    ),
    "mxfp8": (f.mxfp8, None, "fp8 e4m3"),
    "sparse 2:4": (f.sparse, None, "compressed-tensors sparse"),
    "sparse": (partial(f.sparse, two_of_four=False), None, "compressed-tensors sparse"),
    "sparse 2:4 in fp8": (partial(f.sparse, fp8=True), None, "compressed-tensors sparse"),
    "weight_g and weight_v": (
        partial(f.normalised, lengths=".weight_g", directions=".weight_v"),
        None,
        None,
    ),
    "weight normalisation": (
        partial(
            f.normalised,
            lengths=".parametrizations.weight.original0",
            directions=".parametrizations.weight.original1",
        ),
        None,
        None,
    ),
    "pruned with a mask": (f.masked, None, None),
}
WHOLE = ("gptq 3-bit", "awq", "bitsandbytes int8", "nf4 nested", "fp8 blocks", "compressed asymmetric", "mlx 6-bit",
         "hqq 3-bit", "nvfp4")  # fmt: skip
ANY_SHAPE = [name for name in WRITERS if not re.search("desc_act|g_idx|uneven|-1|one group", name)]
KINDS = [F16, BF16, F32, torch.int8, torch.uint8, torch.int32, torch.uint32, torch.int64, FP8]
PARTS = sorted(
    {part for parts in (GPTQ, INT8, NF4, NESTED, TABLE, PACKED, MLX, HQQ, NVFP4) for part in parts}
)


@pytest.mark.parametrize(("writer", "config", "stored"), WRITERS.values(), ids=WRITERS)
def test_values_are_those_of_the_definition(tmp_path, writer, config, stored):
    """The parts become one entry with the plain name and exactly the values that the format defines."""
    parts, expected = writer(random_matrix())
    others = {"model.norm.weight": torch.ones(4), STEM + ".bias": torch.ones(64)}
    folder = write_folder(tmp_path, under(STEM, parts) | others, config)
    entries = {entry.name: entry for entry in open_checkpoint(folder).entries}
    assert set(entries) == {STEM + ".weight", *others}
    entry = entries[STEM + ".weight"]
    assert (entry.shape, entry.dtype, entry.stored) == (
        tuple(expected.shape),
        of(expected.dtype),
        stored,
    )
    assert same(entry.load(), expected)
    assert entries["model.norm.weight"].stored is None


@pytest.mark.parametrize("name", WHOLE)
def test_whole_models_are_fingerprinted(tmp_path, name):
    """A model has the fingerprint of its dequantised copy and says how it was stored; lm_head stays plain."""
    writer, config, stored = WRITERS[name]
    plain = llama(layers=1, hidden=64, inner=64, keys=64) | {"lm_head.weight": torch.randn(32, 64)}
    quantised, expected = {}, {}
    for tensor, matrix in plain.items():
        if "_proj" in tensor:
            parts, expected[tensor] = writer(matrix)
            quantised |= under(tensor.removesuffix(".weight"), parts)
        else:
            quantised[tensor] = expected[tensor] = matrix
    found = compute(open_checkpoint(write_folder(tmp_path / "quantised", quantised, config)))
    copy = compute(open_checkpoint(write_folder(tmp_path / "plain", expected)))
    assert (found.digest, found.std, found.clusterings) == (copy.digest, copy.std, copy.clusterings)
    assert (found.stored, copy.stored, found.dtype) == (stored, None, copy.dtype)
    assert fingerprint_json(found)["stored"] == stored


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(ANY_SHAPE), st.integers(1, 3), st.integers(1, 3), st.integers(0, 99))
def test_any_shape_reads_back(name, rows, cols, seed):
    """Multiples of the words' and groups' lengths, whatever the scheme."""
    writer, config, _ = WRITERS[name]
    matrix = random_matrix(32 * rows, 32 * cols, seed)
    parts, expected = writer(matrix)
    (entry,) = dequantised(in_memory(under(STEM, parts)), config or {})
    assert same(entry.load(), expected)


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.uint32, FP8], ids=str)
def test_unknown_schemes_are_refused(tmp_path, dtype):
    """A projection of whole numbers or bare fp8 that no scheme explains stays what it is and is refused."""
    tensors = {name: t.to(dtype) if "q_proj" in name else t for name, t in llama(scale=50).items()}
    with pytest.raises(QuantisedWeights, match=r"q_proj\.weight"):
        compute(open_checkpoint(write_folder(tmp_path, tensors)))


@settings(deadline=None, max_examples=120)
@given(
    st.sampled_from(
        [GPTQ, AWQ, INT8, NF4, NESTED, TABLE, PACKED, MLX, HQQ, NVFP4, MODELOPT, MXFP4]
    ),
    st.sampled_from(PARTS),
    st.lists(st.integers(0, 70), max_size=3),
    st.sampled_from(KINDS),
    st.binary(min_size=16, max_size=16),
)
def test_any_part_may_be_nonsense(parts, part, shape, kind, content):
    """One part swapped for random bytes of a random type and shape: a tensor as stated, or one CheckpointError."""
    count = kind.itemsize * torch.Size(shape).numel()
    noise = (
        torch.tensor(list(content), dtype=torch.uint8)
        .repeat(count // 16 + 1)[:count]
        .view(kind)
        .view(shape)
    )
    try:
        for entry in dequantised(in_memory(under("x", {**parts, part: noise})), mlx_config(4)):
            tensor = entry.load()
            assert (tensor.shape, of(tensor.dtype)) == (entry.shape, entry.dtype)
    except CheckpointError:
        pass
