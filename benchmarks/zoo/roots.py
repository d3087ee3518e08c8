"""The independent roots: which architecture, size, seed and recipe each has, and in which split it is."""

from dataclasses import dataclass, field
from typing import Any

from transformers import (
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    Olmo2Config,
    Phi3Config,
    PreTrainedConfig,
    Qwen2Config,
    Qwen2MoeConfig,
)

WORDS, WINDOW = 512, 64  # tokens of the vocabulary, tokens of a training example
HEADS = 4
SHAPES = {  # width, inner width, layers
    "small": (96, 256, 4),
    "medium": (128, 352, 6),
}


@dataclass(frozen=True)
class Scale:
    """How much larger than the tables say everything is."""

    width: int
    steps: int
    batch: int
    device: str = "cpu"


SCALES = {"tiny": Scale(width=1, steps=300, batch=8), "large": Scale(width=4, steps=6000, batch=32)}


@dataclass(frozen=True)
class Family:
    """A recipe: all its roots share configuration, text, learning rate and weight decay."""

    config: type[PreTrainedConfig]
    rate: float  # of a model as wide as the small ones; it falls as width grows
    decay: float
    spread: float  # standard deviation of the initial weights
    tied: bool = False
    groups: int = HEADS  # heads of keys and values
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Root:
    """One model trained from random weights; `order` seeds the order of its text, `seed` its first weights."""

    name: str
    family: str
    size: str
    split: str
    seed: int
    order: int
    twin_of: str | None = None
    near_twin_of: str | None = None


EXPERTS = {
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 96,
    "shared_expert_intermediate_size": 128,
    "decoder_sparse_step": 1,
}

FAMILIES = {
    "llama": Family(LlamaConfig, 3e-3, 0.1, 0.02, groups=2),
    "gpt2": Family(GPT2Config, 3e-3, 0.01, 0.02, tied=True),
    "phi3": Family(Phi3Config, 2e-3, 0.1, 0.03),
    "qwen2": Family(Qwen2Config, 3e-3, 0.05, 0.03, tied=True, groups=2),
    "gemma2": Family(Gemma2Config, 3e-3, 0.1, 0.03, tied=True, groups=2),
    "mistral": Family(MistralConfig, 2.5e-3, 0.1, 0.02, groups=2, options={"sliding_window": None}),
    "olmo2": Family(Olmo2Config, 3e-3, 0.1, 0.02),
    "neox": Family(GPTNeoXConfig, 3e-3, 0.1, 0.02),
    "moe": Family(Qwen2MoeConfig, 3e-3, 0.1, 0.03, groups=2, options=EXPERTS),
    "crs": Family(GPT2Config, 3e-3, 0.1, 0.02, tied=True),
}

ROOTS = (
    Root("llama-small", "llama", "small", "calibration", 11, 11),
    Root("llama-small-twin", "llama", "small", "calibration", 12, 12, twin_of="llama-small"),
    Root("llama-medium", "llama", "medium", "calibration", 13, 13),
    Root("gpt2-small", "gpt2", "small", "calibration", 21, 21),
    Root("gpt2-small-near", "gpt2", "small", "calibration", 21, 22, near_twin_of="gpt2-small"),
    Root("gpt2-medium", "gpt2", "medium", "calibration", 23, 23),
    Root("phi3-small", "phi3", "small", "calibration", 31, 31),
    Root("phi3-medium", "phi3", "medium", "calibration", 33, 33),
    Root("qwen2-small", "qwen2", "small", "development", 41, 41),
    Root("qwen2-small-twin", "qwen2", "small", "development", 42, 42, twin_of="qwen2-small"),
    Root("qwen2-medium", "qwen2", "medium", "development", 43, 43),
    Root("gemma2-small", "gemma2", "small", "development", 51, 51),
    Root("gemma2-medium", "gemma2", "medium", "development", 53, 53),
    Root("mistral-small", "mistral", "small", "test", 61, 61),
    Root("mistral-small-twin", "mistral", "small", "test", 62, 62, twin_of="mistral-small"),
    Root("mistral-medium", "mistral", "medium", "test", 63, 63),
    Root("olmo2-small", "olmo2", "small", "test", 71, 71),
    Root("olmo2-small-near", "olmo2", "small", "test", 71, 72, near_twin_of="olmo2-small"),
    Root("olmo2-medium", "olmo2", "medium", "test", 73, 73),
    Root("neox-small", "neox", "small", "test", 81, 81),
    Root("neox-medium", "neox", "medium", "test", 83, 83),
    Root("moe-small", "moe", "small", "test", 91, 91),
    Root("moe-small-twin", "moe", "small", "test", 92, 92, twin_of="moe-small"),
    *(
        Root(f"crs-{i}", "crs", "small", "crs", 100 + i, 100 + i, twin_of="crs-0" if i else None)
        for i in range(6)
    ),
)


def configuration(root: Root, scale: Scale) -> PreTrainedConfig:
    """The root's config; what an architecture has no word for it leaves out."""
    family = FAMILIES[root.family]
    width, inner, layers = SHAPES[root.size]
    heads = HEADS * (2 if scale.width > 1 else 1)
    given = {
        "vocab_size": WORDS,
        "hidden_size": width * scale.width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "max_position_embeddings": 2 * WINDOW,
        "tie_word_embeddings": family.tied,
        "initializer_range": family.spread,
        **dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id")),
    }
    if family.config is not GPT2Config:
        given["intermediate_size"] = inner * scale.width
    if family.config not in {GPT2Config, GPTNeoXConfig}:
        given |= {"num_key_value_heads": family.groups * heads // HEADS}
    if family.config is Gemma2Config:
        given |= {
            "head_dim": width * scale.width // heads,
            "query_pre_attn_scalar": width * scale.width // heads,
        }
    if family.config is GPT2Config:
        given |= dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
    return family.config(**given | family.options)
