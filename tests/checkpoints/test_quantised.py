"""registry.checkpoints.quantised."""

import json
import re
from functools import partial

import pytest
import quantisers as q
import torch
from checkpoints_made import llama, write_folder
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.checkpoints import open_checkpoint
from registry.checkpoints.dtypes import of
from registry.checkpoints.quantised import dequantised
from registry.checkpoints.quantised.bits import BLOCK, E2M1, fill_rows, unpack
from registry.checkpoints.tensors import Entry
from registry.errors import (
    BrokenQuantisation,
    CheckpointError,
    IncompleteQuantisation,
    QuantisedWeights,
    UnknownQuantisation,
)
from registry.fingerprints.compute import compute
from registry.report.fingerprints import fingerprint_json

STEM = "model.layers.0.self_attn.q_proj"
SHUFFLED = torch.randperm(64, generator=torch.Generator().manual_seed(1)).tolist()
FP8, FP8_WIDE = torch.float8_e4m3fn, torch.float8_e5m2
BF16, F16, F32 = torch.bfloat16, torch.float16, torch.float32


def gptq_config(**more):
    return {"quantization_config": {"quant_method": "gptq", "group_size": 32, **more}}


def mlx_config(bits, size=32):
    return {"quantization": {"group_size": size, "bits": bits}}


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
}
WHOLE = ("gptq 3-bit", "awq", "bitsandbytes int8", "nf4 nested", "fp8 blocks", "compressed asymmetric", "mlx 6-bit",
         "hqq 3-bit", "nvfp4")  # fmt: skip


def random_matrix(rows=64, cols=64, seed=0):
    return 0.05 * torch.randn(rows, cols, generator=torch.Generator().manual_seed(seed))


def under(stem, parts):
    return {stem + part: tensor for part, tensor in parts.items()}


def in_memory(tensors):
    return [
        Entry(name, of(t.dtype), tuple(t.shape), partial(torch.Tensor.detach, t))
        for name, t in tensors.items()
    ]


def same(left, right):
    return left.dtype == right.dtype and torch.equal(left, right)


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


def test_experts_in_mxfp4(tmp_path):
    """GPT-OSS' experts come out as experts x inputs x outputs; every power of two is exact."""
    draw = torch.Generator().manual_seed(0)
    parts, expected = q.mxfp4(
        torch.randn(2, 64, 24, generator=draw) * 10.0 ** torch.arange(-6, 6).repeat(2)
    )
    name = "model.layers.0.mlp.experts.gate_up_proj"
    (entry,) = open_checkpoint(write_folder(tmp_path, under(name, parts))).entries
    assert (entry.name, entry.stored, entry.shape) == (name, "mxfp4", (2, 64, 24))
    assert same(entry.load(), expected)


def test_experts_in_fp8():
    """Experts in one tensor have their scales beside them, named without `.weight`."""
    rows = [q.scaled(random_matrix(48, 64, seed), 24, 32, name="_scale_inv") for seed in range(3)]
    experts = {"x_proj": torch.stack([parts[".weight"] for parts, _ in rows])}
    experts["x_proj_scale_inv"] = torch.stack([parts[".weight_scale_inv"] for parts, _ in rows])
    (entry,) = dequantised(in_memory(experts), {})
    assert (entry.name, entry.stored) == ("x_proj", "fp8 e4m3")
    assert same(entry.load(), torch.stack([values for _, values in rows]))


def test_mlx_settings_of_one_module():
    """MLX's config may give single modules other bits; three-dimensional weights are experts."""
    rows = [q.mlx(random_matrix(8, 64, seed), bits=3) for seed in range(2)]
    experts = {part: torch.stack([parts[part] for parts, _ in rows]) for part in rows[0][0]}
    config = {"quantization": {"group_size": 64, "bits": 4, STEM: {"group_size": 32, "bits": 3}}}
    (entry,) = dequantised(in_memory(under(STEM, experts)), config)
    assert (entry.shape, entry.stored) == ((2, 8, 64), "mlx 3-bit")
    assert same(entry.load(), torch.stack([values for _, values in rows]))


