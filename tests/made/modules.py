"""Builds tiny random models, and tells where their own modules keep the seven projections."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers as tf

COMMON = {
    "vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 16, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2,
}  # fmt: skip
LATENT = {
    "q_lora_rank": 12,
    "kv_lora_rank": 10,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 4,
    "v_head_dim": 6,
}
EXPERTS = {
    "num_experts": 4, "num_local_experts": 4, "n_routed_experts": 4, "moe_num_experts": 4, "num_experts_per_tok": 2,
    "moe_intermediate_size": 20, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1, "n_shared_experts": 1,
    "shared_expert_intermediate_size": 24,
}  # fmt: skip
SEQ2SEQ = {
    "vocab_size": 40, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "max_position_embeddings": 16,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2, "forced_eos_token_id": None,
}  # fmt: skip
T5 = {"vocab_size": 40, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4,
      "num_sparse_encoder_layers": 1, "num_sparse_decoder_layers": 1, "num_experts": 3}  # fmt: skip

Projections = dict[tuple[int, str, int | None], torch.Tensor]
Cut = Callable[[torch.Tensor], Iterator[tuple[str, int | None, torch.Tensor]]]


@dataclass(frozen=True)
class Architecture:
    """How to build a model, and what its projections are by its own modules.

    fused: saved with the names that transformers uses in memory, not with those of the first release.
    """

    build: Callable[[], torch.nn.Module]
    projections: Callable[[torch.nn.Module], Projections]
    fused: bool = False


def save(architecture: Architecture, folder: Path) -> torch.nn.Module:
    """A new model, written as its own library does or as a training script would."""
    torch.manual_seed(7)
    model = architecture.build()
    if hasattr(model, "save_pretrained"):
        model.save_pretrained(folder, save_original_format=not architecture.fused)
    else:
        torch.save({"model": model.state_dict()}, folder / "model.pt")
        (folder / "config.json").write_text(
            json.dumps({"num_attention_heads": 4} | getattr(model, "stated", {}))
        )
    return model


def one(projection: str) -> Cut:
    """The whole weight."""
    return lambda w: iter([(projection, None, w)])


def stacked(projections: str, *sizes: int) -> Cut:
    """Parts one below the other, in equal shares if no sizes are given."""
    names = projections.split()
    return lambda w: zip(
        names, [None] * len(names), w.split(list(sizes) or len(w) // len(names)), strict=True
    )


def by_head(projections: str, *sizes: int) -> Cut:
    """Groups of `sizes` rows follow each other, again and again."""

    def cut(weight: torch.Tensor) -> Iterator[tuple[str, int | None, torch.Tensor]]:
        pieces = weight.split(list(sizes) * (len(weight) // sum(sizes)))
        for i, name in enumerate(projections.split()):
            yield name, None, torch.cat(pieces[i :: len(sizes)])

    return cut


def experts(cut: Cut, *, transposed: bool = False) -> Cut:
    """A stack of matrices."""
    return lambda w: (
        (name, i, part)
        for i, matrix in enumerate(w)
        for name, _, part in cut(matrix.T if transposed else matrix)
    )


def transposed(cut: Cut) -> Cut:
    """Stored inputs x outputs."""
    return lambda w: cut(w.T)


def at(lists: str, *tables: dict[str, str | Cut]) -> Callable[[torch.nn.Module], Projections]:
    """Projections by their paths below the layers of `lists`, which are numbered through; paths may be missing."""

    def find(model: torch.nn.Module) -> Projections:
        found: Projections = {}
        seen: set[int] = set()  # what layers share stands in the file once
        layers = [layer for path in lists.split() for layer in model.get_submodule(path)]
        for i, layer in enumerate(layers):
            own = dict(layer.named_parameters(remove_duplicate=False))
            for path, cut in (pair for table in tables for pair in table.items()):
                weight = own.get(f"{path}.weight", own.get(path))
                if weight is not None and id(weight) not in seen:
                    seen.add(id(weight))
                    cuts = (one(cut) if isinstance(cut, str) else cut)(weight.detach())
                    found |= {(i, projection, expert): part for projection, expert, part in cuts}
        return found

    return find


def paths(
    prefix: str, names: str, projections: str = "query key value output"
) -> dict[str, str | Cut]:
    """Paths `prefix + name` of whole projections."""
    return dict(zip((prefix + name for name in names.split()), projections.split(), strict=True))


MLP = "gate up down"
ATTENTION = paths("self_attn.", "q_proj k_proj v_proj o_proj")
GATED = paths("mlp.", "gate_proj up_proj down_proj", MLP)
LLAMA = ATTENTION | GATED
PHI3 = {"self_attn.qkv_proj": stacked("query key value", 32, 16, 16), "self_attn.o_proj": "output"}
FUSED_MLP = {"mlp.gate_up_proj": stacked("gate up"), "mlp.down_proj": "down"}
FUSED_EXPERTS = {
    "mlp.experts.gate_up_proj": experts(stacked("gate up")),
    "mlp.experts.down_proj": experts(one("down")),
}
SHARED = paths("mlp.shared_expert.", "gate_proj up_proj down_proj", MLP)
SHARED_MANY = paths("mlp.shared_experts.", "gate_proj up_proj down_proj", MLP)
LATENT_ATTENTION = {
    "self_attn.q_b_proj": "query",
    "self_attn.kv_b_proj": by_head("key value", 8, 6),
} | paths("self_attn.", "o_proj", "output")
OUT = paths("self_attn.", "q_proj k_proj v_proj out_proj")
FC = paths("", "fc1 fc2", "up down")
NEOX_MLP = paths("mlp.", "dense_h_to_4h dense_4h_to_h", "up down")
BERT = paths("attention.self.", "query key value", "query key value") | paths(
    "", "attention.output.dense intermediate.dense output.dense", "output up down"
)
GPT2_MLP = {"mlp.c_fc": transposed(one("up")), "mlp.c_proj": transposed(one("down"))}
GPT2 = {
    "attn.c_attn": transposed(stacked("query key value")),
    "attn.c_proj": transposed(one("output")),
} | GPT2_MLP
DEBERTA = paths("attention.self.", "query_proj key_proj value_proj", "query key value")
VIT = paths("attention.", "q_proj k_proj v_proj o_proj") | paths("mlp.", "fc1 fc2", "up down")
T5_ATTENTION = paths("layer.0.SelfAttention.", "q k v o")


def made(config: str, model: str, **options: object) -> Callable[[], torch.nn.Module]:
    """A model of a tiny configuration."""
    return lambda: getattr(tf, model)(getattr(tf, config + "Config")(**options))


def causal(
    name: str, *tables: dict[str, str | Cut], lists: str = "model.layers", **options: object
) -> Architecture:
    """A language model with the usual names in its configuration."""
    return Architecture(made(name, f"{name}ForCausalLM", **COMMON | options), at(lists, *tables))


def masked(name: str, *tables: dict[str, str | Cut], lists: str, **options: object) -> Architecture:
    """An encoder with a language model's head."""
    return Architecture(made(name, f"{name}ForMaskedLM", **COMMON | options), at(lists, *tables))
