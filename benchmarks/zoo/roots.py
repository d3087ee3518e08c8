"""The independent roots: which architecture, size, seed and recipe each has, and in which split it is."""

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

LONGER, SHORTER = 1.3, 0.6  # shares of the scale's steps


def _twins(family: str, size: str, split: str, seed: int, **given: Any) -> tuple[Root, Root]:
    """Two independent runs of one recipe."""
    first, second = f"{family}-{size}", f"{family}-{size}-twin"
    return (
        Root(first, family, size, split, seed, seed, **given),
        Root(second, family, size, split, seed + 1, seed + 1, twin_of=first, **given),
    )


def _series(families: str, sizes: str, split: str, seed: int, **given: Any) -> tuple[Root, ...]:
    """A root of every family in every size, with seeds from `seed` on."""
    pairs = [(family, size) for family in families.split() for size in sizes.split()]
    return tuple(
        Root(f"{family}-{size}", family, size, split, number, number, **given)
        for number, (family, size) in enumerate(pairs, seed)
    )


def _untrained(family: str, split: str, seed: int, starts: str) -> tuple[Root, ...]:
    """Roots that were never trained: `starts` are size:start with blanks between."""
    chosen = [pair.split(":") for pair in starts.split()]
    return tuple(
        Root(
            f"{family}-{size}-{start}",
            family,
            size,
            split,
            number,
            number,
            kind="untrained",
            steps=0.0,
            start=start,
        )
        for number, (size, start) in enumerate(chosen, seed)
    )


def _from_another(family: str, size: str, split: str, seed: int) -> tuple[Root, Root]:
    """A student of a family's first twin, and a model on its frozen embeddings."""
    name = f"{family}-{size}"
    common = {"family": family, "size": size, "split": split, "steps": LONGER, "twin_of": name}
    return (
        Root(
            f"{name}-student",
            seed=seed,
            order=seed,
            kind="distilled",
            distilled_from=name,
            **common,
        ),
        Root(
            f"{name}-embeddings",
            seed=seed + 1,
            order=seed + 1,
            kind="on-embeddings",
            embeddings_of=name,
            **common,
        ),
    )


FIRST = (
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

TWINS = {"kind": "twins", "steps": LONGER}
EXPERT = {"kind": "experts", "steps": LONGER}
SMALL_WORDS = {"kind": "characters", "steps": SHORTER}
FEW_WORDS = {"kind": "amino", "steps": SHORTER}
TINY = {"kind": "tiny"}
WIDE = {"kind": "wide", "steps": 0.5}
DEEP = {"kind": "deep", "steps": SHORTER}

CALIBRATION = (
    *_twins("llama-tied", "d128", "calibration", 201, **TWINS),
    *_twins("gpt2-twins", "d128", "calibration", 203, **TWINS),
    *_series("mixtral-tied", "d96-experts", "calibration", 205, **EXPERT),
    *_from_another("llama-tied", "d128", "calibration", 207),
    *_series(
        "chars-llama chars-llama-tied", "d64x4 d96x6 d192x3", "calibration", 211, **SMALL_WORDS
    ),
    *_series("amino-llama amino-llama-tied", "d64x6", "calibration", 217, **FEW_WORDS),
    *_series("tiny-llama tiny-gpt2", "d16x2 d24x3 d32x4", "calibration", 221, **TINY),
    *_series("wide-llama wide-llama-tied", "d256x2", "calibration", 227, **WIDE),
    *_twins("deep-llama-tied", "d48x12", "calibration", 231, **DEEP),
    *_untrained(
        "untrained-llama",
        "calibration",
        241,
        "d32x4:plain small:plain d256x2:plain d64x6:channel-x10 d128:channel-x30 small:identity "
        "d128:orthogonal d64x4:flat d96x3:uniform",
    ),
    *_untrained(
        "untrained-llama-tied",
        "calibration",
        251,
        "d64x4:plain d192x2:channel-x30 small:identity d64x16:orthogonal d128:flat",
    ),
    *_untrained(
        "untrained-gpt2", "calibration", 257, "d24x3:plain small:channel-x10 d96x6:orthogonal"
    ),
    *_untrained("untrained-phi3", "calibration", 261, "d128:plain d64x6:channel-x30 d48x12:flat"),
)

TEST = (
    *_twins("llama-160", "d160", "test", 301, **TWINS),
    *_twins("llama-untied", "d128", "test", 303, **TWINS),
    *_twins("mixtral", "d96-experts", "test", 305, **EXPERT),
    *_from_another("llama-160", "d160", "test", 307),
    *_series("chars-mistral chars-qwen2-tied", "d64x6 d96x3 d192x2", "test", 311, **SMALL_WORDS),
    *_series("amino-mistral amino-qwen2-tied", "d64x4", "test", 317, **FEW_WORDS),
    *_series("tiny-neox tiny-qwen2", "d16x2 d24x3 d32x4", "test", 321, **TINY),
    *_series("wide-mistral wide-qwen2-tied", "d320x2", "test", 327, **WIDE),
    *_twins("deep-mistral", "d64x16", "test", 331, **DEEP),
    *_series("deep-qwen2-tied", "d48x14", "test", 333, **DEEP),
    *_untrained(
        "untrained-mistral",
        "test",
        341,
        "d64x4:plain d128:plain d320x2:plain d96x6:channel-x10 small:channel-x30 d128:identity "
        "small:orthogonal d96x6:flat d64x16:uniform",
    ),
    *_untrained(
        "untrained-qwen2",
        "test",
        351,
        "d32x4:plain d96x3:channel-x10 d64x6:identity d128:orthogonal d192x2:flat",
    ),
    *_untrained("untrained-neox", "test", 357, "d48x14:plain d64x6:channel-x30 d96x3:orthogonal"),
    *_untrained("untrained-olmo2", "test", 361, "small:plain d192x3:channel-x10 d64x4:flat"),
)

ROOTS = (*FIRST, *CALIBRATION, *TEST)


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
