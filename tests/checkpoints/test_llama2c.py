"""registry.checkpoints.formats.llama2c: files written as llama2.c's export.py writes them, and files that are not."""

import struct
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.checkpoints import open_checkpoint
from registry.errors import BrokenFile, RegistryError
from registry.fingerprints.compute import compute

DIM, HIDDEN, LAYERS, HEADS, KV, VOCAB, CONTEXT, GROUP = 32, 48, 2, 4, 2, 40, 8, 16
MATRICES = {
    "attention.wq": (DIM, DIM),
    "attention.wk": (KV * 8, DIM),
    "attention.wv": (KV * 8, DIM),
    "attention.wo": (DIM, DIM),
    "feed_forward.w1": (HIDDEN, DIM),
    "feed_forward.w2": (DIM, HIDDEN),
    "feed_forward.w3": (HIDDEN, DIM),
}
Tensors = dict[str, torch.Tensor]


def model(shared: bool = True) -> Tensors:
    """A random model's tensors under their names in llama2.c."""
    draw = torch.Generator().manual_seed(5)
    shapes: dict[str, tuple[int, ...]] = {"tok_embeddings": (VOCAB, DIM), "norm": (DIM,)}
    for layer in range(LAYERS):
        shapes |= {f"layers.{layer}.{name}": shape for name, shape in MATRICES.items()}
        shapes |= {f"layers.{layer}.{name}": (DIM,) for name in ("attention_norm", "ffn_norm")}
    shapes |= {} if shared else {"output": (VOCAB, DIM)}
    return {f"{name}.weight": torch.randn(shape, generator=draw) for name, shape in shapes.items()}


def each(tensors: Tensors, *names: str) -> list[torch.Tensor]:
    """One tensor of every layer, name after name."""
    return [tensors[f"layers.{layer}.{name}.weight"] for name in names for layer in range(LAYERS)]


def raw(*tensors: torch.Tensor) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in tensors)


def numbers(vocab: int = VOCAB) -> bytes:
    return struct.pack("<7i", DIM, HIDDEN, LAYERS, HEADS, KV, vocab, CONTEXT)


def legacy(tensors: Tensors) -> bytes:
    """legacy_export: no magic number; a negative vocabulary where the classifier is not shared."""
    output = [tensors["output.weight"]] if "output.weight" in tensors else []
    rotation = [torch.zeros(CONTEXT, 4)] * 2
    attention = ["attention_norm", "attention.wq", "attention.wk", "attention.wv", "attention.wo"]
    mlp = ["ffn_norm", "feed_forward.w1", "feed_forward.w2", "feed_forward.w3"]
    body = [
        tensors["tok_embeddings.weight"],
        *each(tensors, *attention, *mlp),
        tensors["norm.weight"],
    ]
    return numbers(-VOCAB if output else VOCAB) + raw(*body, *rotation, *output)


def header(tensors: Tensors, version: int) -> bytes:
    flags = struct.pack("<Bi", "output.weight" not in tensors, GROUP)
    return (struct.pack("<Ii", 0x616B3432, version) + numbers() + flags).ljust(256, b"\0")


def matrices(tensors: Tensors) -> list[torch.Tensor]:
    output = [tensors["output.weight"]] if "output.weight" in tensors else []
    return [tensors["tok_embeddings.weight"], *each(tensors, *MATRICES), *output]


def norms(tensors: Tensors) -> bytes:
    return raw(*each(tensors, "attention_norm", "ffn_norm"), tensors["norm.weight"])


def version1(tensors: Tensors) -> bytes:
    """version1_export: float32 after a header of 256 bytes."""
    return header(tensors, 1) + norms(tensors) + raw(*matrices(tensors))


def version2(tensors: Tensors) -> bytes:
    """version2_export: every matrix in int8, its scales after it."""
    parts = []
    for tensor in matrices(tensors):
        groups = tensor.view(-1, GROUP)
        scales = groups.abs().amax(1) / 127
        parts += [torch.round(groups / scales[:, None]).to(torch.int8), scales]
    return header(tensors, 2) + norms(tensors) + raw(*parts)


