"""Architectures that few use, for the rows of the name table that they alone prove."""

from dataclasses import replace

import torch
from modules import (
    ATTENTION,
    COMMON,
    EXPERTS,
    FC,
    FUSED_EXPERTS,
    GATED,
    LATENT,
    LATENT_ATTENTION,
    LLAMA,
    MLP,
    OUT,
    SEQ2SEQ,
    SHARED_MANY,
    T5,
    T5_ATTENTION,
    Architecture,
    Cut,
    Projections,
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

UP_DOWN = "up down"
T5_MLP = {f"layer.{i}.{path}": role for i in (1, 2) for path, role in (
    ("mlp.wi", "up"), ("mlp.wo", "down"), ("DenseReluDense.wi", "up"), ("DenseReluDense.wo", "down"))}  # fmt: skip
FUNNEL = paths("attention.", "q_head k_head v_head post_proj") | paths(
    "ffn.", "linear_1 linear_2", UP_DOWN
)
SHARED_MLP = paths("mlp.shared_mlp.", "gate_proj up_proj down_proj", MLP)
FEED_FORWARD = paths("feed_forward.", "gate_proj up_proj down_proj", MLP)
MIXER = paths("mixer.", "q_proj k_proj v_proj o_proj") | paths(
    "mixer.", "up_proj down_proj", UP_DOWN
)


def numbered(projection: str, i: int) -> Cut:
    """The i-th of several matrices of one projection."""
    return lambda w: iter([(projection, i, w)])


def of_xlm(model: torch.nn.Module) -> Projections:
    """Attention and MLPs are in lists of their own."""
    attention = at("transformer.attentions", paths("", "q_lin k_lin v_lin out_lin"))
    return attention(model) | at("transformer.ffns", paths("", "lin1 lin2", UP_DOWN))(model)


NEMOTRON_H = causal("NemotronH", MIXER, {"mixer.experts.up_proj": experts(one("up")),
    "mixer.experts.down_proj": experts(one("down"))}, paths("mixer.shared_experts.", "up_proj down_proj", UP_DOWN),
    **EXPERTS | {"num_hidden_layers": 4}, layers_block_type=["mamba", "attention", "moe", "mlp"],
    mamba_num_heads=4, mamba_head_dim=8, n_groups=1, moe_shared_expert_intermediate_size=24)  # fmt: skip

RARE = {
    "LongT5": Architecture(made("LongT5", "LongT5ForConditionalGeneration", **T5), at("decoder.block encoder.block",
        T5_ATTENTION, paths("layer.0.LocalSelfAttention.", "q k v o"), T5_MLP)),
    "SwitchTransformers": Architecture(made("SwitchTransformers", "SwitchTransformersForConditionalGeneration", **T5),
        at("decoder.block encoder.block", T5_ATTENTION, T5_MLP, {f"layer.{i}.mlp.experts.{stack}": experts(one(role))
            for i in (1, 2) for stack, role in (("up_proj", "up"), ("down_proj", "down"))},
            {f"layer.{i}.mlp.experts.expert_{e}.{name}": numbered(role, e)
             for i in (1, 2) for e in range(3) for name, role in (("wi", "up"), ("wo", "down"))})),
    "NllbMoe": Architecture(made("NllbMoe", "NllbMoeForConditionalGeneration", **SEQ2SEQ, num_experts=3,
        encoder_sparse_step=2, decoder_sparse_step=2, expert_capacity=4), at(
        "model.decoder.layers model.encoder.layers", OUT, paths("ffn.", "fc1 fc2", UP_DOWN),
        {f"ffn.experts.expert_{e}.{name}": numbered(role, e)
         for e in range(3) for name, role in (("fc1", "up"), ("fc2", "down"))})),
    "BigBirdPegasus": Architecture(
        made("BigBirdPegasus", "BigBirdPegasusForConditionalGeneration", **SEQ2SEQ, attention_type="original_full"),
        at("model.decoder.layers model.encoder.layers", OUT, FC,
            paths("self_attn.self.", "query key value", "query key value"), {"self_attn.output": "output"})),
    "LED": Architecture(made("LED", "LEDForConditionalGeneration", **SEQ2SEQ, max_encoder_position_embeddings=16,
        max_decoder_position_embeddings=16, attention_window=4), at("led.decoder.layers led.encoder.layers", OUT, FC,
        paths("self_attn.longformer_self_attn.", "query key value", "query key value"),
        {"self_attn.output": "output"})),
    "ProphetNet": Architecture(made("ProphetNet", "ProphetNetForConditionalGeneration", vocab_size=40, hidden_size=32,
        encoder_ffn_dim=48, decoder_ffn_dim=48, num_encoder_layers=2, num_decoder_layers=2,
        num_encoder_attention_heads=4, num_decoder_attention_heads=4, max_position_embeddings=16), at(
        "prophetnet.decoder.layers prophetnet.encoder.layers",
        paths("self_attn.", "query_proj key_proj value_proj out_proj"),
        paths("feed_forward.", "intermediate output", UP_DOWN))),
    "XLM": Architecture(made("XLM", "XLMWithLMHeadModel", vocab_size=40, emb_dim=32, n_layers=2, n_heads=4,
        max_position_embeddings=16), of_xlm),
    "CTRL": Architecture(made("CTRL", "CTRLLMHeadModel", vocab_size=40, n_embd=32, n_positions=16, dff=48, n_layer=2,
        n_head=4), at("transformer.h", paths("multi_head_attention.", "Wq Wk Wv dense"),
        paths("ffn.", "0 2", UP_DOWN))),
    "ModernBertDecoder": causal("ModernBertDecoder", paths("attn.", "q_proj k_proj v_proj Wo"),
        {"mlp.Wi": stacked("gate up"), "mlp.Wo": "down"}, cls_token_id=1, sep_token_id=2),
    "NomicBert": masked("NomicBert", LLAMA, lists="nomic_bert.layers"),
    "JinaEmbeddingsV3": masked("JinaEmbeddingsV3", ATTENTION, paths("mlp.", "fc1 fc2", UP_DOWN),
        lists="roberta.layers"),
    "Gte": masked("Gte", LLAMA, lists="gte.layers"),
    "Funnel": Architecture(made("Funnel", "FunnelForMaskedLM", vocab_size=40, d_model=32, n_head=4, d_head=8,
        d_inner=48, block_sizes=[2, 2], num_decoder_layers=2), at(
        "funnel.decoder.layers funnel.encoder.blocks.0 funnel.encoder.blocks.1", FUNNEL)),
    "CpmAnt": Architecture(made("CpmAnt", "CpmAntForCausalLM", vocab_size=40, hidden_size=32, num_attention_heads=4,
        dim_head=8, dim_ff=48, num_hidden_layers=2, prompt_length=4, segment_types=2, position_bias_num_buckets=8), at(
        "cpmant.encoder.layers", paths("self_att.self_attention.", "project_q project_k project_v attention_out"),
        paths("ffn.ffn.", "w_in.w_0 w_in.w_1 w_out", MLP))),
    "Dinov2": Architecture(made("Dinov2", "Dinov2Model", hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        mlp_ratio=2, image_size=8, patch_size=4), at("encoder.layer",
        paths("attention.", "q_proj k_proj v_proj o_proj"), paths("mlp.", "fc1 fc2", UP_DOWN))),
    "Zamba": causal("Zamba", paths("shared_transf.self_attn.", "q_proj k_proj v_proj o_proj"),
        paths("shared_transf.feed_forward.", "gate_proj up_proj down_proj", MLP), attention_hidden_size=64,
        attention_head_dim=16, num_hidden_layers=4, attn_layer_period=2, attn_layer_offset=1,
        layers_block_type=["mamba", "hybrid", "mamba", "hybrid"], n_mamba_heads=2, mamba_d_state=4, mamba_dt_rank=4),
    "Zamba2": causal("Zamba2", paths("shared_transformer.self_attn.", "q_proj k_proj v_proj o_proj"),
        {"shared_transformer.feed_forward.gate_up_proj": stacked("gate up"),
         "shared_transformer.feed_forward.down_proj": "down"},
        attention_hidden_size=64, attention_head_dim=16, num_hidden_layers=2, num_mem_blocks=1, n_mamba_heads=2,
        layers_block_type=["mamba", "hybrid"], mamba_d_state=4, mamba_headdim=32, use_mem_rope=False, adapter_rank=4,
        num_key_value_heads=4),
    "NemotronH": NEMOTRON_H,
    "NemotronH (experts fused)": replace(NEMOTRON_H, fused=True),
    "MiniMaxM3": Architecture(made("MiniMaxM3VLText", "MiniMaxM3VLForCausalLM", **COMMON | EXPERTS), at("model.layers",
        ATTENTION, GATED, FUSED_EXPERTS, {"mlp.shared_experts.gate_up_proj": stacked("gate up"),
        "mlp.shared_experts.down_proj": "down"})),
    "RecurrentGemma": causal("RecurrentGemma", paths("temporal_block.", "q_proj k_proj v_proj o_proj"),
        paths("mlp_block.", "gate_proj up_proj down_proj", MLP), lru_width=32, num_attention_heads=4),
    "JetMoe": causal("JetMoe", {"self_attention.experts.input_linear": experts(one("query")),
        "self_attention.experts.output_linear": experts(one("output")),
        "self_attention.kv_proj": stacked("key value"), "mlp.input_linear": experts(stacked("gate up")),
        "mlp.output_linear": experts(one("down"))}, **EXPERTS, kv_channels=8),
    "AriaText": causal("AriaText", ATTENTION, SHARED_MANY, {
        "mlp.experts.gate_up_proj": experts(stacked("gate up"), turned=True),
        "mlp.experts.down_proj": experts(one("down"), turned=True)}, **EXPERTS),
    "HYV3": causal("HYV3", LLAMA, FUSED_EXPERTS, SHARED_MANY, SHARED_MLP, **EXPERTS),
    "HYV4": causal("HYV4", LATENT_ATTENTION, GATED, FUSED_EXPERTS, SHARED_MANY, **EXPERTS | LATENT),
    "HunYuanMoEV1": causal("HunYuanMoEV1", LLAMA, FUSED_EXPERTS, SHARED_MLP, **EXPERTS, moe_topk=2),
    "KimiLinear": causal("KimiLinear", ATTENTION, GATED, FUSED_EXPERTS, SHARED_MANY,
        {"self_attn.kv_b_proj": by_head("key value", 8, 6)}, **EXPERTS | LATENT),
    "MiniMax": causal("MiniMax", ATTENTION, FUSED_EXPERTS, {"self_attn.qkv_proj": by_head("query key value", 8, 8, 8),
        "self_attn.out_proj": "output"}, **EXPERTS),
    "Lfm2Moe": causal("Lfm2Moe", OUT, paths("feed_forward.", "w1 w3 w2", MLP), {
        "feed_forward.experts.gate_up_proj": experts(stacked("gate up")),
        "feed_forward.experts.down_proj": experts(one("down"))}, **EXPERTS, num_dense_layers=1,
        layer_types=["full_attention", "conv", "full_attention"]),
    "Jamba's MLPs": causal("Bamba", ATTENTION, FEED_FORWARD, attn_layer_indices=[1], mamba_n_heads=4, mamba_d_head=16,
        mamba_d_state=4, mamba_n_groups=1),
    "GraniteMoeSWA": causal("GraniteMoeSWA", ATTENTION, {
        "block_sparse_moe.experts.gate_up_proj": experts(stacked("gate up")),
        "block_sparse_moe.experts.down_proj": experts(one("down"))}, **EXPERTS),
}  # fmt: skip
