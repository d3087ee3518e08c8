"""registry.checkpoints.formats.gguf: files written by llama.cpp's own package."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints_made import llama, write_folder
from gguf import GGUFWriter
from gguf.constants import GGML_QUANT_SIZES
from gguf.constants import GGMLQuantizationType as Kind
from gguf.quants import dequantize, quantize
from gguf_made import converted, loaded, write

from registry.architectures.inspection import inspect
from registry.architectures.layout import layout_of
from registry.checkpoints import open_checkpoint
from registry.errors import (
    FormatNotRead,
    MissingShard,
    QuantisedWeights,
    SeveralCheckpoints,
)
from registry.fingerprints.compute import compute

QUANTISED = [
    Kind.Q4_0,
    Kind.Q4_1,
    Kind.Q5_0,
    Kind.Q5_1,
    Kind.Q8_0,
    Kind.BF16,
    Kind.TQ1_0,
    Kind.TQ2_0,
    Kind.MXFP4,
]
ONLY_READ = [
    kind for kind in Kind if kind.name.startswith(("Q2", "Q3", "Q4_K", "Q5_K", "Q6", "IQ", "NV"))
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Llama in float16."""
    return write(
        tmp_path_factory.mktemp("small") / "m.gguf", converted(llama(), Kind.F16), tokens=10
    )


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(Kind.F16, torch.float16), (Kind.BF16, torch.bfloat16), (Kind.F32, torch.float32)],
)
@pytest.mark.parametrize("split", [0, 5], ids=["one file", "split"])
def test_a_model_keeps_its_fingerprint(tmp_path, kind, dtype, split):
    """A Llama as safetensors and as GGUF of the same type: one fingerprint, bit for bit."""
    tensors = {name: tensor.to(dtype) for name, tensor in llama(seed=3).items()}
    ours = compute(open_checkpoint(write_folder(tmp_path / "a", tensors)))
    write(tmp_path / "b" / "m.gguf", converted(tensors, kind), split=split)
    theirs = compute(open_checkpoint(tmp_path / "b"))
    for fact in (
        "digest",
        "std",
        "clusterings",
        "parameters",
        "layers",
        "hidden_size",
        "dtype",
        "unknown",
    ):
        assert getattr(theirs, fact) == getattr(ours, fact)
    assert [m.digest for m in theirs.matrices] == [m.digest for m in ours.matrices]


def test_eight_bits_are_near(tmp_path):
    """In Q8_0 every weight is within half a step of its block (a float16); the std is within 0.1 percent."""
    tensors = llama(seed=3, hidden=64, inner=96, keys=32)
    ours = compute(open_checkpoint(write_folder(tmp_path / "a", tensors)))
    path = write(tmp_path / "b" / "m.gguf", converted(tensors, Kind.Q8_0))
    theirs = compute(open_checkpoint(path))
    assert theirs.std == pytest.approx(ours.std, rel=1e-3)
    found, name = loaded(path)["blk.0.attn_q.weight"], "model.layers.0.self_attn.q_proj.weight"
    error = (found - tensors[name]).view(-1, 32).abs().amax(1)
    assert (error <= tensors[name].view(-1, 32).abs().amax(1) * (1 / 254 + 1 / 2048)).all()
    assert {entry.stored for entry in open_checkpoint(path).entries} == {"Q8_0", None}


