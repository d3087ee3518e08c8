"""Tiny random models of every kind of naming, and where their own modules keep the seven projections."""

from dataclasses import replace

import transformers as tf
from hub_names import HUB, Handmade
from modules import (
    ATTENTION,
    BERT,
    COMMON,
    DEBERTA,
    EXPERTS,
    FC,
    FUSED_EXPERTS,
    FUSED_MLP,
    GATED,
    GPT2,
    LATENT,
    LATENT_ATTENTION,
    LLAMA,
    MLP,
    NEOX_MLP,
    OUT,
    PHI3,
    SEQ2SEQ,
    SHARED,
    SHARED_MANY,
    T5,
    T5_ATTENTION,
    VIT,
    Architecture,
    at,
    by_head,
    causal,
    experts,
    made,
    masked,
    one,
    paths,
    stacked,
)
from rare_architectures import RARE

SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
GPT = {"vocab_size": 40, "n_positions": 16, "n_embd": 32, "n_layer": 3, "n_head": 4}
NEOX = {
    "attention.query_key_value": by_head("query key value", 8, 8, 8),
    "attention.dense": "output",
} | NEOX_MLP
FALCON_SIZES = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
FALCON = {"self_attention.dense": "output"} | NEOX_MLP
QWEN3_MOE = causal("Qwen3Moe", ATTENTION, FUSED_EXPERTS, **EXPERTS)

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
    "Qwen3Moe": QWEN3_MOE,
    "Qwen3Moe (experts fused)": replace(QWEN3_MOE, fused=True),
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
    **RARE,
    **{name: Architecture(build, Handmade.projections) for name, build in HUB.items()},
}  # fmt: skip
MEASURED = (
    "SmolLM (tied)", "Phi3", "DeepseekV2", "GptOss", "GPT-2", "Falcon (some)", "Bart", "Albert", "Karpathy's lecture",
)  # fmt: skip  # one for each way of cutting
