"""ONNX graphs made up for tests: the linear layers of a Llama, each with its own input."""

from pathlib import Path

import numpy as np
import onnx
from checkpoints_made import Tensors
from onnx import TensorProto, helper, numpy_helper

EXTERNAL = "m.onnx_data"


class Layers:
    """Nodes and initialisers of a graph that is being made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def store(self, name: str, values: np.ndarray) -> str:
        """Add an initialiser."""
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, inputs: list[str], name: str, **attributes: object) -> str:
        """Add a node; returns its output."""
        output = f"{name}_output_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=name, **attributes))
        return output

    def write(self, path: Path, *, external: bool = False) -> Path:
        """Write the graph."""
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)]
        graph = helper.make_graph(self.nodes, "g", inputs, [], initializer=self.tensors)
        path.parent.mkdir(parents=True, exist_ok=True)
        model = helper.make_model(graph)
        if external:
            onnx.save(model, path, save_as_external_data=True, location=EXTERNAL, size_threshold=0)
        else:
            onnx.save(model, path)
        return path


def module_of(name: str) -> str:
    """The scope of a weight's module as exporters write it: /model/layers.0/mlp/up_proj."""
    scope = name.removesuffix(".weight")
    for part in ("model.", "self_attn.", "mlp."):
        scope = scope.replace(part, part[:-1] + "/")
    parts = scope.split("layers.")
    if len(parts) > 1:
        number, _, rest = parts[1].partition(".")
        scope = f"{parts[0]}layers.{number}/{rest}"
    return "/" + scope


def kept(tensors: Tensors) -> Layers:
    """Every parameter under its own name, transposed by a node."""
    layers = Layers()
    for name, tensor in tensors.items():
        layers.store(name, tensor.numpy())
        if tensor.ndim == 2:
            turned = layers.node("Transpose", [name], f"{module_of(name)}/Transpose", perm=[1, 0])
            layers.node("MatMul", ["x", turned], f"{module_of(name)}/MatMul")
    return layers


def folded(tensors: Tensors) -> Layers:
    """Linear layers with their transposition folded into a weight that lost its name."""
    layers = Layers()
    for number, (name, tensor) in enumerate(tensors.items()):
        if "_proj" not in name:
            layers.store(name, tensor.numpy())
            continue
        weight = layers.store(f"onnx::MatMul_{number}", tensor.T.numpy())
        layers.node("MatMul", ["x", weight], f"{module_of(name)}/MatMul")
    return layers


def quantised(tensors: Tensors, *, dynamic: bool) -> Layers:
    """The same in int8: with DequantizeLinear by columns, or multiplied as integers by one scale."""
    layers = Layers()
    for number, (name, tensor) in enumerate(tensors.items()):
        if "_proj" not in name:
            layers.store(name, tensor.numpy())
            continue
        base = f"onnx::MatMul_{number}"
        matrix = tensor.T.numpy()
        scale = abs(matrix).max(keepdims=True) if dynamic else abs(matrix).max(0, keepdims=True)
        scale = (scale / 127).astype(np.float32)
        numbers = np.rint(matrix / scale).astype(np.int8)
        layers.store(f"{base}_quantized", numbers)
        layers.store(f"{base}_scale", scale.reshape(() if dynamic else (-1,)))
        layers.store(f"{base}_zero_point", np.zeros(() if dynamic else len(scale[0]), np.int8))
        parts = [f"{base}_quantized", f"{base}_scale", f"{base}_zero_point"]
        if dynamic:
            inputs = ["x", parts[0], "x_zero_point", parts[2]]
            layers.node("MatMulInteger", inputs, f"{module_of(name)}/MatMul_quant")
        else:
            plain = layers.node("DequantizeLinear", parts, f"{base}_DequantizeLinear", axis=1)
            layers.node("MatMul", ["x", plain], f"{module_of(name)}/MatMul")
    return layers