def test_calibration_goes_with_its_weights():
    """Scales of activations say nothing of the weights and are no tensors of their own."""
    parts, _ = q.scaled(random_matrix(), 96, 96)
    entries = dequantised(in_memory(under("x", parts) | {"x.input_scale": torch.ones(1)}), {})
    assert [entry.name for entry in entries] == ["x.weight"]


def test_unfilled_group_indices_are_no_permutation():
    """A g_idx of zeros, as old writers left it, means groups in order."""
    parts, expected = q.gptq(random_matrix())
    (entry,) = dequantised(
        in_memory(under("x", parts | {".g_idx": torch.zeros(64, dtype=torch.int32)})), {}
    )
    assert same(entry.load(), expected)


def test_bytes_in_another_type():
    """Bitsandbytes keeps its bytes in any type (quant_storage); they are the same bytes."""
    parts, expected = q.bitsandbytes_4bit(random_matrix())
    parts[".weight"] = parts[".weight"].flatten().view(BF16).reshape(-1, 1)
    (entry,) = dequantised(in_memory(under("x", parts)), {})
    assert same(entry.load(), expected)


def test_a_row_of_zeros_is_no_error():
    """Bitsandbytes writes a scale of 0 for a row or block of zeros."""
    matrix = random_matrix()
    matrix[3:5] = 0
    int8, _ = q.bitsandbytes_int8(matrix)
    int8[".weight"][3:5] = 0
    nf4, _ = q.bitsandbytes_4bit(matrix)
    for parts in (int8, nf4):
        (entry,) = dequantised(in_memory(under("x", parts)), {})
        assert not entry.load()[3:5].any()
        assert entry.load()[:3].any()


def test_long_rows_are_unpacked_in_blocks():
    """Blocks of rows join up to the whole matrix."""
    calls = []
    matrix = fill_rows(
        torch.empty(5, BLOCK // 2), lambda rows: calls.append(rows) or torch.ones(1) * rows.start
    )
    assert matrix[:, 0].tolist() == [0, 0, 2, 2, 4]
    assert [rows.start for rows in calls] == [0, 2, 4]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 8), st.integers(1, 70), st.integers(1, 4), st.randoms(use_true_random=False))
def test_unpacking_undoes_packing(bits, count, rows, draw):
    """Any bits, any length: the numbers come back."""
    numbers = torch.tensor([[draw.randrange(1 << bits) for _ in range(count)] for _ in range(rows)])
    assert unpack(q.packed_rows(numbers, bits), bits, count).tolist() == numbers.tolist()


ANY_SHAPE = [name for name in WRITERS if not re.search("desc_act|g_idx|uneven|-1|one group", name)]


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(ANY_SHAPE), st.integers(1, 3), st.integers(1, 3), st.integers(0, 99))
def test_any_shape_reads_back(name, rows, cols, seed):
    """Multiples of the words' and groups' lengths, whatever the scheme."""
    writer, config, _ = WRITERS[name]
    matrix = random_matrix(32 * rows, 32 * cols, seed)
    parts, expected = writer(matrix)
    (entry,) = dequantised(in_memory(under(STEM, parts)), config or {})
    assert same(entry.load(), expected)


def test_words_of_two_packings():
    """Kept as floats, words of 3 bits look like words of 4: scales tell."""
    parts, expected = q.hqq(random_matrix(32, 32, 0), bits=3, as_float=True)
    (entry,) = dequantised(in_memory(under(STEM, parts)), {})
    assert entry.stored == "hqq 3-bit"
    assert same(entry.load(), expected)


def test_known_values():
    """e2m1 as the specification lists it."""
    assert list(E2M1) == [q.e2m1(i) for i in range(16)]
    assert E2M1[:8] == (0, 0.5, 1, 1.5, 2, 3, 4, 6)


def broken(parts, **changes):
    return {**parts, **{f".{name.replace('__', '.')}": tensor for name, tensor in changes.items()}}


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
STATE = ".weight.quant_state.bitsandbytes__nf4"


