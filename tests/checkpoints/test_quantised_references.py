"""registry.checkpoints.quantised against the libraries that write and read these formats."""

import pytest
import torch
from checkpoints_made import write_folder

from registry.checkpoints import open_checkpoint
from registry.checkpoints.dtypes import of
from registry.checkpoints.quantised import dequantised
from registry.checkpoints.tensors import Entry
from registry.errors import IncompleteQuantisation

BF16, F16, F32 = torch.bfloat16, torch.float16, torch.float32
IDS = {"ids": str}


def matrix(dtype=F32, rows=64, cols=256):
    return (0.05 * torch.randn(rows, cols, generator=torch.Generator().manual_seed(0))).to(dtype)


def read(parts, config=None):
    """The one plain tensor that parts make up."""
    entries = [
        Entry(f"x.{name}", of(t.dtype), tuple(t.shape), t.detach) for name, t in parts.items()
    ]
    (entry,) = dequantised(entries, config or {})
    tensor = entry.load()
    assert (tensor.shape, of(tensor.dtype)) == (entry.shape, entry.dtype)
    return tensor


@pytest.mark.parametrize("nested", [False, True], ids=["single", "double"])
@pytest.mark.parametrize("dtype", [F32, F16, BF16], **IDS)
@pytest.mark.parametrize("kind", ["nf4", "fp4"])
def test_bitsandbytes_4bit(kind, dtype, nested):
    """Bitsandbytes dequantises its own weights to the same values."""
    library = pytest.importorskip("bitsandbytes.functional")
    packed, state = library.quantize_4bit(
        matrix(dtype), blocksize=64, quant_type=kind, compress_statistics=nested
    )
    expected = library.dequantize_4bit(packed, state)
    parts = {
        "weight": packed,
        **{f"weight.{name}": t for name, t in state.as_dict(packed=True).items()},
    }
    assert torch.equal(read(parts), expected)
    assert read(parts).dtype == dtype


def test_bitsandbytes_int8():
    """The same of LLM.int8()."""
    library = pytest.importorskip("bitsandbytes.functional")
    numbers, scales, _ = library.int8_vectorwise_quant(matrix(F16))
    expected = library.int8_vectorwise_dequant(numbers, scales)
    assert torch.equal(read({"weight": numbers, "SCB": scales}), expected)


STRATEGIES = {
    "tensor": ({"strategy": "tensor"}, (1,)),
    "channel": ({"strategy": "channel"}, (64, 1)),
    "group": ({"strategy": "group", "group_size": 32}, (64, 8)),
}


@pytest.mark.parametrize("dtype", [F32, F16, BF16], **IDS)
@pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "asymmetric"])
@pytest.mark.parametrize("strategy", ["channel", "group"])
@pytest.mark.parametrize("bits", range(2, 9))
def test_compressed_tensors_packed(bits, strategy, symmetric, dtype):
    """compressed-tensors unpacks its own words to the same values."""
    library = pytest.importorskip(
        "compressed_tensors.compressors.pack_quantized.base"
    ).PackedQuantizationCompressor
    state, scheme, config = compressed(library, dtype, strategy, num_bits=bits, symmetric=symmetric)
    assert torch.equal(read(state, config), library.decompress(state, scheme)["weight"])


@pytest.mark.parametrize("dtype", [F32, F16, BF16], **IDS)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("kind", "symmetric"), [("float", True), ("int", True), ("int", False)])
def test_compressed_tensors_plain(kind, symmetric, strategy, dtype):
    """The same of weights that it keeps as fp8 or int8."""
    library = pytest.importorskip(
        "compressed_tensors.compressors.naive_quantized.base"
    ).NaiveQuantizationCompressor
    state, scheme, config = compressed(
        library, dtype, strategy, num_bits=8, symmetric=symmetric, type=kind
    )
    assert torch.equal(read(state, config), library.decompress(state, scheme)["weight"])


def compressed(library, dtype, strategy, **options):
    """What the library stores of a random matrix, its scheme, and the config that goes with it."""
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    told, shape = STRATEGIES[strategy]
    scheme = QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(**told, **options))
    draw = torch.Generator().manual_seed(1)
    point = torch.zeros(shape, dtype=torch.int8)
    if not options["symmetric"]:
        point = torch.randint(-2, 2, shape, dtype=torch.int8, generator=draw)
    state = {
        "weight": matrix(dtype),
        "weight_scale": (0.01 + 0.01 * torch.rand(shape, generator=draw)).to(dtype),
    }
    weights = {**told, **options}
    config = {"quantization_config": {"config_groups": {"group_0": {"weights": weights}}}}
    return library.compress(state | {"weight_zero_point": point}, scheme), scheme, config


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_mlx(tmp_path, bits, size, dtype):
    """MLX's own files, read as MLX reads them."""
    mx = pytest.importorskip("mlx.core")
    weights = mx.array(matrix().numpy()).astype(getattr(mx, dtype))
    words, scales, biases = mx.quantize(weights, group_size=size, bits=bits)
    expected = mx.dequantize(words, scales, biases, size, bits).astype(mx.float32)
    folder = write_folder(tmp_path, {}, {"quantization": {"group_size": size, "bits": bits}})
    parts = {"x.weight": words, "x.scales": scales, "x.biases": biases}
    mx.save_safetensors(str(folder / "model.safetensors"), parts)
    (entry,) = open_checkpoint(folder).entries
    assert entry.load().float().tolist() == expected.tolist()
    assert entry.dtype.name == dtype


