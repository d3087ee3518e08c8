"""registry.architectures.tensor_groups: what a tensor outside the projections does."""

import importlib.util
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from registry.architectures.tensor_groups import group_of, groups, rules

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
    "model.mtp.layers.0.eh_proj.weight": "draft",
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


ELSEWHERE = {
    "*_lambdas": "nanochat",
    "*sink_param": "Hunyuan 4, by a name that is put together",
    "_b_*": "TransformerLens",
    "kv_a_proj": "models of Kimi's kind",
    "medusa_head*": "Medusa",
    "speculator*": "IBM's speculators",
    "tok_emb": "minGPT",
    "unembed": "TransformerLens",
    "value_embeds": "nanochat",
    "value_head": "OpenRLHF",
    "wkv_a": "DeepSeek's own code",
    "attn.ve_gate.weight": "nanochat",
}
"""Patterns of names that neither transformers nor gguf knows, and who saves them."""


def test_no_pattern_is_dead():
    """Each fits a name in the code of transformers or gguf, or of a project that is named here."""
    known = names_in_code()
    dead = set()
    for rule in rules():
        parts = [part for part in rule.get("parts", ()) if not fits_any(part, known)]
        names = [name for name in rule.get("names", ()) if name.split(".")[-2] not in known]
        dead.update(parts + names)
    assert dead == set(ELSEWHERE)


def names_in_code() -> set[str]:
    """The attributes and the parts of dotted strings in other packages' model code."""
    known: set[str] = set()
    for package, pattern in (("transformers", "modeling_*.py"), ("gguf", "*.py")):
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        for file in Path(spec.origin).parent.rglob(pattern):
            text = file.read_text(errors="ignore")
            known.update(re.findall(r"self\.(\w+)", text))
            for string in re.findall(r"[\"']([\w.{}-]+)[\"']", text):
                known.update(string.split("."))
    return known


def fits_any(pattern: str, names: set[str]) -> bool:
    """Whether a pattern fits one of some names."""
    return any(fnmatchcase(name, pattern) for name in names)
