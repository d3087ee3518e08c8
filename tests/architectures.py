"""Tiny random models of every kind of naming, and where their own modules keep the seven projections."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers as tf
from hub_names import HUB, Handmade

COMMON = {
    "vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 16, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2,
}  # fmt: skip
LATENT = {"q_lora_rank": 12, "kv_lora_rank": 10, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 6}
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
    """How to build a model, and what its projections are by its own modules."""

    build: Callable[[], torch.nn.Module]
    projections: Callable[[torch.nn.Module], Projections]


def save(model: torch.nn.Module, folder: Path) -> None:
    """As its own library does, or as a training script would."""
    if hasattr(model, "save_pretrained"):
        model.save_pretrained(folder)
    else:
        torch.save({"model": model.state_dict()}, folder / "model.pt")
        (folder / "config.json").write_text(json.dumps({"num_attention_heads": 4}))


def one(projection: str) -> Cut:
    """The whole weight."""
    return lambda w: iter([(projection, None, w)])


def stacked(projections: str, *sizes: int) -> Cut:
    """Parts one below the other, in equal shares if no sizes are given."""
    names = projections.split()
    return lambda w: zip(names, [None] * len(names), w.split(list(sizes) or len(w) // len(names)), strict=True)


def by_head(projections: str, *sizes: int) -> Cut:
    """Groups of `sizes` rows follow each other, again and again."""

    def cut(weight: torch.Tensor) -> Iterator[tuple[str, int | None, torch.Tensor]]:
        pieces = weight.split(list(sizes) * (len(weight) // sum(sizes)))
        for i, name in enumerate(projections.split()):
            yield name, None, torch.cat(pieces[i :: len(sizes)])

    return cut


def experts(cut: Cut, *, turned: bool = False) -> Cut:
    """A stack of matrices."""
    return lambda w: (
        (name, i, part) for i, matrix in enumerate(w) for name, _, part in cut(matrix.T if turned else matrix)
    )


def turned(cut: Cut) -> Cut:
    """Stored inputs x outputs."""
    return lambda w: cut(w.T)


def at(lists: str, *tables: dict[str, str | Cut]) -> Callable[[torch.nn.Module], Projections]:
    """Projections by their paths below the layers of `lists`, which are numbered through; paths may be missing."""

    def find(model: torch.nn.Module) -> Projections:
        found: Projections = {}
        layers = [layer for path in lists.split() for layer in model.get_submodule(path)]
        for i, layer in enumerate(layers):
            own = dict(layer.named_parameters(remove_duplicate=False))
            for path, cut in (pair for table in tables for pair in table.items()):
                weight = own.get(f"{path}.weight", own.get(path))
                if weight is not None:
                    cuts = (one(cut) if isinstance(cut, str) else cut)(weight.detach())
                    found |= {(i, projection, expert): part for projection, expert, part in cuts}
        return found

    return find


def paths(prefix: str, names: str, projections: str = "query key value output") -> dict[str, str | Cut]:
    """Paths `prefix + name` of whole projections."""
    return dict(zip((prefix + name for name in names.split()), projections.split(), strict=True))


MLP = "gate up down"
ATTENTION = paths("self_attn.", "q_proj k_proj v_proj o_proj")
GATED = paths("mlp.", "gate_proj up_proj down_proj", MLP)
LLAMA = ATTENTION | GATED
PHI3 = {"self_attn.qkv_proj": stacked("query key value", 32, 16, 16), "self_attn.o_proj": "output"}
FUSED_MLP = {"mlp.gate_up_proj": stacked("gate up"), "mlp.down_proj": "down"}
FUSED_EXPERTS = {"mlp.experts.gate_up_proj": experts(stacked("gate up")), "mlp.experts.down_proj": experts(one("down"))}
SHARED = paths("mlp.shared_expert.", "gate_proj up_proj down_proj", MLP)
SHARED_MANY = paths("mlp.shared_experts.", "gate_proj up_proj down_proj", MLP)
LATENT_ATTENTION = {"self_attn.q_b_proj": "query", "self_attn.kv_b_proj": by_head("key value", 8, 6)} | paths(
    "self_attn.", "o_proj", "output"
)
OUT = paths("self_attn.", "q_proj k_proj v_proj out_proj")
FC = paths("", "fc1 fc2", "up down")
NEOX_MLP = paths("mlp.", "dense_h_to_4h dense_4h_to_h", "up down")
BERT = paths("attention.self.", "query key value", "query key value") | paths(
    "", "attention.output.dense intermediate.dense output.dense", "output up down"
)
GPT2_MLP = {"mlp.c_fc": turned(one("up")), "mlp.c_proj": turned(one("down"))}
GPT2 = {"attn.c_attn": turned(stacked("query key value")), "attn.c_proj": turned(one("output"))} | GPT2_MLP
DEBERTA = paths("attention.self.", "query_proj key_proj value_proj", "query key value")
VIT = paths("attention.", "q_proj k_proj v_proj o_proj") | paths("mlp.", "fc1 fc2", "up down")
T5_ATTENTION = paths("layer.0.SelfAttention.", "q k v o")


def made(config: str, model: str, **options: object) -> Callable[[], torch.nn.Module]:
    """A model of a tiny configuration."""
    return lambda: getattr(tf, model)(getattr(tf, config + "Config")(**options))


def causal(name: str, *tables: dict[str, str | Cut], lists: str = "model.layers", **options: object) -> Architecture:
    """A language model with the usual names in its configuration."""
    return Architecture(made(name, f"{name}ForCausalLM", **COMMON | options), at(lists, *tables))


def masked(name: str, *tables: dict[str, str | Cut], lists: str, **options: object) -> Architecture:
    """An encoder with a language model's head."""
    return Architecture(made(name, f"{name}ForMaskedLM", **COMMON | options), at(lists, *tables))


