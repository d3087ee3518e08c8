"""The independent roots: which recipe, size and seed each has, and in which split it is."""

from typing import Any

from zoo.recipes import Root

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


def _runs(family: str, size: str, split: str, seed: int, **given: Any) -> tuple[Root, ...]:
    """Four more independent runs of a recipe that is in a series."""
    first = f"{family}-{size}"
    return tuple(
        Root(f"{first}-{run}", family, size, split, seed + run, seed + run, first, **given)
        for run in range(4)
    )


def _started(
    family: str, split: str, seed: int, sizes_and_starts: str, **given: Any
) -> tuple[Root, ...]:
    """Roots with first weights of their own: size:start with blanks between."""
    chosen = [pair.split(":") for pair in sizes_and_starts.split()]
    return tuple(
        Root(f"{family}-{size}-{start}", family, size, split, number, number, start=start, **given)
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
UNTRAINED = {"kind": "untrained", "steps": 0.0}
ODD = {"kind": "odd-start", "steps": SHORTER}

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
    *_started(
        "untrained-llama",
        "calibration",
        241,
        "d32x4:plain small:plain d256x2:plain d64x6:channel-x10 d128:channel-x30 small:identity "
        "d128:orthogonal d64x4:flat d96x3:uniform",
        **UNTRAINED,
    ),
    *_started(
        "untrained-llama-tied",
        "calibration",
        251,
        "d64x4:plain d192x2:channel-x30 small:identity d64x16:orthogonal d128:flat",
        **UNTRAINED,
    ),
    *_started(
        "untrained-gpt2",
        "calibration",
        257,
        "d24x3:plain small:channel-x10 d96x6:orthogonal",
        **UNTRAINED,
    ),
    *_started(
        "untrained-phi3",
        "calibration",
        261,
        "d128:plain d64x6:channel-x30 d48x12:flat",
        **UNTRAINED,
    ),
    *_series("mixtral-untied", "d96-experts", "calibration", 271, **EXPERT),
    *_runs("tiny-llama", "d16x2", "calibration", 272, **TINY),
    *_runs("tiny-gpt2", "d16x2", "calibration", 276, **TINY),
    *_started(
        "odd-llama",
        "calibration",
        281,
        "small:orthogonal d64x6:identity d96x3:flat small:channel-x10",
        **ODD,
    ),
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
    *_started(
        "untrained-mistral",
        "test",
        341,
        "d64x4:plain d128:plain d320x2:plain d96x6:channel-x10 small:channel-x30 d128:identity "
        "small:orthogonal d96x6:flat d64x16:uniform",
        **UNTRAINED,
    ),
    *_started(
        "untrained-qwen2",
        "test",
        351,
        "d32x4:plain d96x3:channel-x10 d64x6:identity d128:orthogonal d192x2:flat",
        **UNTRAINED,
    ),
    *_started(
        "untrained-neox",
        "test",
        357,
        "d48x14:plain d64x6:channel-x30 d96x3:orthogonal",
        **UNTRAINED,
    ),
    *_started(
        "untrained-olmo2", "test", 361, "small:plain d192x3:channel-x10 d64x4:flat", **UNTRAINED
    ),
    *_series("moe-tied", "d96-experts", "test", 371, **EXPERT),
    *_twins("gpt2-pair", "d96x3", "test", 373, **TWINS),
    *_runs("tiny-neox", "d16x2", "test", 375, **TINY),
    *_runs("tiny-qwen2", "d16x2", "test", 379, **TINY),
    *_started(
        "odd-mistral",
        "test",
        391,
        "small:orthogonal d64x6:identity d96x3:flat small:channel-x10",
        **ODD,
    ),
)

ROOTS = (*FIRST, *CALIBRATION, *TEST)
