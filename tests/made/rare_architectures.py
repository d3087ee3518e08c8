"""Architectures that few use, for the rows of the name table that they alone prove."""

from dataclasses import replace

import modules as m
import torch
from modules import Architecture, Cut, Projections

UP_DOWN = "up down"
T5_MLP = {f"layer.{i}.{path}": role for i in (1, 2) for path, role in (
    ("mlp.wi", "up"), ("mlp.wo", "down"), ("DenseReluDense.wi", "up"), ("DenseReluDense.wo", "down"))}  # fmt: skip
FUNNEL = m.paths("attention.", "q_head k_head v_head post_proj") | m.paths(
    "ffn.", "linear_1 linear_2", UP_DOWN
)
SHARED_MLP = m.paths("mlp.shared_mlp.", "gate_proj up_proj down_proj", m.MLP)
FEED_FORWARD = m.paths("feed_forward.", "gate_proj up_proj down_proj", m.MLP)
MIXER = m.paths("mixer.", "q_proj k_proj v_proj o_proj") | m.paths(
    "mixer.", "up_proj down_proj", UP_DOWN
)


def numbered(projection: str, i: int) -> Cut:
    """The i-th of several matrices of one projection."""
    return lambda w: iter([(projection, i, w)])


def of_xlm(model: torch.nn.Module) -> Projections:
    """Attention and MLPs are in lists of their own."""
    attention = m.at("transformer.attentions", m.paths("", "q_lin k_lin v_lin out_lin"))
    return attention(model) | m.at("transformer.ffns", m.paths("", "lin1 lin2", UP_DOWN))(model)


NEMOTRON_H = m.causal("NemotronH", MIXER, {"mixer.experts.up_proj": m.experts(m.one("up")),
    "mixer.experts.down_proj": m.experts(m.one("down"))}, m.paths("mixer.shared_experts.", "up_proj down_proj", UP_DOWN),
    **m.EXPERTS | {"num_hidden_layers": 4}, layers_block_type=["mamba", "attention", "moe", "mlp"],
    mamba_num_heads=4, mamba_head_dim=8, n_groups=1, moe_shared_expert_intermediate_size=24)  # fmt: skip