SMALL = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
GPT = {"vocab_size": 40, "n_positions": 16, "n_embd": 32, "n_layer": 3, "n_head": 4}
NEOX = {"attention.query_key_value": by_head("query key value", 8, 8, 8), "attention.dense": "output"} | NEOX_MLP
FALCON_SIZES = {"vocab_size": 40, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
FALCON = {"self_attention.dense": "output"} | NEOX_MLP

ARCHITECTURES = {
    "Llama": causal("Llama", LLAMA),
    "SmolLM (tied)": causal("Llama", LLAMA, tie_word_embeddings=True),
    **{name: causal(name, LLAMA) for name in (
        "Mistral", "Qwen2", "Qwen3", "Gemma", "Gemma2", "Granite", "Olmo", "Olmo2", "StableLm", "Cohere", "Cohere2",
        "SmolLM3", "Nemotron", "Ministral",
    )},
    "Gemma3": Architecture(made("Gemma3Text", "Gemma3ForCausalLM", **COMMON), at("model.layers", LLAMA)),
    "Phi": causal("Phi", OUT, {"self_attn.dense": "output"}, paths("mlp.", "fc1 fc2", "up down")),
    "Phi3": causal("Phi3", PHI3, FUSED_MLP),
    "Glm4": causal("Glm4", ATTENTION, FUSED_MLP),
    "Starcoder2": causal("Starcoder2", ATTENTION, paths("mlp.", "c_fc c_proj", "up down")),
    "Persimmon": causal(
        "Persimmon", {"self_attn.query_key_value": by_head("query key value", 8, 8, 8), "self_attn.dense": "output"},
        NEOX_MLP),
    "Qwen2Moe": causal("Qwen2Moe", ATTENTION, FUSED_EXPERTS, SHARED, **EXPERTS),
    "Qwen3Moe": causal("Qwen3Moe", ATTENTION, FUSED_EXPERTS, **EXPERTS),
    "Olmoe": causal("Olmoe", ATTENTION, FUSED_EXPERTS, **EXPERTS),
    "Mixtral": causal("Mixtral", ATTENTION, FUSED_EXPERTS, **EXPERTS),
    "DeepseekV2": causal("DeepseekV2", LATENT_ATTENTION, GATED, FUSED_EXPERTS, SHARED_MANY, **EXPERTS | LATENT),
    "DeepseekV3": causal("DeepseekV3", LATENT_ATTENTION, GATED, FUSED_EXPERTS, SHARED_MANY, **EXPERTS | LATENT),
    "GptOss": causal("GptOss", ATTENTION, {
        "mlp.experts.gate_up_proj": experts(by_head("gate up", 1, 1), turned=True),
        "mlp.experts.down_proj": experts(one("down"), turned=True)}, **EXPERTS | {"intermediate_size": 32}),
    "Llama4": Architecture(made("Llama4Text", "Llama4ForCausalLM", **COMMON | EXPERTS, intermediate_size_mlp=40,
        interleave_moe_layer_step=2), at("model.layers", ATTENTION,
        paths("feed_forward.", "gate_proj up_proj down_proj", MLP),
        paths("feed_forward.shared_expert.", "gate_proj up_proj down_proj", MLP), {
        "feed_forward.experts.gate_up_proj": experts(stacked("gate up"), turned=True),
        "feed_forward.experts.down_proj": experts(one("down"), turned=True)})),
    "GraniteMoeShared": causal("GraniteMoeShared", ATTENTION, {
        "block_sparse_moe.experts.gate_up_proj": experts(stacked("gate up")),
        "block_sparse_moe.experts.down_proj": experts(one("down")),
        "shared_mlp.input_linear": stacked("gate up"), "shared_mlp.output_linear": "down"},
        **EXPERTS, shared_intermediate_size=24),
    "Jamba": causal("Jamba", ATTENTION, paths("feed_forward.", "gate_proj up_proj down_proj", MLP), {
        "feed_forward.experts.gate_up_proj": experts(stacked("gate up")),
        "feed_forward.experts.down_proj": experts(one("down"))},
        **EXPERTS, attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2, use_mamba_kernels=False),
    "GPT-2": Architecture(made("GPT2", "GPT2LMHeadModel", **GPT), at("transformer.h", GPT2)),
    "GPT-2 (body only)": Architecture(made("GPT2", "GPT2Model", **GPT), at("h", GPT2)),
    "GPTBigCode": Architecture(made("GPTBigCode", "GPTBigCodeForCausalLM", **GPT), at("transformer.h", {
        "attn.c_attn": stacked("query key value", 32, 8, 8), "attn.c_proj": "output"},
        paths("mlp.", "c_fc c_proj", "up down"))),
    "GPTJ": Architecture(made("GPTJ", "GPTJForCausalLM", **GPT, rotary_dim=4), at("transformer.h",
        paths("attn.", "q_proj k_proj v_proj out_proj"), paths("mlp.", "fc_in fc_out", "up down"))),
    "CodeGen": Architecture(made("CodeGen", "CodeGenForCausalLM", **GPT, rotary_dim=4), at("transformer.h",
        {"attn.qkv_proj": by_head("query value key", 8, 8, 8), "attn.out_proj": "output"},
        paths("mlp.", "fc_in fc_out", "up down"))),
    "GPTNeo": Architecture(made("GPTNeo", "GPTNeoForCausalLM", vocab_size=40, hidden_size=32, num_layers=2, num_heads=4,
        max_position_embeddings=16, attention_types=[[["global", "local"], 1]]), at("transformer.h",
        paths("attn.attention.", "q_proj k_proj v_proj out_proj"), paths("mlp.", "c_fc c_proj", "up down"))),
    "GPTNeoX": causal("GPTNeoX", NEOX, lists="gpt_neox.layers"),
    "Bloom": Architecture(made("Bloom", "BloomForCausalLM", vocab_size=40, hidden_size=32, n_layer=2, n_head=4), at(
        "transformer.h", {"self_attention.query_key_value": by_head("query key value", 8, 8, 8)}, FALCON)),
    **{f"Falcon ({kind})": Architecture(made("Falcon", "FalconForCausalLM", **FALCON_SIZES | options), at(
        "transformer.h", {"self_attention.query_key_value": by_head("query key value", *sizes)}, FALCON))
        for kind, options, sizes in (
            ("one key head", {}, (32, 8, 8)),
            ("as many", {"multi_query": False}, (8, 8, 8)),
            ("some", {"new_decoder_architecture": True, "num_kv_heads": 2}, (16, 8, 8)))},
    "Mpt": Architecture(made("Mpt", "MptForCausalLM", vocab_size=40, d_model=32, n_layers=2, n_heads=4), at(
        "transformer.blocks", {"attn.Wqkv": stacked("query key value"), "attn.out_proj": "output"},
        paths("ffn.", "up_proj down_proj", "up down"))),
    "OPT": Architecture(made("OPT", "OPTForCausalLM", **COMMON, ffn_dim=48, word_embed_proj_dim=32), at(
        "model.decoder.layers", OUT, FC)),
    "Bart": Architecture(made("Bart", "BartForConditionalGeneration", **SEQ2SEQ), at(
        "model.decoder.layers model.encoder.layers", OUT, FC)),
    "Whisper": Architecture(made("Whisper", "WhisperForConditionalGeneration", **SEQ2SEQ, num_mel_bins=8), at(
        "model.decoder.layers model.encoder.layers", OUT, FC)),
    "T5": Architecture(made("T5", "T5ForConditionalGeneration", **T5), at("decoder.block encoder.block", T5_ATTENTION,
        {f"layer.{i}.DenseReluDense.{name}": p for i in (1, 2) for name, p in (("wi", "up"), ("wo", "down"))})),
    "T5 (gated)": Architecture(made("T5", "T5ForConditionalGeneration", **T5, feed_forward_proj="gated-gelu"), at(
        "decoder.block encoder.block", T5_ATTENTION, {f"layer.{i}.DenseReluDense.{name}": p for i in (1, 2)
        for name, p in (("wi_0", "gate"), ("wi_1", "up"), ("wo", "down"))})),
    "Bert": masked("Bert", BERT, lists="bert.encoder.layer"),
    "Roberta": masked("Roberta", BERT, lists="roberta.encoder.layer"),
    "Electra": masked("Electra", BERT, lists="electra.encoder.layer", embedding_size=16),
    "Deberta": masked("Deberta", BERT, {"attention.self.in_proj": by_head("query key value", 8, 8, 8)},
        lists="deberta.encoder.layer"),
    "DebertaV2": masked("DebertaV2", BERT, DEBERTA, lists="deberta.encoder.layer"),
    "MPNet": masked("MPNet", paths("attention.attn.", "q k v o"), BERT, lists="mpnet.encoder.layer"),
    "DistilBert": Architecture(made("DistilBert", "DistilBertForMaskedLM", vocab_size=40, dim=32, n_layers=2, n_heads=4,
        hidden_dim=48, max_position_embeddings=16), at("distilbert.transformer.layer",
        paths("attention.", "q_lin k_lin v_lin out_lin"), paths("ffn.", "lin1 lin2", "up down"))),
    "Albert": masked("Albert", paths("attention.", "query key value dense"), paths("", "ffn ffn_output", "up down"),
        lists="albert.encoder.albert_layer_groups.0.albert_layers", embedding_size=16),
    "ModernBert": masked("ModernBert", {"attn.Wqkv": stacked("query key value"), "attn.Wo": "output",
        "mlp.Wi": stacked("gate up"), "mlp.Wo": "down"}, lists="model.layers", cls_token_id=1, sep_token_id=2),
    "ViT": Architecture(made("ViT", "ViTModel", **SMALL, image_size=8, patch_size=4), at("layers", VIT)),
    "CLIP": Architecture(lambda: tf.CLIPModel(tf.CLIPConfig(text_config=COMMON,
        vision_config=SMALL | {"image_size": 8, "patch_size": 4})), at("text_model.encoder.layers", OUT,
        paths("mlp.", "fc1 fc2", "up down"))),
    "CLIP (vision only)": Architecture(made("CLIPVision", "CLIPVisionModel", **SMALL, image_size=8, patch_size=4), at(
        "encoder.layers", OUT, paths("mlp.", "fc1 fc2", "up down"))),
    "SigLIP": Architecture(lambda: tf.SiglipModel(tf.SiglipConfig(text_config=COMMON,
        vision_config=SMALL | {"image_size": 8, "patch_size": 4})), at("text_model.encoder.layers", OUT,
        paths("mlp.", "fc1 fc2", "up down"))),
    "LLaVA": Architecture(lambda: tf.LlavaForConditionalGeneration(tf.LlavaConfig(text_config=tf.LlamaConfig(**COMMON),
        vision_config=tf.CLIPVisionConfig(**SMALL, image_size=8, patch_size=4))), at(
        "model.language_model.layers", LLAMA)),
    "Qwen2-VL": Architecture(lambda: tf.Qwen2VLForConditionalGeneration(tf.Qwen2VLConfig(text_config=COMMON,
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "patch_size": 4})), at(
        "model.language_model.layers", LLAMA)),
    **{name: Architecture(build, Handmade.projections) for name, build in HUB.items()},
}  # fmt: skip
MEASURED = (
    "SmolLM (tied)", "Phi3", "DeepseekV2", "GptOss", "GPT-2", "Falcon (some)", "Bart", "Albert", "Karpathy's lecture",
)  # fmt: skip  # one for each way of cutting