def state(**changes):
    told = json.loads(bytes(NF4[STATE].tolist())) | changes
    return {**NF4, STATE: torch.tensor(list(json.dumps(told).encode()), dtype=torch.uint8)}


def changed(tensor, value):
    tensor = tensor.clone()
    tensor.view(-1)[5] = value
    return tensor


INTS = torch.zeros(64, 64, dtype=torch.int32)
BROKEN = {
    "zero scale": (broken(GPTQ, scales=changed(GPTQ[".scales"], 0)), "'scales' holds zero"),
    "NaN scale": (broken(AWQ, scales=changed(AWQ[".scales"], torch.nan)), "'scales' holds NaN"),
    "infinite scale": (
        broken(TABLE, weight_scale=changed(torch.ones(8, 8), torch.inf)),
        "holds NaN or infinity",
    ),
    "NaN absmax": (
        broken(NF4, weight__absmax=changed(NF4[".weight.absmax"], torch.nan)),
        "holds NaN",
    ),
    "NaN bias": (broken(MLX, biases=changed(MLX[".biases"], torch.nan)), "'biases' holds NaN"),
    "group too high": (broken(GPTQ, g_idx=changed(GPTQ[".g_idx"], 2)), "names a missing group"),
    "group below zero": (broken(GPTQ, g_idx=changed(GPTQ[".g_idx"], -7)), "names a missing group"),
    "g_idx too short": (broken(GPTQ, g_idx=GPTQ[".g_idx"][:9]), "one number for each input"),
    "zeros too few": (broken(GPTQ, qzeros=GPTQ[".qzeros"][:, :3]), "known are"),
    "zeros of another height": (broken(GPTQ, qzeros=GPTQ[".qzeros"][:1]), "do not fit each other"),
    "scales of another width": (
        broken(GPTQ, scales=GPTQ[".scales"][:, :8]),
        "do not fit each other",
    ),
    "empty": (broken(GPTQ, qweight=torch.empty(0, 64, dtype=torch.int32)), "has the shape [0, 64]"),
    "flat": (broken(GPTQ, scales=torch.ones(64)), "has the shape [64]"),
    "integer scales": (broken(GPTQ, scales=GPTQ[".scales"].int()), "'scales' is stored as int32"),
    "too many groups": (
        broken(AWQ, scales=torch.ones(65, 64), qzeros=INTS.repeat(2, 1)[:65, :8]),
        "65 groups",
    ),
    "awq zeros": (broken(AWQ, qzeros=INTS), "do not fit each other"),
    "SCB too short": (broken(INT8, SCB=torch.ones(3)), "one number for each row"),
    "turing layout": (
        broken(INT8, weight_format=torch.tensor(2, dtype=torch.uint8)),
        "'weight_format' is [2]",
    ),
    "absmax too short": (broken(NF4, weight__absmax=torch.ones(3)), "has not 64 numbers"),
    "code book too short": (broken(NF4, weight__quant_map=torch.ones(3)), "has not 16 numbers"),
    "bytes too few": (broken(NF4, weight=NF4[".weight"][:9]), "do not make up"),
    "state is no JSON": ({**NF4, STATE: NF4[STATE][:40]}, "not a JSON object"),
    "state is a list": (
        {**NF4, STATE: torch.tensor(list(b"[[]]"), dtype=torch.uint8)},
        "not a JSON object",
    ),
    "state is long": ({**NF4, STATE: torch.zeros(1 << 17, dtype=torch.uint8)}, "too long"),
    "hostile shape": (state(shape=[1 << 39, 1 << 39]), "do not make up"),
    "negative shape": (state(shape=[-64, -64]), "the shape [-64, -64]"),
    "shape of words": (state(shape="64"), "the shape 64"),
    "unknown block size": (state(blocksize=3), "blocksize is 3"),
    "unknown dtype": (state(dtype=["float64"]), "dtype is"),
    "nested offset NaN": (state(nested_offset=float("nan")), "nested_offset"),
    "nested parts lost": (
        broken(NF4, weight__absmax=NESTED[".weight.absmax"]),
        "'weight.nested_absmax' is missing",
    ),
    "scales do not cover": (broken(TABLE, weight_scale=torch.ones(3, 2)), "does not cover"),
    "scales of three dimensions": (
        broken(TABLE, weight_scale=torch.ones(2, 2, 2)),
        "does not cover",
    ),
    "no scales": (broken(TABLE, weight_scale=torch.ones(0)), "does not cover"),
    "zero point amiss": (
        broken(TABLE, weight_zero_point=torch.ones(3, dtype=torch.int8)),
        "does not go with",
    ),
    "other rows": (broken(PACKED, weight_shape=torch.tensor([63, 64])), "says 63 rows"),
    "other width": (broken(PACKED, weight_shape=torch.tensor([64, 1 << 62])), "do not hold"),
    "negative width": (broken(PACKED, weight_shape=torch.tensor([64, -64])), "do not hold"),
    "shape of three": (broken(PACKED, weight_shape=torch.tensor([64, 64, 1])), "not two numbers"),
    "packed scales": (broken(PACKED, weight_scale=torch.ones(3, 2)), "does not go with"),
    "packed zeros": (broken(PACKED, weight_zero_point=INTS), "has the wrong size"),
    "mlx biases": (broken(MLX, biases=torch.ones(3)), "do not fit each other"),
    "mlx words": (broken(MLX, weight=MLX[".weight"][:, :3]), "3 words do not hold"),
    "hqq words": (broken(HQQ, W_q=HQQ[".W_q"][:9]), "do not hold 4,096 numbers"),
    "hqq wide words": (broken(HQQ, W_q=HQQ[".W_q"].int()), "do not hold 4,096 numbers"),
    "hqq shape": (broken(HQQ, shape=torch.tensor([1 << 40, 1 << 40])), "do not hold"),
    "hqq shape of three": (broken(HQQ, shape=torch.tensor([2, 2, 2])), "not two numbers"),
    "hqq negative shape": (broken(HQQ, shape=torch.tensor([-64, -64])), "its shape is [-64, -64]"),
    "hqq scales": (broken(HQQ, scale=torch.ones(3, 1)), "'scale' of [3, 1] does not go with"),
    "hqq zero is NaN": (broken(HQQ, zero=changed(HQQ[".zero"], torch.nan)), "'zero' holds NaN"),
    "nvfp4 scales": (
        broken(NVFP4, weight_scale=NVFP4[".weight_scale"][:, :3]),
        "'weight_scale' has the wrong size",
    ),
    "nvfp4 global": (
        broken(NVFP4, weight_global_scale=torch.ones(2)),
        "'weight_global_scale' is not one number",
    ),
    "nvfp4 global zero": (
        broken(NVFP4, weight_global_scale=torch.zeros(1)),
        "'weight_global_scale' holds zero",
    ),
    "modelopt second": (
        broken(MODELOPT, weight_scale_2=torch.tensor(torch.inf)),
        "'weight_scale_2' holds NaN",
    ),
    "mxfp4 NaN": (
        broken(MXFP4, weight_scale=changed(MXFP4[".weight_scale"], 255)),
        "'weight_scale' holds NaN",
    ),
}


