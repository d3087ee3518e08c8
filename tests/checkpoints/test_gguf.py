"""registry.checkpoints.formats.gguf and gguf_header: files written by llama.cpp's own package, and files that lie."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints_made import Tensors, llama, write_folder
from gguf import GGUFWriter
from gguf.constants import GGML_QUANT_SIZES
from gguf.constants import GGMLQuantizationType as Kind
from gguf.quants import dequantize, quantize
from gguf_made import converted, permuted, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.architectures.layout import layout_of
from registry.checkpoints import open_checkpoint
from registry.errors import (
    BrokenFile,
    FormatNotRead,
    MissingShard,
    QuantisedWeights,
    RegistryError,
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


def loaded(path: Path) -> Tensors:
    return {entry.name: entry.load() for entry in open_checkpoint(path).entries}


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


@pytest.mark.parametrize("arch", ["llama", "olmo", "granite", "mistral3"])
def test_reordered_rows_are_put_back(tmp_path, arch):
    """Weights and biases of query and key, whose head counts differ."""
    query, bias = torch.randn(16, 8), torch.randn(16)
    key = torch.randn(4, 8)
    tensors = {
        "blk.0.attn_q.weight": permuted(query, 4),
        "blk.0.attn_q.bias": permuted(bias, 4),
        "blk.0.attn_k.weight": permuted(key, 2),
    }
    path = write(
        tmp_path / "m.gguf", {name: (t.numpy(), Kind.F32) for name, t in tensors.items()}, arch
    )
    found = loaded(path)
    for name, expected in zip(tensors, (query, bias, key), strict=True):
        assert torch.equal(found[name], expected)


@pytest.mark.parametrize("arch", ["qwen2", "gemma", "bert", "command-r"])
def test_other_rows_stay(tmp_path, arch):
    """Most architectures are not reordered."""
    query = np.random.default_rng(0).standard_normal((16, 8), np.float32)
    found = loaded(write(tmp_path / "m.gguf", {"blk.0.attn_q.weight": (query, Kind.F32)}, arch))
    np.testing.assert_array_equal(found["blk.0.attn_q.weight"].numpy(), query)


@pytest.mark.parametrize("heads", [0, 3, 16, 1 << 31])
def test_heads_that_do_not_fit(tmp_path, heads):
    """A head count that the rows do not divide into is one BrokenFile."""
    path = write(
        tmp_path / "m.gguf",
        {"blk.0.attn_q.weight": (np.ones((16, 8), np.float32), Kind.F32)},
        heads=heads,
    )
    with pytest.raises(
        BrokenFile, match=f"{heads} heads, which 'blk.0.attn_q.weight' does not divide into"
    ):
        open_checkpoint(path)


def test_heads_by_layer(tmp_path):
    """Where layers differ, each has its own head count."""
    query = torch.randn(8, 4)
    writer = GGUFWriter(tmp_path / "m.gguf", "deci")
    writer.add_head_count([4, 2])
    for layer, heads in enumerate((4, 2)):
        writer.add_tensor(f"blk.{layer}.attn_q.weight", permuted(query, heads).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert all(torch.equal(found, query) for found in loaded(tmp_path / "m.gguf").values())


def test_fused_tensors(tmp_path):
    """Phi-3 keeps query, key and value in one tensor, and gate and up in another that is called up."""
    shapes = {
        "attn_qkv": (64, 32),
        "attn_output": (32, 32),
        "ffn_up": (96, 32),
        "ffn_down": (32, 48),
    }
    draw = np.random.default_rng(0)
    tensors = {
        f"blk.0.{name}.weight": draw.standard_normal(shape, np.float32)
        for name, shape in shapes.items()
    }
    path = write(
        tmp_path / "m.gguf", {name: (data, Kind.F32) for name, data in tensors.items()}, "phi3"
    )
    checkpoint = open_checkpoint(path)
    layout = layout_of(checkpoint)
    cut = {
        p: m
        for site in layout.projections
        for p, m in zip(site.parts, site.cut(site.entry.load()), strict=True)
    }
    assert {name: tuple(matrix.shape) for name, matrix in cut.items()} == {
        "query": (32, 32),
        "key": (16, 32),
        "value": (16, 32),
        "output": (32, 32),
        "gate": (48, 32),
        "up": (48, 32),
        "down": (32, 48),
    }
    np.testing.assert_array_equal(cut["up"].numpy(), tensors["blk.0.ffn_up.weight"][48:])
    assert layout.unknown == ()


def test_linear_attention_is_no_attention(tmp_path):
    """Qwen3-Next's linear layers call their query, key and value as others do; they are left out."""
    shapes = {
        "0.attn_qkv": (64, 32),
        "0.ssm_out": (32, 32),
        "0.attn_gate": (32, 32),
        "1.attn_q": (32, 32),
    }
    draw = np.random.default_rng(0)
    tensors = {
        f"blk.{name}.weight": draw.standard_normal(shape, np.float32)
        for name, shape in shapes.items()
    }
    path = write(
        tmp_path / "m.gguf", {name: (data, Kind.F32) for name, data in tensors.items()}, "qwen3next"
    )
    checkpoint = open_checkpoint(path)
    layout = layout_of(checkpoint)
    assert [site.entry.name for site in layout.projections] == ["blk.1.attn_q.weight"]
    assert layout.unknown == ()


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


HUGE = 1 << 60


def text(content: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(content) if length is None else length) + content