@pytest.mark.parametrize("kind", QUANTISED + ONLY_READ, ids=lambda kind: kind.name)
def test_every_type(tmp_path, kind):
    """Quantised tensors equal what the gguf package makes of them, and the record names the type."""
    block, width = GGML_QUANT_SIZES[kind]
    draw = np.random.default_rng(0)
    if kind in QUANTISED:
        data = quantize(draw.standard_normal((24, 512), np.float32), kind)
    else:
        data = draw.integers(0, 256, (24, 512 // block * width), np.uint8)
    path = write(tmp_path / "m.gguf", {"a": (data, kind)})
    [entry] = open_checkpoint(path).entries
    with np.errstate(all="ignore"):
        expected = dequantize(data, kind)
    assert (entry.shape, entry.stored) == ((24, 512), None if kind == Kind.BF16 else kind.name)
    np.testing.assert_array_equal(entry.load().float().numpy(), expected)
    assert entry.dtype.torch == entry.load().dtype


def test_a_large_tensor_in_groups(tmp_path):
    """Groups and reads that do not divide a tensor leave no gap; beside it little memory is held."""
    data = np.random.default_rng(0).integers(0, 256, (3, 2_000_000 // 256 * 144), np.uint8)
    [entry] = open_checkpoint(write(tmp_path / "m.gguf", {"a": (data, Kind.Q4_K)})).entries
    with np.errstate(all="ignore"):
        expected = dequantize(data, Kind.Q4_K)
    tracemalloc.start()
    found = entry.load()
    peak = tracemalloc.get_traced_memory()[1]  # numpy's and Python's, not torch's
    tracemalloc.stop()
    np.testing.assert_array_equal(found.numpy(), expected)
    assert peak < 30 << 20


def test_a_type_without_a_reader(tmp_path):
    """Types of intermediate results are refused by name."""
    path = write(tmp_path / "m.gguf", {"a": (np.zeros((2, 40), np.uint8), Kind.Q8_1)})
    with pytest.raises(QuantisedWeights, match=r"'a' is stored quantised \(Q8_1\)"):
        open_checkpoint(path)


def test_experts(tmp_path):
    """Experts stand in one tensor a projection, a shared one beside them; each is a matrix of its own."""
    shapes = {
        "attn_output": (32, 32),
        "ffn_gate_exps": (3, 24, 32),
        "ffn_up_exps": (3, 24, 32),
        "ffn_down_exps": (3, 32, 24),
    }
    shapes |= {
        "ffn_gate_shexp": (16, 32),
        "ffn_up_shexp": (16, 32),
        "ffn_down_shexp": (32, 16),
        "ffn_gate_inp": (3, 32),
    }
    shapes |= {f"attn_{p}": (32, 32) for p in "qkv"}
    draw = np.random.default_rng(0)
    tensors = {
        f"blk.0.{name}.weight": draw.standard_normal(shape, np.float32)
        for name, shape in shapes.items()
    }
    path = write(
        tmp_path / "m.gguf", {name: (data, Kind.F32) for name, data in tensors.items()}, "qwen2moe"
    )
    checkpoint = open_checkpoint(path)
    layout = layout_of(checkpoint)
    cut = {
        (projection, expert): matrix
        for site in layout.projections
        for projection, expert, matrix in zip(
            site.parts, site.experts, site.cut(site.entry.load()), strict=True
        )
    }
    assert layout.unknown == ()
    for projection in ("gate", "up", "down"):
        for expert in range(3):
            stored = tensors[f"blk.0.ffn_{projection}_exps.weight"][expert]
            np.testing.assert_array_equal(cut[projection, expert].numpy(), stored)
        np.testing.assert_array_equal(
            cut[projection, None].numpy(), tensors[f"blk.0.ffn_{projection}_shexp.weight"]
        )


def test_the_config_comes_along(small, tmp_path):
    """Without a config.json the header tells the architecture; with one, that does."""
    assert open_checkpoint(small).config == {
        "model_type": "llama",
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "num_hidden_layers": 2,
    }
    (tmp_path / "m.gguf").write_bytes(small.read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "other"}')
    assert open_checkpoint(tmp_path).config == {"model_type": "other"}


def test_which_file_is_the_model(small, tmp_path):
    """Projectors are left aside; several quantisations of a model are not guessed among."""
    for name in ("m-F16.gguf", "mmproj-m-F16.gguf", "imatrix.gguf"):
        (tmp_path / name).write_bytes(small.read_bytes())
    assert len(open_checkpoint(tmp_path).entries) == 17
    (tmp_path / "m-Q8_0.gguf").write_bytes(small.read_bytes())
    with pytest.raises(SeveralCheckpoints, match=r"m-F16\.gguf, m-Q8_0\.gguf"):
        open_checkpoint(tmp_path)


def test_a_split_model_needs_every_file(tmp_path):
    """Any of its files stands for all of them; a missing one is named."""
    write(tmp_path / "m.gguf", converted(llama(), Kind.F16), split=6)
    whole = loaded(tmp_path)
    second = loaded(tmp_path / "m-00002-of-00003.gguf")
    assert len(whole) == 17
    assert all(torch.equal(whole[name], second[name]) for name in whole)
    (tmp_path / "m-00001-of-00003.gguf").unlink()
    with pytest.raises(MissingShard, match=r"'m-00001-of-00003\.gguf'"):
        open_checkpoint(tmp_path / "m-00002-of-00003.gguf")


@pytest.mark.parametrize("name", ["m-00001-of-00000.gguf", "m-00003-of-00002.gguf"])
def test_a_name_that_only_looks_split(small, tmp_path, name):
    """A number beyond the total is no shard's."""
    (tmp_path / name).write_bytes(small.read_bytes())
    assert len(loaded(tmp_path)) == len(loaded(tmp_path / name)) == 17


def test_two_split_models(small, tmp_path):
    """Shards of two models are not taken for one."""
    for name in ("Q4", "Q8"):
        for number in (1, 2):
            (tmp_path / f"{name}-0000{number}-of-00002.gguf").write_bytes(small.read_bytes())
    with pytest.raises(SeveralCheckpoints, match=r"Q4-00001-of-00002\.gguf, .*Q8-00002"):
        open_checkpoint(tmp_path)


def test_bytes_are_those_of_the_file(tmp_path):
    """A quantised tensor counts with its bytes in the file, and its first values cost as many blocks."""
    path = write(tmp_path / "m.gguf", converted(llama(hidden=256, inner=256), Kind.Q8_0))
    name = "blk.0.ffn_up.weight"
    entry = {entry.name: entry for entry in open_checkpoint(path).entries}[name]
    assert entry.stored_bytes == 256 * 256 // 32 * 34
    assert entry.nbytes == 256 * 256 * 4
    assert (entry.first(300) == entry.array().reshape(-1)[:300]).all()
    answer = inspect(path)
    assert answer.bytes <= path.stat().st_size


def test_first_values_in_the_restored_order(tmp_path):
    """Of query and key, whose rows the converter permutes, the first values are the restored ones."""
    path = write(tmp_path / "m.gguf", converted(llama(hidden=64, inner=64, keys=32), Kind.Q8_0))
    for entry in open_checkpoint(path).entries:
        assert (entry.first(70) == entry.array().reshape(-1)[:70]).all()


@pytest.mark.parametrize("kind", ["mmproj", "imatrix"])
def test_what_goes_with_a_model_is_named(tmp_path, kind):
    """A projector or importance matrix under an ordinary name is told by what it states."""
    writer = GGUFWriter(tmp_path / "m.gguf", "clip")
    writer.add_type(kind)
    writer.add_tensor("blk.0.attn_q.weight", np.ones((4, 4), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(FormatNotRead, match=r"a GGUF file that holds a.*language model beside it"):
        open_checkpoint(tmp_path)