@pytest.mark.parametrize(("parts", "said"), BROKEN.values(), ids=BROKEN)
def test_what_does_not_fit_is_one_sentence(parts, said):
    """Parts that contradict each other are an error that names the tensor."""
    with pytest.raises(BrokenQuantisation) as caught:
        [entry.load() for entry in dequantised(in_memory(under(STEM, parts)), mlx_config(4))]
    assert said in str(caught.value)
    assert STEM + ".weight" in str(caught.value)


CONFIGS = {
    "marlin": (GPTQ, gptq_config(checkpoint_format="marlin"), "layout is called 'marlin'"),
    "a list": (GPTQ, gptq_config(checkpoint_format=["gptq"]), "layout is called"),
    "auto-round's own": (
        GPTQ,
        {"quantization_config": {"quant_method": "auto-round"}},
        "called 'auto-round'",
    ),
    "mlx without config": (MLX, {}, "names no group_size and bits"),
    "mlx of 7 bits": (MLX, mlx_config(7), "names no group_size and bits"),
    "mlx of words": (MLX, mlx_config("4"), "names no group_size and bits"),
    "mlx of another mode": (
        MLX,
        {"quantization": {"group_size": 32, "bits": 4, "mode": "mxfp4"}},
        "names no",
    ),
    "mlx of another size": (MLX, mlx_config(4, 64), "words do not hold"),
}


