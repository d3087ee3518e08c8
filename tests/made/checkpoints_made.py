"""Small checkpoints made up for tests."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

Tensors = dict[str, torch.Tensor]


def llama(
    seed: int = 0,
    layers: int = 2,
    hidden: int = 16,
    inner: int = 24,
    keys: int = 8,
    scale: float = 1.0,
) -> Tensors:
    """A random Llama's tensors: every layer's projections at another spread, norms, embeddings."""
    draw = torch.Generator().manual_seed(seed)
    shapes = {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }
    tensors = {"model.embed_tokens.weight": torch.randn(32, hidden, generator=draw)}
    for layer in range(layers):
        for i, (name, shape) in enumerate(shapes.items()):
            spread = scale * (0.02 + 0.01 * i + 0.005 * layer)
            tensors[f"model.layers.{layer}.{name}.weight"] = spread * torch.randn(
                *shape, generator=draw
            )
        tensors[f"model.layers.{layer}.input_layernorm.weight"] = torch.ones(hidden)
    return tensors


def write_folder(folder: Path, tensors: Tensors, config: dict[str, object] | None = None) -> Path:
    """One model.safetensors and, if given, a config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()},
        folder / "model.safetensors",
    )
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


def write_shards(folder: Path, tensors: Tensors, count: int = 2) -> Path:
    """The same over several shards with an index."""
    folder.mkdir(parents=True, exist_ok=True)
    places = {
        name: f"model-{i % count + 1:05d}-of-{count:05d}.safetensors"
        for i, name in enumerate(sorted(tensors))
    }
    for shard in set(places.values()):
        save_file(
            {name: tensors[name] for name in tensors if places[name] == shard}, folder / shard
        )
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": places})
    )
    return folder


def write_raw(path: Path, header: object, body: bytes = b"", length: int | None = None) -> Path:
    """A safetensors file with whatever header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + body)
    return path