EXPORTS = {"legacy": legacy, "version 1": version1, "version 2": version2}


def loaded(path: Path) -> Tensors:
    return {entry.name: entry.load() for entry in open_checkpoint(path).entries}


@pytest.mark.parametrize("shared", [True, False], ids=["shared classifier", "own classifier"])
@pytest.mark.parametrize("name", ["legacy", "version 1"])
def test_tensors_read_back(tmp_path, name, shared):
    """Every tensor in float32 comes back under its name."""
    tensors = model(shared)
    (tmp_path / "model.bin").write_bytes(EXPORTS[name](tensors))
    found = loaded(tmp_path / "model.bin")
    assert set(found) - {"freqs_cos", "freqs_sin"} == set(tensors)
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_int8_in_groups(tmp_path):
    """Matrices come back within half a step of their group, norms exactly; the record names the format."""
    tensors = model(shared=False)
    (tmp_path / "model.bin").write_bytes(version2(tensors))
    found = loaded(tmp_path / "model.bin")
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        step = tensor.view(-1, GROUP).abs().amax(1, keepdim=True) / 127 if tensor.ndim > 1 else 0.0
        error = (found[name] - tensor).abs().view(-1, GROUP)
        assert (error <= step * 0.5001).all()
    stored = {entry.stored for entry in open_checkpoint(tmp_path / "model.bin").entries}
    assert stored == {None, "int8 in groups of 16"}


def test_the_fingerprint_is_the_pickles(tmp_path):
    """The export and the checkpoint that it was made from have one digest and the same vectors."""
    tensors = model(shared=False)
    (tmp_path / "model.bin").write_bytes(legacy(tensors))
    torch.save({"model": tensors}, tmp_path / "ckpt.pt")
    export, origin = (
        compute(open_checkpoint(tmp_path / name)) for name in ("model.bin", "ckpt.pt")
    )
    assert (export.digest, export.std, export.clusterings) == (
        origin.digest,
        origin.std,
        origin.clusterings,
    )
    assert export.unknown == ()


@pytest.mark.parametrize("name", ["version 1", "version 2"])
@pytest.mark.parametrize("end", [28, 36, 255, 256, 300, -1])
def test_a_file_that_was_cut_off(tmp_path, name, end):
    """Behind its magic number, a file of another size is one BrokenFile."""
    (tmp_path / "model.bin").write_bytes(EXPORTS[name](model())[:end])
    with pytest.raises(BrokenFile, match=r"model\.bin.*(size|header)"):
        open_checkpoint(tmp_path / "model.bin")


@pytest.mark.parametrize(
    "content",
    [
        numbers() + bytes(100),
        struct.pack("<7i", *[2**31 - 1] * 7),
        bytes(28),
        legacy(model())[:-4],
        b"\xff" * 64,
    ],
    ids=["other size", "huge", "zeros", "cut off", "minus one"],
)
def test_a_bin_of_neither_kind(tmp_path, content):
    """What is neither llama2.c's nor a pickle is one BrokenFile."""
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(BrokenFile, match=r"model\.bin"):
        open_checkpoint(tmp_path / "model.bin")


def test_an_unknown_version(tmp_path):
    """Only versions 0 to 2 exist."""
    (tmp_path / "model.bin").write_bytes(header(model(), 3) + bytes(100))
    with pytest.raises(BrokenFile, match=r"no export of version 3"):
        open_checkpoint(tmp_path / "model.bin")


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    export=st.sampled_from(list(EXPORTS.values())),
    flips=st.lists(st.tuples(st.integers(0, 44), st.integers(0, 255)), min_size=1, max_size=3),
    cut=st.none() | st.integers(0, 300),
)
def test_flipped_and_cut_bytes(tmp_path, export, flips, cut):
    """A damaged file gives its tensors or one error."""
    content = bytearray(export(model()))
    for at, byte in flips:
        content[at] = byte
    (tmp_path / "model.bin").write_bytes(content[:cut])
    try:
        for entry in open_checkpoint(tmp_path / "model.bin").entries:
            assert entry.load().shape == entry.shape
    except RegistryError:
        return
