"""What the peers are timed on: three checkpoints of Llama's shapes, and a registry of models of these shapes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
from made_models import digest_of, direction, register
from matrices import array, projections
from safetensors.numpy import save_file

import registry
from registry.database.connecting.connection import open_database
from registry.fingerprints.record import Fingerprint

WORDS, HEAD = 32_000, 64
TUNED = 0.02  # of the spread of a matrix: what fine-tuning changes
KINDS = ("power law 0.3", "power law 0.7")
NAMES = ("base", "child", "other")
SEEDS = {"base": 1, "child": 1, "other": 2}


def checkpoints(folder: Path, layers: int, width: int) -> dict[str, Path]:
    """A base, its fine-tuned child and an independent model; written where they are missing."""
    places = {name: folder / f"{name}-{layers}x{width}" for name in NAMES}
    for name, place in places.items():
        if not (place / "config.json").exists():
            write(place, name, layers, width)
    return places


def write(place: Path, name: str, layers: int, width: int) -> None:
    """Write one checkpoint: a file a layer, and the config last of all."""
    place.mkdir(parents=True, exist_ok=True)
    weight_map = {}
    for number, tensors in enumerate(shards(name, layers, width), 1):
        file = f"model-{number:05d}-of-{layers + 1:05d}.safetensors"
        save_file(tensors, place / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(tensors, file)
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (place / "model.safetensors.index.json").write_text(json.dumps(index))
    write_tokenizer(place)
    (place / "config.json").write_text(json.dumps(config(layers, width), indent=2))


def write_tokenizer(place: Path) -> None:
    """Write a tokenizer, without which Model Provenance Kit compares nothing."""
    vocabulary = {"<unk>": 0} | {f"word{number}": number for number in range(1, WORDS)}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
    }
    (place / "tokenizer.json").write_text(json.dumps(tokenizer))
    facts = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"}
    (place / "tokenizer_config.json").write_text(json.dumps(facts))


def shards(name: str, layers: int, width: int) -> Iterator[dict[str, np.ndarray]]:
    """The tensors of each file, in bf16."""
    seed = SEEDS[name]
    change = np.random.default_rng(9) if name == "child" else None
    words = np.random.default_rng(seed).standard_normal((WORDS, width), np.float32)
    ends = {"model.embed_tokens.weight": 0.02 * words, "model.norm.weight": np.ones(width)}
    yield stored(ends, change)
    for layer in range(layers):
        start = f"model.layers.{layer}"
        tensors = {
            f"{start}.{norm}_layernorm.weight": np.ones(width)
            for norm in ("input", "post_attention")
        }
        for place, (ending, shape) in enumerate(projections(width, 4 * width, width // 4).items()):
            number = 1000 * seed + 8 * layer + place
            kind = KINDS[(layer + place) % len(KINDS)]
            tensors[f"{start}.{ending}.weight"] = 0.02 * array(kind, *shape, np.dtype("f4"), number)
        yield stored(tensors, change)


def stored(
    tensors: dict[str, np.ndarray], change: np.random.Generator | None
) -> dict[str, np.ndarray]:
    """Tensors as bf16, the matrices fine-tuned where `change` draws the change."""
    made = {}
    for name, tensor in tensors.items():
        weights = tensor.astype(np.float32)
        if change is not None and weights.ndim > 1:
            noise = change.standard_normal(weights.shape, np.float32)
            weights += TUNED * weights.std() * noise
        made[name] = weights.astype(ml_dtypes.bfloat16)
    return made


def config(layers: int, width: int) -> dict[str, object]:
    """What the models say of themselves."""
    heads = max(width // HEAD, 4)
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "torch_dtype": "bfloat16",
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads // 4,
        "vocab_size": WORDS,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
    }


def fill(url: str, base: Path, count: int) -> None:
    """Register the base and unrelated models of its shapes, so many in all; those that are there stay."""
    with open_database(url) as engine, registry.Registry(url) as known:
        present = {model.name for model in known.models()}
        fingerprint = registry.fingerprint(base, rank=64)
        for seed in range(count):
            name = f"unrelated-{seed}" if seed else "base"
            if name not in present:
                model = unrelated_to(fingerprint, seed) if seed else fingerprint
                register(engine, name, name, model)


def unrelated_to(model: Fingerprint, seed: int) -> Fingerprint:
    """A fingerprint of the same shapes, whose numbers are drawn anew."""
    draw = np.random.default_rng(seed)
    branches = []
    for branch in model.branches:
        sketches = {
            name: direction(len(numbers), draw)
            for name in ("stream", "token", "own", "scores")
            if (numbers := getattr(branch, name)) is not None
        }
        branches.append(replace(branch, **sketches))
    spaces = [replace(space, sketch=direction(len(space.sketch), draw)) for space in model.spaces]
    matrices = []
    for old in model.matrices:
        sketch = draw.standard_normal(len(old.sketch)) if old.sketch else ()
        values = np.array(old.singular_values) * (1 + 0.1 * draw.standard_normal())
        changes = {
            "digest": digest_of("unrelated", seed, old.tensor),
            "cast_digest": None,
            "sketch": tuple(np.asarray(sketch, np.float32).tolist()) or None,
            "singular_values": tuple(values.tolist()),
        }
        matrices.append(replace(old, **changes))
    return replace(
        model,
        digest=digest_of("unrelated", seed),
        cast_digest=None,
        branches=tuple(branches),
        spaces=tuple(spaces),
        matrices=tuple(matrices),
        start=direction(len(model.start), draw),
        tensors=(),
    )
