"""Small valid checkpoints of the formats that fuzz.py has no room for, to be mutated by it."""

import argparse
import json
import pathlib
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

Tensors = dict[str, torch.Tensor]
PLACE = "model.layers.0.self_attn.q_proj"


def onnx_graph(folder: Path, tensors: Tensors) -> str:
    """A graph that keeps half of its names, one weight in int8."""
    nodes, initialisers = [], []
    for number, (name, tensor) in enumerate(tensors.items()):
        matrix = tensor.numpy()
        if number == 0:
            parts = [f"{name}_quantized", f"{name}_scale", f"{name}_zero_point"]
            scale = np.float32(abs(matrix).max() / 127)
            values = [np.rint(matrix / scale).astype(np.int8), scale, np.int8(0)]
            nodes.append(helper.make_node("DequantizeLinear", parts, [f"{name}_plain"]))
        elif number % 2:
            parts, values = [name], [matrix]
        else:
            parts, values = [f"onnx::MatMul_{number}"], [np.ascontiguousarray(matrix.T)]
            scope = "/" + name.removesuffix(".weight").replace(".", "/")
            output = f"y{number}"
            nodes.append(
                helper.make_node("MatMul", ["x", *parts], [output], name=f"{scope}/MatMul")
            )
        for part, value in zip(parts, values, strict=True):
            initialisers.append(numpy_helper.from_array(np.asarray(value), part))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", inputs, [], initializer=initialisers)
    onnx.save(helper.make_model(graph), folder / "model.onnx")
    return "model.onnx"


def bitnet(folder: Path, tensors: Tensors) -> str:
    """One weight in BitNet's packed ternary numbers."""
    rows, columns = tensors.pop(f"{PLACE}.weight").shape
    tensors[f"{PLACE}.weight"] = torch.full((rows // 4, columns), 0b10010010, dtype=torch.uint8)
    tensors[f"{PLACE}.weight_scale"] = torch.ones(1)
    return write(folder, tensors)


def pieces(folder: Path, tensors: Tensors) -> str:
    """One weight in quanto's pieces, one in torchao's."""
    for part, scale, name in (
        (".weight._data", ".weight._scale", PLACE),
        ("._weight_qdata", "._weight_scale", PLACE.replace("q_proj", "o_proj")),
    ):
        weight = tensors.pop(f"{name}.weight")
        tensors[name + part] = torch.ones(weight.shape, dtype=torch.int8)
        tensors[name + scale] = torch.ones(len(weight), 1)
    return write(folder, tensors)


def sparse(folder: Path, tensors: Tensors) -> str:
    """One weight of which every other number is zero."""
    rows, columns = tensors.pop(f"{PLACE}.weight").shape
    tensors[f"{PLACE}.weight.compressed"] = torch.ones(rows, columns // 2)
    tensors[f"{PLACE}.weight.bitmask"] = torch.full((rows, columns // 8), 0x55, dtype=torch.uint8)
    tensors[f"{PLACE}.weight.shape"] = torch.tensor([rows, columns])
    return write(folder, tensors)


def normalised(folder: Path, tensors: Tensors) -> str:
    """One weight with weight normalisation, one with a mask."""
    weight = tensors.pop(f"{PLACE}.weight")
    tensors[f"{PLACE}.weight_v"] = weight
    tensors[f"{PLACE}.weight_g"] = weight.norm(dim=1, keepdim=True)
    other = PLACE.replace("q_proj", "o_proj")
    weight = tensors.pop(f"{other}.weight")
    tensors[f"{other}.weight_orig"] = weight
    tensors[f"{other}.weight_mask"] = torch.ones_like(weight)
    return write(folder, tensors)


def training(folder: Path, tensors: Tensors) -> str:
    """A pickle with values of all kinds beside the model."""
    beside = {
        "args": argparse.Namespace(lr=np.float64(1)),
        "rng": np.random.RandomState(0).get_state(),
        "path": pathlib.PurePosixPath("data"),
    }
    torch.save({"model": tensors, **beside}, folder / "model.pt")
    return "model.pt"


def parts(folder: Path, tensors: Tensors) -> str:
    """Meta's layout, every matrix cut in two files."""
    names = {"q": "wq", "k": "wk", "v": "wv", "o": "wo", "gate": "w1", "up": "w3", "down": "w2"}
    halves: list[Tensors] = [{"norm.weight": torch.ones(8)}, {"norm.weight": torch.ones(8)}]
    for name, tensor in tensors.items():
        part = name.removesuffix("_proj.weight").split(".")[-1]
        branch = "attention" if "attn" in name else "feed_forward"
        axis = 1 if part in ("o", "down") else 0
        for half, piece in zip(halves, tensor.chunk(2, axis), strict=True):
            half[f"layers.0.{branch}.{names[part]}.weight"] = piece.clone()
    for number, half in enumerate(halves):
        torch.save(half, folder / f"consolidated.{number:02d}.pth")
    return "consolidated.00.pth"


def write(folder: Path, tensors: Tensors) -> str:
    """Write one safetensors file and an empty config."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(contiguous, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({}))
    return "model.safetensors"


MAKERS = {
    "bitnet": bitnet,
    "normalised": normalised,
    "onnx": onnx_graph,
    "parts": parts,
    "pieces": pieces,
    "sparse": sparse,
    "training": training,
}
