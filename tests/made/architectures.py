"""Tiny random models of every kind of naming, and where their own modules keep the seven projections."""

from dataclasses import replace

import modules as m
import transformers as tf
from hub_names import HUB, Handmade
from modules import Architecture
from rare_architectures import RARE

SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
GPT = {"vocab_size": 40, "n_positions": 16, "n_embd": 32, "n_layer": 3, "n_head": 4}
NEOX = {
    "attention.query_key_value": m.by_head("query key value", 8, 8, 8),
    "attention.dense": "output",
} | m.NEOX_MLP
FALCON_SIZES = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
FALCON = {"self_attention.dense": "output"} | m.NEOX_MLP
QWEN3_MOE = m.causal("Qwen3Moe", m.ATTENTION, m.FUSED_EXPERTS, **m.EXPERTS)

ARCHITECTURES = {
    "Llama": m.causal("Llama", m.LLAMA),
    "SmolLM (tied)": m.causal("Llama", m.LLAMA, tie_word_embeddings=True),
    **{name: m.causal(name, m.LLAMA) for name in (
        "Mistral", "Qwen2", "Qwen3", "Gemma", "Gemma2", "Granite", "Olmo", "Olmo2", "StableLm", "Cohere", "Cohere2",
        "SmolLM3", "Nemotron", "Ministral",
    )},
    "Gemma3": Architecture(m.made("Gemma3Text", "Gemma3ForCausalLM", **m.COMMON), m.at("model.layers", m.LLAMA)),
    "Phi": m.causal("Phi", m.OUT, {"self_attn.dense": "output"}, m.paths("mlp.", "fc1 fc2", "up down")),
    "Phi3": m.causal("Phi3", m.PHI3, m.FUSED_MLP),
    "Glm4": m.causal("Glm4", m.ATTENTION, m.FUSED_MLP),
    "Starcoder2": m.causal("Starcoder2", m.ATTENTION, m.paths("mlp.", "c_fc c_proj", "up down")),
    "Persimmon": m.causal(
        "Persimmon", {"self_attn.query_key_value": m.by_head("query key value", 8, 8, 8), "self_attn.dense": "output"},
        m.NEOX_MLP),
    "Qwen2Moe": m.causal("Qwen2Moe", m.ATTENTION, m.FUSED_EXPERTS, m.SHARED, **m.EXPERTS),
    "Qwen3Moe": QWEN3_MOE,
    "Qwen3Moe (experts fused)": replace(QWEN3_MOE, fused=True),
    "Olmoe": m.causal("Olmoe", m.ATTENTION, m.FUSED_EXPERTS, **m.EXPERTS),
    "Mixtral": m.causal("Mixtral", m.ATTENTION, m.FUSED_EXPERTS, **m.EXPERTS),
    "DeepseekV2": m.causal("DeepseekV2", m.LATENT_ATTENTION, m.GATED, m.FUSED_EXPERTS, m.SHARED_MANY, **m.EXPERTS | m.LATENT),
    "DeepseekV3": m.causal("DeepseekV3", m.LATENT_ATTENTION, m.GATED, m.FUSED_EXPERTS, m.SHARED_MANY, **m.EXPERTS | m.LATENT),
    "GptOss": m.causal("GptOss", m.ATTENTION, {
        "mlp.experts.gate_up_proj": m.experts(m.by_head("gate up", 1, 1), transposed=True),
        "mlp.experts.down_proj": m.experts(m.one("down"), transposed=True)}, **m.EXPERTS | {"intermediate_size": 32}),
    "Llama4": Architecture(m.made("Llama4Text", "Llama4ForCausalLM", **m.COMMON | m.EXPERTS, intermediate_size_mlp=40,
        interleave_moe_layer_step=2), m.at("model.layers", m.ATTENTION,
        m.paths("feed_forward.", "gate_proj up_proj down_proj", m.MLP),
        m.paths("feed_forward.shared_expert.", "gate_proj up_proj down_proj", m.MLP), {
        "feed_forward.experts.gate_up_proj": m.experts(m.stacked("gate up"), transposed=True),
        "feed_forward.experts.down_proj": m.experts(m.one("down"), transposed=True)})),
    "GraniteMoeShared": m.causal("GraniteMoeShared", m.ATTENTION, {
        "block_sparse_moe.experts.gate_up_proj": m.experts(m.stacked("gate up")),
        "block_sparse_moe.experts.down_proj": m.experts(m.one("down")),
        "shared_mlp.input_linear": m.stacked("gate up"), "shared_mlp.output_linear": "down"},
        **m.EXPERTS, shared_intermediate_size=24),
    "Jamba": m.causal("Jamba", m.ATTENTION, m.paths("feed_forward.", "gate_proj up_proj down_proj", m.MLP), {
        "feed_forward.experts.gate_up_proj": m.experts(m.stacked("gate up")),
        "feed_forward.experts.down_proj": m.experts(m.one("down"))},
        **m.EXPERTS, attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2, use_mamba_kernels=False),
    "GPT-2": Architecture(m.made("GPT2", "GPT2LMHeadModel", **GPT), m.at("transformer.h", m.GPT2)),
    "GPT-2 (body only)": Architecture(m.made("GPT2", "GPT2Model", **GPT), m.at("h", m.GPT2)),
    "GPTBigCode": Architecture(m.made("GPTBigCode", "GPTBigCodeForCausalLM", **GPT), m.at("transformer.h", {
        "attn.c_attn": m.stacked("query key value", 32, 8, 8), "attn.c_proj": "output"},
        m.paths("mlp.", "c_fc c_proj", "up down"))),
    "GPTJ": Architecture(m.made("GPTJ", "GPTJForCausalLM", **GPT, rotary_dim=4), m.at("transformer.h",
        m.paths("attn.", "q_proj k_proj v_proj out_proj"), m.paths("mlp.", "fc_in fc_out", "up down"))),
    "CodeGen": Architecture(m.made("CodeGen", "CodeGenForCausalLM", **GPT, rotary_dim=4), m.at("transformer.h",
        {"attn.qkv_proj": m.by_head("query value key", 8, 8, 8), "attn.out_proj": "output"},
        m.paths("mlp.", "fc_in fc_out", "up down"))),
    "GPTNeo": Architecture(m.made("GPTNeo", "GPTNeoForCausalLM", vocab_size=40, hidden_size=32, num_layers=2, num_heads=4,
        max_position_embeddings=16, attention_types=[[["global", "local"], 1]]), m.at("transformer.h",
        m.paths("attn.attention.", "q_proj k_proj v_proj out_proj"), m.paths("mlp.", "c_fc c_proj", "up down"))),
    "GPTNeoX": m.causal("GPTNeoX", NEOX, lists="gpt_neox.layers"),
    "Bloom": Architecture(m.made("Bloom", "BloomForCausalLM", vocab_size=40, hidden_size=32, n_layer=2, n_head=4), m.at(
        "transformer.h", {"self_attention.query_key_value": m.by_head("query key value", 8, 8, 8)}, FALCON)),
    **{f"Falcon ({kind})": Architecture(m.made("Falcon", "FalconForCausalLM", **FALCON_SIZES | options), m.at(
        "transformer.h", {"self_attention.query_key_value": m.by_head("query key value", *sizes)}, FALCON))
        for kind, options, sizes in (
            ("one key head", {}, (32, 8, 8)),
            ("as many", {"multi_query": False}, (8, 8, 8)),
            ("some", {"new_decoder_architecture": True, "num_kv_heads": 2}, (16, 8, 8)))},
    "Mpt": Architecture(m.made("Mpt", "MptForCausalLM", vocab_size=40, d_model=32, n_layers=2, n_heads=4), m.at(
        "transformer.blocks", {"attn.Wqkv": m.stacked("query key value"), "attn.out_proj": "output"},
        m.paths("ffn.", "up_proj down_proj", "up down"))),
    "OPT": Architecture(m.made("OPT", "OPTForCausalLM", **m.COMMON, ffn_dim=48, word_embed_proj_dim=32), m.at(
        "model.decoder.layers", m.OUT, m.FC)),
    "Bart": Architecture(m.made("Bart", "BartForConditionalGeneration", **m.SEQ2SEQ), m.at(
        "model.decoder.layers model.encoder.layers", m.OUT, m.FC)),
    "Whisper": Architecture(m.made("Whisper", "WhisperForConditionalGeneration", **m.SEQ2SEQ, num_mel_bins=8), m.at(
        "model.decoder.layers model.encoder.layers", m.OUT, m.FC)),
    "T5": Architecture(m.made("T5", "T5ForConditionalGeneration", **m.T5), m.at("decoder.block encoder.block", m.T5_ATTENTION,
        {f"layer.{i}.DenseReluDense.{name}": p for i in (1, 2) for name, p in (("wi", "up"), ("wo", "down"))})),
    "T5 (gated)": Architecture(m.made("T5", "T5ForConditionalGeneration", **m.T5, feed_forward_proj="gated-gelu"), m.at(
        "decoder.block encoder.block", m.T5_ATTENTION, {f"layer.{i}.DenseReluDense.{name}": p for i in (1, 2)
        for name, p in (("wi_0", "gate"), ("wi_1", "up"), ("wo", "down"))})),
    "Bert": m.masked("Bert", m.BERT, lists="bert.encoder.layer"),
    "Roberta": m.masked("Roberta", m.BERT, lists="roberta.encoder.layer"),
    "Electra": m.masked("Electra", m.BERT, lists="electra.encoder.layer", embedding_size=16),
    "Deberta": m.masked("Deberta", m.BERT, {"attention.self.in_proj": m.by_head("query key value", 8, 8, 8)},
        lists="deberta.encoder.layer"),
    "DebertaV2": m.masked("DebertaV2", m.BERT, m.DEBERTA, lists="deberta.encoder.layer"),
    "MPNet": m.masked("MPNet", m.paths("attention.attn.", "q k v o"), m.BERT, lists="mpnet.encoder.layer"),
    "DistilBert": Architecture(m.made("DistilBert", "DistilBertForMaskedLM", vocab_size=40, dim=32, n_layers=2, n_heads=4,
        hidden_dim=48, max_position_embeddings=16), m.at("distilbert.transformer.layer",
        m.paths("attention.", "q_lin k_lin v_lin out_lin"), m.paths("ffn.", "lin1 lin2", "up down"))),
    "Albert": m.masked("Albert", m.paths("attention.", "query key value dense"), m.paths("", "ffn ffn_output", "up down"),
        lists="albert.encoder.albert_layer_groups.0.albert_layers", embedding_size=16),
    "ModernBert": m.masked("ModernBert", {"attn.Wqkv": m.stacked("query key value"), "attn.Wo": "output",
        "mlp.Wi": m.stacked("gate up"), "mlp.Wo": "down"}, lists="model.layers", cls_token_id=1, sep_token_id=2),
    "ViT": Architecture(m.made("ViT", "ViTModel", **SMALL, image_size=8, patch_size=4), m.at("layers", m.VIT)),
    "CLIP": Architecture(lambda: tf.CLIPModel(tf.CLIPConfig(text_config=m.COMMON,
        vision_config=SMALL | {"image_size": 8, "patch_size": 4})), m.at("text_model.encoder.layers", m.OUT,
        m.paths("mlp.", "fc1 fc2", "up down"))),
    "CLIP (vision only)": Architecture(m.made("CLIPVision", "CLIPVisionModel", **SMALL, image_size=8, patch_size=4), m.at(
        "encoder.layers", m.OUT, m.paths("mlp.", "fc1 fc2", "up down"))),
    "SigLIP": Architecture(lambda: tf.SiglipModel(tf.SiglipConfig(text_config=m.COMMON,
        vision_config=SMALL | {"image_size": 8, "patch_size": 4})), m.at("text_model.encoder.layers", m.OUT,
        m.paths("mlp.", "fc1 fc2", "up down"))),
    "LLaVA": Architecture(lambda: tf.LlavaForConditionalGeneration(tf.LlavaConfig(text_config=tf.LlamaConfig(**m.COMMON),
        vision_config=tf.CLIPVisionConfig(**SMALL, image_size=8, patch_size=4))), m.at(
        "model.language_model.layers", m.LLAMA)),
    "Qwen2-VL": Architecture(lambda: tf.Qwen2VLForConditionalGeneration(tf.Qwen2VLConfig(text_config=m.COMMON,
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "patch_size": 4})), m.at(
        "model.language_model.layers", m.LLAMA)),
    **RARE,
    **{name: Architecture(build, Handmade.projections) for name, build in HUB.items()},
}  # fmt: skip
MEASURED = (
    "SmolLM (tied)", "Phi3", "DeepseekV2", "GptOss", "GPT-2", "Falcon (some)", "Bart", "Albert", "Karpathy's lecture",
)  # fmt: skip  # one for each way of cutting
