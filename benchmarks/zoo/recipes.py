"""Recipes of roots: architecture, shape, rate, vocabulary, and the config that follows from them."""

from dataclasses import dataclass, field, replace
from typing import Any

from transformers import (
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    MixtralConfig,
    Olmo2Config,
    Phi3Config,
    PreTrainedConfig,
    Qwen2Config,
    Qwen2MoeConfig,
)

from zoo import text

WORDS, WINDOW = text.WORDS["bytes"], 64  # tokens of the vocabulary, tokens of a training example
HEADS = 4
SHAPES = {  # width, inner width, layers
    "small": (96, 256, 4),
    "medium": (128, 352, 6),
    "d16x2": (16, 48, 2),
    "d24x3": (24, 64, 3),
    "d32x4": (32, 96, 4),
    "d48x12": (48, 128, 12),
    "d48x14": (48, 128, 14),
    "d64x4": (64, 160, 4),
    "d64x6": (64, 176, 6),
    "d64x16": (64, 160, 16),
    "d96x3": (96, 256, 3),
    "d96x6": (96, 256, 6),
    "d96-experts": (96, 128, 4),
    "d128": (128, 352, 4),
    "d160": (160, 416, 5),
    "d192x2": (192, 512, 2),
    "d192x3": (192, 512, 3),
    "d256x2": (256, 640, 2),
    "d320x2": (320, 768, 2),
}
SHAPE_HEADS = {"d16x2": 2, "d24x3": 2}  # where not HEADS
NARROWEST = 0.5  # a narrower model learns at the rate of one of this share of the small ones' width


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
    words: str = "bytes"  # pieces of bytes, characters or amino acids: see text.WORDS
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Root:
    """One model trained from random weights; `order` seeds the order of its text, `seed` its first weights.

    `kind` says what it is to the benchmark, `steps` how long it is trained, as a share of the scale's steps, `start`
    which of starts.STARTS it begins with where not the architecture's own. A student learns a teacher's logits from
    weights of its own (`distilled_from`); with `embeddings_of` another root's embeddings are copied, and frozen.
    """

    name: str
    family: str
    size: str
    split: str
    seed: int
    order: int
    twin_of: str | None = None
    near_twin_of: str | None = None
    kind: str = "trained"
    steps: float = 1.0
    start: str | None = None
    distilled_from: str | None = None
    embeddings_of: str | None = None


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

MIXTRAL = {"num_local_experts": 4, "num_experts_per_tok": 2}
CHARACTERS = {"words": "characters"}
AMINO = {"words": "amino"}


def _like(family: str, **changed: Any) -> Family:
    """A recipe of its own that differs from a known one by so much."""
    return replace(FAMILIES[family], **changed)


# No recipe is in two splits: what calibration learns of a kind, the test asks of another architecture or maker.
FAMILIES |= {
    "llama-tied": _like("llama", tied=True),
    "gpt2-twins": _like("gpt2", rate=2.5e-3),
    "mixtral-tied": _like("llama", config=MixtralConfig, spread=0.03, tied=True, options=MIXTRAL),
    "mixtral-untied": _like("llama", config=MixtralConfig, rate=2.5e-3, options=MIXTRAL),
    "odd-llama": _like("llama"),
    "chars-llama": _like("llama", **CHARACTERS),
    "chars-llama-tied": _like("llama", tied=True, **CHARACTERS),
    "amino-llama": _like("llama", **AMINO),
    "amino-llama-tied": _like("llama", tied=True, **AMINO),
    "tiny-llama": _like("llama"),
    "tiny-gpt2": _like("gpt2"),
    "wide-llama": _like("llama"),
    "wide-llama-tied": _like("llama", tied=True),
    "deep-llama-tied": _like("llama", tied=True),
    "untrained-llama": _like("llama"),
    "untrained-llama-tied": _like("llama", tied=True, spread=0.05),
    "untrained-gpt2": _like("gpt2"),
    "untrained-phi3": _like("phi3"),
    "llama-160": _like("llama", rate=3.5e-3, tied=True, spread=0.03),
    "llama-untied": _like("llama", rate=2.5e-3, spread=0.03),
    "mixtral": _like("llama", config=MixtralConfig, options=MIXTRAL),
    "moe-tied": _like("moe", tied=True),
    "gpt2-pair": _like("gpt2", spread=0.03),
    "odd-mistral": _like("mistral"),
    "chars-mistral": _like("mistral", **CHARACTERS),
    "chars-qwen2-tied": _like("qwen2", **CHARACTERS),
    "amino-mistral": _like("mistral", **AMINO),
    "amino-qwen2-tied": _like("qwen2", **AMINO),
    "tiny-neox": _like("neox"),
    "tiny-qwen2": _like("qwen2"),
    "wide-mistral": _like("mistral"),
    "wide-qwen2-tied": _like("qwen2"),
    "deep-mistral": _like("mistral"),
    "deep-qwen2-tied": _like("qwen2"),
    "untrained-mistral": _like("mistral", spread=0.05),
    "untrained-qwen2": _like("qwen2"),
    "untrained-neox": _like("neox"),
    "untrained-olmo2": _like("olmo2"),
}


def configuration(root: Root, scale: Scale) -> PreTrainedConfig:
    """The root's config; what an architecture has no word for it leaves out."""
    family = FAMILIES[root.family]
    width, inner, layers = SHAPES[root.size]
    own = SHAPE_HEADS.get(root.size, HEADS)
    heads = own * (2 if scale.width > 1 else 1)
    given = {
        "vocab_size": text.WORDS[family.words],
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
        given |= {"num_key_value_heads": max(1, family.groups * heads // HEADS)}
    if family.config is Gemma2Config:
        given |= {
            "head_dim": width * scale.width // heads,
            "query_pre_attn_scalar": width * scale.width // heads,
        }
    if family.config is GPT2Config:
        given |= dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
    return family.config(**given | family.options)
