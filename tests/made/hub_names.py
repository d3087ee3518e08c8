"""Models named as the hub has them where transformers names them otherwise or not at all."""

from collections.abc import Callable
from functools import partial

import torch

Matrices = dict[str, torch.Tensor]
SHAPES = {
    "query": (32, 32),
    "key": (16, 32),
    "value": (16, 32),
    "output": (32, 32),
    "gate": (48, 32),
    "up": (48, 32),
    "down": (32, 48),
}
LAYERS = 3


class Handmade(torch.nn.Module):
    """Random projections in three layers under the names of a table.

    A name has {layer} in it and stands for a whole projection, or for what its function fuses.
    Projections are those that the table names, key and value as large as `keys` rows of 32.
    """

    def __init__(
        self,
        names: dict[str, str | Callable[[Matrices], torch.Tensor]],
        keys: int = 16,
        model_type: str = "",
    ) -> None:
        super().__init__()
        self.stated = {"model_type": model_type} if model_type else {}
        shapes = SHAPES | {"key": (keys, 32), "value": (keys, 32)}
        self.layers: list[Matrices] = []
        for _ in range(LAYERS):
            self.layers.append({part: torch.randn(shape) for part, shape in shapes.items()})
        self.names = names

    def state_dict(self) -> Matrices:
        """The tensors as the file has them."""
        tensors = {"embed_tokens.weight": torch.randn(40, 32)}
        for i, layer in enumerate(self.layers):
            for name, role in self.names.items():
                matrix = layer[role] if isinstance(role, str) else role(layer).clone()
                tensors[name.replace("{layer}", str(i))] = matrix
        return tensors

    def projections(self) -> dict[tuple[int, str, None], torch.Tensor]:
        """What must be found."""
        gated = any(has_gate(role) for role in self.names.values())
        matrices = {}
        for i, layer in enumerate(self.layers):
            for part, matrix in layer.items():
                if gated or part != "gate":
                    matrices[i, part, None] = matrix
        return matrices


def has_gate(role: str | Callable[[Matrices], torch.Tensor]) -> bool:
    """Whether a tensor is a gate or holds one."""
    if isinstance(role, str):
        return role == "gate"
    return getattr(role, "gated", False)


def stacked(*parts: str) -> Callable[[Matrices], torch.Tensor]:
    """One below the other."""

    def fuse(layer: Matrices) -> torch.Tensor:
        return torch.cat([layer[part] for part in parts])

    fuse.gated = "gate" in parts
    return fuse


def by_group(layer: Matrices) -> torch.Tensor:
    """For each of two key heads of 8 rows its two query heads, itself, and its value."""
    groups = [layer[part].reshape(2, -1, 32) for part in ("query", "key", "value")]
    return torch.cat(groups, 1).reshape(-1, 32)


def head(part: str, i: int) -> Callable[[Matrices], torch.Tensor]:
    """Eight rows of a projection."""
    return lambda layer: layer[part][8 * i : 8 * i + 8]


def pairs(part: str) -> Callable[[Matrices], torch.Tensor]:
    """With the two halves of each head of 8 rows as neighbours, as Meta's rotary embedding has them."""

    def neighbours(layer: Matrices) -> torch.Tensor:
        matrix = layer[part]
        return matrix.unflatten(0, (-1, 2, 4)).transpose(1, 2).reshape(matrix.shape)

    return neighbours


QKV = stacked("query", "key", "value")
FOUR = ("query", "key", "value", "output")


def named(prefix: str, names: str, roles: str) -> dict[str, str]:
    """Names `prefix + name + .weight` of whole projections."""
    return {
        f"{prefix}{name}.weight": role
        for name, role in zip(names.split(), roles.split(), strict=True)
    }