RARE = {
    "LongT5": Architecture(m.made("LongT5", "LongT5ForConditionalGeneration", **m.T5), m.at("decoder.block encoder.block",
        m.T5_ATTENTION, m.paths("layer.0.LocalSelfAttention.", "q k v o"), T5_MLP)),
    "SwitchTransformers": Architecture(m.made("SwitchTransformers", "SwitchTransformersForConditionalGeneration", **m.T5),
        m.at("decoder.block encoder.block", m.T5_ATTENTION, T5_MLP, {f"layer.{i}.mlp.experts.{stack}": m.experts(m.one(role))
            for i in (1, 2) for stack, role in (("up_proj", "up"), ("down_proj", "down"))},
            {f"layer.{i}.mlp.experts.expert_{e}.{name}": numbered(role, e)
             for i in (1, 2) for e in range(3) for name, role in (("wi", "up"), ("wo", "down"))})),
    "NllbMoe": Architecture(m.made("NllbMoe", "NllbMoeForConditionalGeneration", **m.SEQ2SEQ, num_experts=3,
        encoder_sparse_step=2, decoder_sparse_step=2, expert_capacity=4), m.at(
        "model.decoder.layers model.encoder.layers", m.OUT, m.paths("ffn.", "fc1 fc2", UP_DOWN),
        {f"ffn.experts.expert_{e}.{name}": numbered(role, e)
         for e in range(3) for name, role in (("fc1", "up"), ("fc2", "down"))})),
    "BigBirdPegasus": Architecture(
        m.made("BigBirdPegasus", "BigBirdPegasusForConditionalGeneration", **m.SEQ2SEQ, attention_type="original_full"),
        m.at("model.decoder.layers model.encoder.layers", m.OUT, m.FC,
            m.paths("self_attn.self.", "query key value", "query key value"), {"self_attn.output": "output"})),
    "LED": Architecture(m.made("LED", "LEDForConditionalGeneration", **m.SEQ2SEQ, max_encoder_position_embeddings=16,
        max_decoder_position_embeddings=16, attention_window=4), m.at("led.decoder.layers led.encoder.layers", m.OUT, m.FC,
        m.paths("self_attn.longformer_self_attn.", "query key value", "query key value"),
        {"self_attn.output": "output"})),
    "ProphetNet": Architecture(m.made("ProphetNet", "ProphetNetForConditionalGeneration", vocab_size=40, hidden_size=32,
        encoder_ffn_dim=48, decoder_ffn_dim=48, num_encoder_layers=2, num_decoder_layers=2,
        num_encoder_attention_heads=4, num_decoder_attention_heads=4, max_position_embeddings=16), m.at(
        "prophetnet.decoder.layers prophetnet.encoder.layers",
        m.paths("self_attn.", "query_proj key_proj value_proj out_proj"),
        m.paths("feed_forward.", "intermediate output", UP_DOWN))),
    "XLM": Architecture(m.made("XLM", "XLMWithLMHeadModel", vocab_size=40, emb_dim=32, n_layers=2, n_heads=4,
        max_position_embeddings=16), of_xlm),
    "CTRL": Architecture(m.made("CTRL", "CTRLLMHeadModel", vocab_size=40, n_embd=32, n_positions=16, dff=48, n_layer=2,
        n_head=4), m.at("transformer.h", m.paths("multi_head_attention.", "Wq Wk Wv dense"),
        m.paths("ffn.", "0 2", UP_DOWN))),
    "ModernBertDecoder": m.causal("ModernBertDecoder", m.paths("attn.", "q_proj k_proj v_proj Wo"),
        {"mlp.Wi": m.stacked("gate up"), "mlp.Wo": "down"}, cls_token_id=1, sep_token_id=2),
    "NomicBert": m.masked("NomicBert", m.LLAMA, lists="nomic_bert.layers"),
    "JinaEmbeddingsV3": m.masked("JinaEmbeddingsV3", m.ATTENTION, m.paths("mlp.", "fc1 fc2", UP_DOWN),
        lists="roberta.layers"),
    "Gte": m.masked("Gte", m.LLAMA, lists="gte.layers"),
    "Funnel": Architecture(m.made("Funnel", "FunnelForMaskedLM", vocab_size=40, d_model=32, n_head=4, d_head=8,
        d_inner=48, block_sizes=[2, 2], num_decoder_layers=2), m.at(
        "funnel.decoder.layers funnel.encoder.blocks.0 funnel.encoder.blocks.1", FUNNEL)),
    "CpmAnt": Architecture(m.made("CpmAnt", "CpmAntForCausalLM", vocab_size=40, hidden_size=32, num_attention_heads=4,
        dim_head=8, dim_ff=48, num_hidden_layers=2, prompt_length=4, segment_types=2, position_bias_num_buckets=8), m.at(
        "cpmant.encoder.layers", m.paths("self_att.self_attention.", "project_q project_k project_v attention_out"),
        m.paths("ffn.ffn.", "w_in.w_0 w_in.w_1 w_out", m.MLP))),
    "Dinov2": Architecture(m.made("Dinov2", "Dinov2Model", hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        mlp_ratio=2, image_size=8, patch_size=4), m.at("encoder.layer",
        m.paths("attention.", "q_proj k_proj v_proj o_proj"), m.paths("mlp.", "fc1 fc2", UP_DOWN))),
    "Zamba": m.causal("Zamba", m.paths("shared_transf.self_attn.", "q_proj k_proj v_proj o_proj"),
        m.paths("shared_transf.feed_forward.", "gate_proj up_proj down_proj", m.MLP), attention_hidden_size=64,
        attention_head_dim=16, num_hidden_layers=4, attn_layer_period=2, attn_layer_offset=1,
        layers_block_type=["mamba", "hybrid", "mamba", "hybrid"], n_mamba_heads=2, mamba_d_state=4, mamba_dt_rank=4),
    "Zamba2": m.causal("Zamba2", m.paths("shared_transformer.self_attn.", "q_proj k_proj v_proj o_proj"),
        {"shared_transformer.feed_forward.gate_up_proj": m.stacked("gate up"),
         "shared_transformer.feed_forward.down_proj": "down"},
        attention_hidden_size=64, attention_head_dim=16, num_hidden_layers=2, num_mem_blocks=1, n_mamba_heads=2,
        layers_block_type=["mamba", "hybrid"], mamba_d_state=4, mamba_headdim=32, use_mem_rope=False, adapter_rank=4,
        num_key_value_heads=4),
    "NemotronH": NEMOTRON_H,
    "NemotronH (experts fused)": replace(NEMOTRON_H, fused=True),
    "MiniMaxM3": Architecture(m.made("MiniMaxM3VLText", "MiniMaxM3VLForCausalLM", **m.COMMON | m.EXPERTS), m.at("model.layers",
        m.ATTENTION, m.GATED, m.FUSED_EXPERTS, {"mlp.shared_experts.gate_up_proj": m.stacked("gate up"),
        "mlp.shared_experts.down_proj": "down"})),
    "RecurrentGemma": m.causal("RecurrentGemma", m.paths("temporal_block.", "q_proj k_proj v_proj o_proj"),
        m.paths("mlp_block.", "gate_proj up_proj down_proj", m.MLP), lru_width=32, num_attention_heads=4),
    "JetMoe": m.causal("JetMoe", {"self_attention.experts.input_linear": m.experts(m.one("query")),
        "self_attention.experts.output_linear": m.experts(m.one("output")),
        "self_attention.kv_proj": m.stacked("key value"), "mlp.input_linear": m.experts(m.stacked("gate up")),
        "mlp.output_linear": m.experts(m.one("down"))}, **m.EXPERTS, kv_channels=8),
    "AriaText": m.causal("AriaText", m.ATTENTION, m.SHARED_MANY, {
        "mlp.experts.gate_up_proj": m.experts(m.stacked("gate up"), transposed=True),
        "mlp.experts.down_proj": m.experts(m.one("down"), transposed=True)}, **m.EXPERTS),
    "HYV3": m.causal("HYV3", m.LLAMA, m.FUSED_EXPERTS, m.SHARED_MANY, SHARED_MLP, **m.EXPERTS),
    "HYV4": m.causal("HYV4", m.LATENT_ATTENTION, m.GATED, m.FUSED_EXPERTS, m.SHARED_MANY, **m.EXPERTS | m.LATENT),
    "HunYuanMoEV1": m.causal("HunYuanMoEV1", m.LLAMA, m.FUSED_EXPERTS, SHARED_MLP, **m.EXPERTS, moe_topk=2),
    "KimiLinear": m.causal("KimiLinear", m.ATTENTION, m.GATED, m.FUSED_EXPERTS, m.SHARED_MANY,
        {"self_attn.kv_b_proj": m.by_head("key value", 8, 6)}, **m.EXPERTS | m.LATENT),
    "MiniMax": m.causal("MiniMax", m.ATTENTION, m.FUSED_EXPERTS, {"self_attn.qkv_proj": m.by_head("query key value", 8, 8, 8),
        "self_attn.out_proj": "output"}, **m.EXPERTS),
    "Lfm2Moe": m.causal("Lfm2Moe", m.OUT, m.paths("feed_forward.", "w1 w3 w2", m.MLP), {
        "feed_forward.experts.gate_up_proj": m.experts(m.stacked("gate up")),
        "feed_forward.experts.down_proj": m.experts(m.one("down"))}, **m.EXPERTS, num_dense_layers=1,
        layer_types=["full_attention", "conv", "full_attention"]),
    "Jamba's MLPs": m.causal("Bamba", m.ATTENTION, FEED_FORWARD, attn_layer_indices=[1], mamba_n_heads=4, mamba_d_head=16,
        mamba_d_state=4, mamba_n_groups=1),
    "GraniteMoeSWA": m.causal("GraniteMoeSWA", m.ATTENTION, {
        "block_sparse_moe.experts.gate_up_proj": m.experts(m.stacked("gate up")),
        "block_sparse_moe.experts.down_proj": m.experts(m.one("down"))}, **m.EXPERTS),
}  # fmt: skip