@pytest.mark.parametrize(("parts", "config", "said"), CONFIGS.values(), ids=CONFIGS)
def test_configs_that_are_no_help(parts, config, said):
    """What only the config can tell must be there, and known."""
    with pytest.raises(BrokenQuantisation) as caught:
        dequantised(in_memory(under(STEM, parts)), config)
    assert said in str(caught.value)


SHAPELESS = [
    {"quantization_config": x}
    for x in (None, 3, "gptq", [], {"config_groups": 3, "group_size": "x"})
]
SHAPELESS += [
    {"text_config": 7},
    {"quantization_config": {"config_groups": {"a": 1, "b": {"weights": 2}}}},
]
SHAPELESS += [{"quantization_config": {"weight_block_size": [None, "x"], "group_size": 1e300}}]


@pytest.mark.parametrize("config", SHAPELESS, ids=str)
def test_nonsense_in_the_config_is_passed_over(config):
    """Where the shapes tell everything, the config may say what it likes."""
    for parts in (GPTQ, AWQ, TABLE, PACKED):
        (entry,) = dequantised(in_memory(under("x", parts)), config)
        assert entry.load().shape == (64, 64)


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


@pytest.mark.parametrize(
    ("name", "parts", "part"), LOST, ids=lambda x: x if isinstance(x, str) else ""
)
def test_missing_parts_are_named(name, parts, part):
    """A group without one of its parts is an error that names both."""
    kept = {key: tensor for key, tensor in parts.items() if key != part}
    with pytest.raises(IncompleteQuantisation) as caught:
        dequantised(in_memory(under(STEM, kept)), {})
    assert STEM + ".weight" in str(caught.value)
    assert part[1:] in caught.value.data["missing"]


def test_stored_twice_is_refused():
    """A tensor that is there plain and quantised could mean either."""
    entries = in_memory(under("x", GPTQ) | {"x.weight": torch.ones(2, 2)})
    with pytest.raises(BrokenQuantisation, match="there unquantised, too"):
        dequantised(entries, {})


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.uint32, FP8], ids=str)
def test_unknown_schemes_are_refused(tmp_path, dtype):
    """A projection of whole numbers or bare fp8 that no scheme explains stays what it is and is refused."""
    tensors = {name: t.to(dtype) if "q_proj" in name else t for name, t in llama(scale=50).items()}
    with pytest.raises(QuantisedWeights, match=r"q_proj\.weight"):
        compute(open_checkpoint(write_folder(tmp_path, tensors)))


@pytest.mark.parametrize("part", [".codebooks", ".Qidxs", ".q_invperm", ".trellis"])
def test_schemes_that_are_not_read_are_named(part):
    """A scheme that is known but not read is refused by its name."""
    with pytest.raises(UnknownQuantisation, match=STEM + part):
        dequantised(in_memory({STEM + part: torch.ones(3)}), {})


def test_pairs_of_floats_are_not_taken_for_int8():
    """int8 beside weight_scale_inv can be FP4, two numbers a byte, and is refused."""
    parts = {".weight": torch.ones(4, 4, dtype=torch.int8), ".weight_scale_inv": torch.ones(4, 1)}
    with pytest.raises(IncompleteQuantisation, match="lacks parts of known types"):
        dequantised(in_memory(under("x", parts)), {})


KINDS = [F16, BF16, F32, torch.int8, torch.uint8, torch.int32, torch.uint32, torch.int64, FP8]
PARTS = sorted(
    {part for parts in (GPTQ, INT8, NF4, NESTED, TABLE, PACKED, MLX, HQQ, NVFP4) for part in parts}
)


@settings(deadline=None, max_examples=200)
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