def test_mxfp4():
    """Transformers turns GPT-OSS' blocks into the same experts, for every power of two but the largest."""
    library = pytest.importorskip("transformers.integrations.mxfp4")
    draw = torch.Generator().manual_seed(0)
    blocks = torch.randint(0, 256, (3, 85, 4, 16), dtype=torch.uint8, generator=draw)
    scales = torch.arange(3 * 85 * 4).remainder(252).to(torch.uint8).view(3, 85, 4)
    expected = library.convert_moe_packed_tensors(blocks, scales)
    entries = {"x_proj_blocks": blocks, "x_proj_scales": scales}
    (entry,) = dequantised(
        [Entry(n, of(t.dtype), tuple(t.shape), t.detach) for n, t in entries.items()], {}
    )
    assert torch.equal(entry.load(), expected)


def test_fine_grained_fp8():
    """Transformers multiplies blocks by weight_scale_inv to the same values."""
    library = pytest.importorskip("transformers.integrations.finegrained_fp8")
    weight, scales = matrix(rows=256).to(torch.float8_e4m3fn), torch.rand(2, 2) + 0.1
    expected = library.Fp8Dequantize(None)._dequantize_one(weight, scales, F32)
    config = {"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}
    assert torch.equal(read({"weight": weight, "weight_scale_inv": scales}, config), expected)


@pytest.mark.parametrize("dtype", [F32, F16, BF16], **IDS)
def test_compressed_tensors_nvfp4(dtype):
    """compressed-tensors unpacks its own NVFP4 to the same values."""
    library = pytest.importorskip("compressed_tensors.compressors.nvfp4.base").NVFP4PackedCompressor
    from compressed_tensors.quantization.quant_scheme import NVFP4A16, QuantizationScheme

    scheme = QuantizationScheme(targets=["Linear"], **NVFP4A16)
    whole = 448 * 6 / matrix().abs().amax().reshape(1)
    scales = (
        (matrix().unflatten(1, (-1, 16)).abs().amax(2) / 6 * whole)
        .to(torch.float8_e4m3fn)
        .to(dtype)
    )
    state = {"weight": matrix(dtype), "weight_scale": scales, "weight_global_scale": whole}
    state = library.compress(state, scheme)
    assert torch.equal(read(state), library.decompress(state, scheme)["weight"])


def test_compressed_tensors_mxfp4():
    """The same of MXFP4."""
    library = pytest.importorskip("compressed_tensors.compressors.mxfp4.base").MXFP4PackedCompressor
    from compressed_tensors.quantization.quant_scheme import MXFP4A16, QuantizationScheme

    scheme = QuantizationScheme(targets=["Linear"], **MXFP4A16)
    scales = (matrix().unflatten(1, (-1, 32)).abs().amax(2).log2().floor() - 2).exp2()
    state = library.compress({"weight": matrix(BF16), "weight_scale": scales.to(BF16)}, scheme)
    assert torch.equal(read(state), library.decompress(state, scheme)["weight"])


@pytest.mark.parametrize("as_float", [False, True], ids=["numbers", "floats"])
@pytest.mark.parametrize("dtype", [F32, F16, BF16], **IDS)
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("bits", [8, 6, 4, 3, 2, 1.58, 1])
def test_hqq(bits, axis, dtype, as_float):
    """HQQ's own layer, saved as safetensors have it, has the same weights."""
    library = pytest.importorskip("hqq.core.quantize")
    config = library.BaseQuantizeConfig(
        nbits=bits, group_size=64, axis=axis, view_as_float=as_float
    )
    linear = torch.nn.Linear(256, 64)
    linear.weight.data = matrix()
    layer = library.HQQLinear(linear, config, compute_dtype=dtype, device="cpu")
    state = {name: tensor for name, tensor in layer.state_dict().items() if tensor is not None}
    bias = state.pop("bias")
    assert torch.equal(read(state), layer.dequantize())
    assert bias.dtype == dtype


def test_hqqs_own_file(tmp_path):
    """There the shape is no tensor, and the missing part is named."""
    library = pytest.importorskip("hqq.core.quantize")
    layer = library.HQQLinear(
        torch.nn.Linear(256, 64), library.BaseQuantizeConfig(nbits=4), device="cpu"
    )
    layer.encoded_state_dict = False
    torch.save(
        {"model.layers.0.self_attn.q_proj": dict(layer.state_dict())}, tmp_path / "qmodel.pt"
    )
    with pytest.raises(IncompleteQuantisation, match=r"q_proj\.weight' has 'W_q' but lacks shape"):
        open_checkpoint(tmp_path)