META = named(
    "layers.{layer}.",
    "attention.wo feed_forward.w1 feed_forward.w3 feed_forward.w2",
    "output gate up down",
)
SWIGLU = named("model.layers.{layer}.mlp.", "gate_proj up_proj down_proj", "gate up down")
TABLES = {
    "Meta's Llama": META
    | named("layers.{layer}.attention.", "wv", "value")
    | {f"layers.{{layer}}.attention.w{part[0]}.weight": pairs(part) for part in FOUR[:2]},
    "InternLM2": {f"model.{name}": role for name, role in META.items()}
    | {"model.layers.{layer}.attention.wqkv.weight": by_group},
    "Baichuan": SWIGLU
    | {"model.layers.{layer}.self_attn.W_pack.weight": QKV}
    | named("model.layers.{layer}.self_attn.", "o_proj", "output"),
    "ChatGLM2": {
        "transformer.encoder.layers.{layer}.self_attention.query_key_value.weight": QKV,
        "transformer.encoder.layers.{layer}.mlp.dense_h_to_4h.weight": stacked("gate", "up"),
    }
    | named(
        "transformer.encoder.layers.{layer}.",
        "self_attention.dense mlp.dense_4h_to_h",
        "output down",
    ),
    "Qwen": {"transformer.h.{layer}.attn.c_attn.weight": QKV}
    | named(
        "transformer.h.{layer}.", "attn.c_proj mlp.w1 mlp.w2 mlp.c_proj", "output up gate down"
    ),
    "OLMo": {
        "model.transformer.blocks.{layer}.att_proj.weight": QKV,
        "model.transformer.blocks.{layer}.ff_proj.weight": stacked("up", "gate"),
    }
    | named("model.transformer.blocks.{layer}.", "attn_out ff_out", "output down"),
    "nanoGPT": {"transformer.h.{layer}.attn.c_attn.weight": QKV}
    | named("transformer.h.{layer}.", "attn.c_proj mlp.c_fc mlp.c_proj", "output up down"),
    "minGPT": named("blocks.{layer}.attn.", "query key value proj", " ".join(FOUR))
    | named("blocks.{layer}.mlp.", "0 2", "up down"),
    "hand-written": named(
        "blocks.{layer}.attention.", "q_proj k_proj v_proj out_proj", " ".join(FOUR)
    )
    | named("blocks.{layer}.feed_forward.net.", "0 2", "up down"),
    "Karpathy's lecture": {
        f"blocks.{{layer}}.sa.heads.{i}.{part}.weight": head(part, i)
        for i in range(4)
        for part in FOUR[:3]
    }
    | named("blocks.{layer}.", "sa.proj ffwd.net.0 ffwd.net.2", "output up down"),
    "gpt-fast": META | {"layers.{layer}.attention.wqkv.weight": QKV},
    "LLaDA": named(
        "model.transformer.blocks.{layer}.",
        "q_proj k_proj v_proj attn_out ff_proj up_proj ff_out",
        "query key value output gate up down",
    ),
    "LitGPT": {"transformer.h.{layer}.attn.qkv.weight": QKV}
    | named(
        "transformer.h.{layer}.", "attn.proj mlp.fc_1 mlp.fc_2 mlp.proj", "output gate up down"
    ),
    "LitGPT before 2024": {"transformer.h.{layer}.attn.attn.weight": by_group}
    | named("transformer.h.{layer}.", "attn.proj mlp.fc mlp.proj", "output up down"),
    "nanochat": named("transformer.h.{layer}.attn.", "c_q c_k c_v c_proj", " ".join(FOUR))
    | named("transformer.h.{layer}.mlp.", "c_fc c_proj", "up down"),
    "after nanoGPT": {"blocks.{layer}.attn.c_attn.weight": QKV}
    | named("blocks.{layer}.", "attn.c_proj mlp.c_fc mlp.c_proj", "output up down"),
    "after Llama": named("blocks.{layer}.attn.", "q_proj k_proj v_proj o_proj", " ".join(FOUR))
    | named("blocks.{layer}.mlp.", "gate_proj up_proj down_proj", "gate up down"),
    "by hand": {"blocks.{layer}.attn.qkv.weight": QKV}
    | named("blocks.{layer}.", "attn.o_proj mlp.fc1 mlp.fc2", "output up down"),
    "by hand, gated": {"blocks.{layer}.attn.qkv_proj.weight": QKV}
    | named("blocks.{layer}.", "attn.o_proj ffn.w1 ffn.w3 ffn.w2", "output gate up down"),
    "after the lecture": {
        f"blocks.{{layer}}.sa.heads.{i}.{part}.weight": head(part, i)
        for i in range(4)
        for part in FOUR[:3]
    }
    | named("blocks.{layer}.sa.", "proj", "output")
    | named("blocks.{layer}.ff.net.", "0 2", "up down"),
    "torch": {"layers.{layer}.self_attn.in_proj_weight": QKV}
    | named("layers.{layer}.", "self_attn.out_proj linear1 linear2", "output up down"),
}
KEYS = {
    "gpt-fast": 16,
    "LitGPT": 16,
    "LitGPT before 2024": 16,
    "InternLM2": 16,
    "ChatGLM2": 16,
    "Meta's Llama": 16,
    "OLMo": 16,
}
TYPES = {"InternLM2": "internlm2", "gpt-fast": "llama"}
HUB = {
    name: partial(Handmade, table, KEYS.get(name, 32), TYPES.get(name, ""))
    for name, table in TABLES.items()
}