def fact(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def row(name: bytes = b"a", shape: tuple[int, ...] = (8,), kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def raw(*parts: bytes, tensors: int = 0, facts: int = 0, version: int = 3, body: int = 64) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, tensors, facts) + b"".join(parts)
    return head + bytes(-len(head) % 32) + bytes(body)


HOSTILE = {
    "empty": b"",
    "magic alone": b"GGUF",
    "another magic": b"GGUX" + raw()[4:],
    "2^60 tensors": raw(tensors=HUGE),
    "2^60 facts": raw(facts=HUGE),
    "facts that are not there": raw(facts=1000),
    "tensors that are not there": raw(tensors=30_000),
    "key of 2^60": raw(text(b"", HUGE), facts=1),
    "key of 2^64 - 1": raw(text(b"", 2**64 - 1), facts=1),
    "text of 2^60": raw(fact(b"k", 8, text(b"", HUGE)), facts=1),
    "array of 2^60 numbers": raw(fact(b"k", 9, struct.pack("<IQ", 4, HUGE)), facts=1),
    "array of 2^60 texts": raw(fact(b"k", 9, struct.pack("<IQ", 8, HUGE)), facts=1),
    "array of arrays": raw(fact(b"k", 9, struct.pack("<IQ", 9, 1) * 5000), facts=1),
    "unknown type of fact": raw(fact(b"k", 99, b""), facts=1),
    "fact twice": raw(fact(b"k", 4, bytes(4)), fact(b"k", 4, bytes(4)), facts=2),
    "alignment 0": raw(fact(b"general.alignment", 4, bytes(4)), facts=1),
    "alignment -1": raw(fact(b"general.alignment", 5, b"\xff" * 4), facts=1),
    "alignment 2^31": raw(fact(b"general.alignment", 4, struct.pack("<I", 1 << 31)), facts=1),
    "alignment in words": raw(fact(b"general.alignment", 8, text(b"32")), facts=1),
    "name of 2^60": raw(text(b"", HUGE), tensors=1),
    "tensor twice": raw(row(), row(offset=32), tensors=2),
    "no dimension": raw(row(shape=()), tensors=1),
    "2^32 - 1 dimensions": raw(text(b"a") + b"\xff" * 4, tensors=1),
    "five dimensions": raw(row(shape=(1,) * 5), tensors=1),
    "dimension of zero": raw(row(shape=(0, 4)), tensors=1),
    "dimension of 2^60": raw(row(shape=(HUGE,)), tensors=1),
    "product of 2^240": raw(row(shape=(HUGE,) * 4), tensors=1),
    "unknown type of tensor": raw(row(kind=4), tensors=1),
    "type 2^32 - 1": raw(row(kind=2**32 - 1), tensors=1),
    "no whole blocks": raw(row(shape=(33,), kind=2), tensors=1),
    "offset beyond the file": raw(row(offset=64), tensors=1),
    "offset of 2^60": raw(row(offset=HUGE), tensors=1),
    "offset askew": raw(row(offset=4), tensors=1),
    "one upon the other": raw(row(), row(b"b"), tensors=2),
    "half upon the other": raw(row(shape=(9,)), row(b"b", (1,), offset=32), tensors=2),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_header_that_lies(tmp_path, content):
    """Each lie is one BrokenFile, and costs no memory."""
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(BrokenFile, match=r"m\.gguf"):
        open_checkpoint(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 << 20


def test_what_the_lies_are_made_from_is_sound(tmp_path):
    """The same bytes without a lie are read."""
    (tmp_path / "m.gguf").write_bytes(raw(row(), row(b"b", offset=32), tensors=2))
    assert {name: tuple(t.shape) for name, t in loaded(tmp_path / "m.gguf").items()} == {
        "a": (8,),
        "b": (8,),
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (raw(version=1), "GGUF of version 1"),
        (raw(version=4), "GGUF of version 4"),
        (raw(version=3 << 24), "a big-endian GGUF file"),
        (b"tjgg" + bytes(100), "GGML, which GGUF replaced"),
    ],
    ids=["old", "new", "big-endian", "ggml"],
)
def test_other_kinds_are_refused_by_name(tmp_path, content, message):
    """The sentence says what the file is and what to do."""
    (tmp_path / "m.gguf").write_bytes(content)
    with pytest.raises(FormatNotRead, match=message):
        open_checkpoint(tmp_path / "m.gguf")


def attempt(path: Path, content: bytes) -> None:
    """Open and load everything: entries of the stated shapes, or a RegistryError."""
    path.write_bytes(content)
    try:
        for entry in open_checkpoint(path).entries:
            assert entry.load().shape == entry.shape
    except RegistryError:
        return


def test_a_file_that_was_cut_off(small, tmp_path):
    """Wherever it ends, before its last tensor does, it is one BrokenFile."""
    content = small.read_bytes()
    for end in [*range(0, 3000, 7), *range(3000, len(content) - 64, 101)]:
        (tmp_path / "m.gguf").write_bytes(content[:end])
        with pytest.raises(BrokenFile):
            open_checkpoint(tmp_path / "m.gguf")


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    flips=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.none() | st.integers(0, 2**16),
)
def test_flipped_and_cut_bytes(small, tmp_path, flips, cut):
    """A damaged file gives its tensors or one error."""
    content = bytearray(small.read_bytes())
    head = content.index(b"blk.1.ffn_up.weight")
    for at, byte in flips:
        content[at % head] = byte
    attempt(tmp_path / "m.gguf", bytes(content[: cut % len(content) if cut else None]))
