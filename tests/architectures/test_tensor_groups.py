"""registry.architectures.tensor_groups: what a tensor outside the projections does."""

import pytest
import torch

from registry.architectures.model_layout import model_layout
from registry.architectures.tensor_groups import LayerNumbers, group_of, groups
from registry.checkpoints.dtypes import F32
from registry.checkpoints.tensors import Entry

NAMES = {
    "model.embed_tokens.weight": "embedding",
    "transformer.wte.weight": "embedding",
    "token_embd.weight": "embedding",
    "bert.embeddings.word_embeddings.weight": "embedding",
    "lm_head.weight": "head",
    "output.weight": "head",
    "score.weight": "head",
    "v_head.summary.weight": "head",
    "embed_out.weight": "head",
    "model.mtp.layers.0.eh_proj.weight": "head",
    "transformer.wpe.weight": "position",
    "bert.embeddings.position_embeddings.weight": "position",
    "model.layers.3.input_layernorm.weight": "norm",
    "transformer.h.3.ln_1.bias": "norm",
    "bert.embeddings.LayerNorm.weight": "norm",
    "blk.3.attn_norm.weight": "norm",
    "model.layers.3.self_attn.q_norm.weight": "norm",
    "model.layers.3.mlp.gate.weight": "router",
    "model.layers.3.block_sparse_moe.gate.weight": "router",
    "model.layers.3.mlp.shared_expert_gate.weight": "router",
    "model.layers.3.mlp.gate.e_score_correction_bias": "router",
    "blk.3.ffn_gate_inp.weight": "router",
    "model.layers.3.self_attn.q_proj.bias": "bias",
    "transformer.h.3.mlp.c_fc.bias": "bias",
    "model.layers.3.mlp.experts.gate_up_proj_bias": "bias",
    "model.layers.3.self_attn.q_a_proj.weight": "latent",
    "model.layers.3.self_attn.kv_a_proj_with_mqa.weight": "latent",
    "model.layers.3.linear_attn.in_proj_qkvz.weight": "mixer",
    "model.layers.3.mamba.in_proj.weight": "mixer",
    "blk.3.ssm_conv1d.weight": "mixer",
    "decoder.layers.3.encoder_attn.k_proj.weight": "cross",
    "model.vision_tower.blocks.0.attn.qkv.weight": "tower",
    "talker.model.layers.0.self_attn.q_proj.weight": "tower",
    "token2wav.code2wav_dit_model.transformer_blocks.0.attn.to_q.weight": "tower",
    "something.new.weight": "other",
}


@pytest.mark.parametrize(("name", "group"), NAMES.items(), ids=NAMES)
def test_a_name_tells_the_group(name, group):
    """Embeddings, heads, norms, biases, routers and the like are told by their names."""
    assert group_of(name) == group


def test_every_group_is_listed():
    """Each group that a name can have is among `groups`, with the rest as `other`."""
    assert {group_of(name) for name in NAMES} <= set(groups())
    assert groups()[-1] == "other"


def test_a_layer_without_projections_keeps_its_number():
    """A tensor's layer is its projections' where there are any, else counted like its neighbours."""
    names = [f"model.layers.{layer}.self_attn.q_proj.weight" for layer in (0, 2)]
    entries = [Entry(name, F32, (4, 4), torch.empty) for name in names]
    numbers = LayerNumbers.of(model_layout(entries, {}))
    assert numbers.layer_of("model.layers.2.input_layernorm.weight") == 2
    assert numbers.layer_of("model.layers.1.self_attn.linear_attn.weight") == 1


def test_what_stands_outside_the_layers_has_none():
    """Embeddings, final norms and towers have no layer."""
    entries = [Entry("model.layers.0.self_attn.q_proj.weight", F32, (4, 4), torch.empty)]
    numbers = LayerNumbers.of(model_layout(entries, {}))
    assert numbers.layer_of("model.norm.weight") is None
    assert numbers.layer_of("vision_tower.layers.0.mlp.fc1.bias") is None
