"""registry.checkpoints.formats.onnx."""

import sys

import numpy as np
import onnx
import pytest
import torch
from checkpoints_made import llama, write_folder
from onnx_made import EXTERNAL, Layers, folded, kept, quantised

from registry.checkpoints import open_checkpoint
from registry.errors import (
    BrokenFile,
    FormatNotRead,
    MissingShard,
    NoWeights,
    QuantisedWeights,
    ShardOutside,
)
from registry.fingerprints.compute import compute


def loaded(path):
    """Every tensor of a graph, and their entries."""
    entries = {entry.name: entry for entry in open_checkpoint(path).entries}
    return {name: entry.load() for name, entry in entries.items()}, entries


@pytest.mark.parametrize("make", [kept, folded], ids=["kept", "folded"])
@pytest.mark.parametrize("external", [False, True], ids=["within", "beside"])
def test_names_and_values_are_the_models(tmp_path, make, external):
    """Names are kept or had from the node, folded transpositions undone, data within or beside."""
    path = make(llama()).write(tmp_path / "m.onnx", external=external)
    for source in (path, tmp_path):
        tensors, entries = loaded(source)
        assert tensors.keys() == llama().keys()
        for name, tensor in llama().items():
            assert entries[name].shape == tuple(tensor.shape)
            assert torch.equal(tensors[name], tensor)


def test_the_fingerprint_is_that_of_the_model(tmp_path):
    """A graph has the digest and the numbers of the model that it was exported from."""
    graph = compute(open_checkpoint(folded(llama()).write(tmp_path / "m.onnx")))
    model = compute(open_checkpoint(write_folder(tmp_path / "m", llama())))
    assert (graph.digest, graph.std) == (model.digest, model.std)


@pytest.mark.parametrize("dynamic", [False, True], ids=["dequantised", "integers"])
def test_int8_is_dequantised(tmp_path, dynamic):
    """int8 weights with scales of columns or one scale come out within half a level."""
    path = quantised(llama(), dynamic=dynamic).write(tmp_path / "m.onnx")
    tensors, entries = loaded(path)
    assert tensors.keys() == llama().keys()
    name = "model.layers.1.mlp.up_proj.weight"
    assert entries[name].stored == "onnx int8"
    assert entries[name].stored_bytes < entries[name].nbytes / 2
    for name, tensor in llama().items():
        assert (tensors[name] - tensor).abs().max() <= tensor.abs().max() / 127 * 0.51


def test_names_that_are_lost(tmp_path):
    """Weights without a name and a scope are refused; saved as advised, the model is read."""
    layers = Layers()
    for number, tensor in enumerate(llama().values()):
        layers.node(
            "MatMul", ["x", layers.store(f"val_{number}", tensor.numpy())], f"node_{number}"
        )
    path = layers.write(tmp_path / "m.onnx")
    with pytest.raises(FormatNotRead, match=r"names are lost.*as safetensors"):
        open_checkpoint(path)
    assert open_checkpoint(write_folder(tmp_path, llama())).entries


def test_without_the_package(tmp_path, monkeypatch):
    """Where onnx is not installed, the sentence says how to install it."""
    path = kept(llama()).write(tmp_path / "m.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(FormatNotRead, match=r"pip install 'weight-registry\[onnx\]'"):
        open_checkpoint(path)
    monkeypatch.undo()
    assert open_checkpoint(path).entries


def test_packed_numbers_are_named(tmp_path):
    """Onnxruntime's 4-bit multiplication is refused by its name."""
    layers = kept(llama())
    packed = layers.store("q_weight_Q4", np.zeros((4, 1, 16), np.uint8))
    layers.node("MatMulNBits", ["x", packed, packed], "n", bits=4)
    with pytest.raises(QuantisedWeights, match="MatMulNBits, 4 bits"):
        open_checkpoint(layers.write(tmp_path / "m.onnx"))


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"<html>", BrokenFile), (b"\x00" * 99, BrokenFile), (b"", FormatNotRead)],
    ids=["page", "zeros", "empty"],
)
def test_no_graph(tmp_path, content, error):
    """Anything else is one sentence."""
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(error, match=r"m\.onnx"):
        open_checkpoint(tmp_path)


def test_data_beside_that_are_missing(tmp_path):
    """The file that holds the data is named, and its absence alone stands in the way."""
    path = kept(llama()).write(tmp_path / "m.onnx", external=True)
    data = (tmp_path / EXTERNAL).rename(tmp_path / "elsewhere")
    with pytest.raises(MissingShard, match=EXTERNAL):
        open_checkpoint(path)
    data.rename(tmp_path / EXTERNAL)
    assert open_checkpoint(path).entries


def test_data_outside_the_folder(tmp_path):
    """A path that leads out of the folder is refused."""
    path = kept(llama()).write(tmp_path / "m.onnx", external=True)
    outside = b"../" + EXTERNAL.encode()[3:]
    path.write_bytes(path.read_bytes().replace(EXTERNAL.encode(), outside))
    with pytest.raises(ShardOutside, match="outside its own folder"):
        open_checkpoint(path)


def test_data_alone(tmp_path):
    """The data without the graph are no weights."""
    kept(llama()).write(tmp_path / "m.onnx", external=True).unlink()
    with pytest.raises(NoWeights, match="holds no weights"):
        open_checkpoint(tmp_path)


def test_tensors_in_one_place(tmp_path):
    """Tensors of which many lie in one place of the file beside the graph are refused unread."""
    path = kept(llama()).write(tmp_path / "m.onnx", external=True)
    model = onnx.load(path, load_external_data=False)
    first = model.graph.initializer[1]
    for number in range(100):
        copy = model.graph.initializer.add()
        copy.CopyFrom(first)
        copy.name = f"model.layers.{number + 9}.self_attn.q_proj.weight"
        copy.dims[:] = [1000, 1000]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(BrokenFile, match=r"would take 400,[\d,]+ bytes, out of"):
        open_checkpoint(path)
