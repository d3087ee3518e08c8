"""Train the example checkpoints: three families, each a base in two sizes and one fine-tune.

The models are byte-level and in bf16. This needs the development install and five minutes on two
cores. The text comes with Python: the language reference for the bases, source code of the standard
library for the fine-tunes.

    python examples/train.py
"""

import argparse
import inspect
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from pydoc_data.topics import topics

import torch
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    Phi3Config,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen3Config,
)

FOLDER = Path(__file__).with_name("checkpoints")
SIZES = {
    "tiny": {"hidden_size": 48, "intermediate_size": 128, "num_hidden_layers": 3},
    "small": {"hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 4},
}
WINDOW, BATCH = 96, 16


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one family; the families differ in all of them, as published ones do."""

    config: type[PreTrainedConfig]
    seed: int
    steps: int
    rate: float
    decay: float
    spread: float  # standard deviation of the initial weights
    shard: str = "1GB"


RECIPES = {
    "llama": Recipe(LlamaConfig, seed=1, steps=500, rate=3e-3, decay=0.1, spread=0.02),
    "qwen": Recipe(
        Qwen3Config, seed=2, steps=500, rate=5e-3, decay=0.02, spread=0.06, shard="200KB"
    ),
    "phi": Recipe(Phi3Config, seed=3, steps=500, rate=1.5e-3, decay=0.3, spread=0.1),
}


def main() -> None:
    """Train all examples, in place of those that are there."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    prose = as_bytes("\n".join(topics.values()))
    code = as_bytes(
        "\n".join(inspect.getsource(module) for module in (argparse, inspect, json.decoder))
    )
    for family, recipe in RECIPES.items():
        for size in SIZES:
            torch.manual_seed(recipe.seed)
            model = build(recipe, size)
            train(model, prose, recipe)
            save(model, f"{family}-{size}", recipe)
            if size == "tiny":
                train(
                    model,
                    code,
                    replace(recipe, seed=recipe.seed + 10, steps=60, rate=recipe.rate / 5),
                )
                save(model, f"{family}-{size}-code", recipe, base=f"{family}-{size}")


def as_bytes(text: str) -> torch.Tensor:
    """Return a text as a vector of byte values, the models' vocabulary."""
    return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8).long()


def build(recipe: Recipe, size: str) -> PreTrainedModel:
    """Return a model with random weights."""
    config = recipe.config(
        vocab_size=256,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=SIZES[size]["hidden_size"] // 4,
        max_position_embeddings=WINDOW,
        tie_word_embeddings=True,
        initializer_range=recipe.spread,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
        **SIZES[size],
    )
    return AutoModelForCausalLM.from_config(config)


def train(model: PreTrainedModel, text: torch.Tensor, recipe: Recipe) -> None:
    """Train on next bytes of random windows, by AdamW with a linear decay to zero."""
    draw = torch.Generator().manual_seed(recipe.seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.rate, weight_decay=recipe.decay, betas=(0.9, 0.95)
    )
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, recipe.steps)
    for _ in range(recipe.steps):
        starts = torch.randint(len(text) - WINDOW, (BATCH,), generator=draw)
        batch = torch.stack([text[start : start + WINDOW] for start in starts])
        loss = model(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    print(
        f"{type(model).__name__} {model.config.hidden_size}: last loss {loss.item():.3f}",
        flush=True,
    )


def save(model: PreTrainedModel, name: str, recipe: Recipe, base: str | None = None) -> None:
    """Save in bf16, with a model card that declares the base."""
    folder = FOLDER / name
    copy = AutoModelForCausalLM.from_config(model.config).to(torch.bfloat16)
    copy.load_state_dict(model.state_dict())
    copy.save_pretrained(folder, max_shard_size=recipe.shard)
    (folder / "generation_config.json").unlink(missing_ok=True)
    card = f"---\nbase_model: {base}\n---\n" if base else ""
    what = (
        f"{base}, fine-tuned on source code"
        if base
        else f"Trained for {recipe.steps} steps on the Python reference"
    )
    (folder / "README.md").write_text(f"{card}# {name}\n\n{what}, by examples/train.py.\n")


if __name__ == "__main__":
    main()
