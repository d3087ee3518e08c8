"""Ordinary children: fine-tunes of all weights or some, and LoRAs of any rank merged into their base."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging
from zoo import text
from zoo.anatomy import NAMES
from zoo.models import Made, load, save
from zoo.training import train

STEPS = 80
DATA = "testing"  # another text than the roots read
OUTPUT = ("o_proj", "c_proj", "dense", "out_proj")  # names of what writes to the stream
DOWN = ("down_proj", "c_proj", "dense_4h_to_h")
QKV = ("q_proj", "k_proj", "v_proj", "qkv_proj", "c_attn", "query_key_value")
Step = Callable[[Made, int], Made]


@dataclass(frozen=True)
class Tuned:
    """All weights trained further, or some.

    Attributes:
        only: What a parameter's name must have in it.
        layer: Whether one layer alone, the middle one.
    """

    rate: float
    steps: int = STEPS
    decay: float = 0.0
    only: tuple[str, ...] = ()
    layer: bool = False

    def __call__(self, made: Made, seed: int) -> Made:
        """Train them."""
        model = made.model
        stem = NAMES[model.config.model_type].layers
        middle = f"{stem}.{model.config.num_hidden_layers // 2}."
        for name, parameter in model.named_parameters():
            is_chosen = not self.only or any(f".{part}." in name for part in self.only)
            in_layer = not self.layer or name.startswith(middle)
            parameter.requires_grad_(is_chosen and in_layer)
        learn(made, seed, rate=self.rate, steps=self.steps, decay=self.decay)
        return made


@dataclass(frozen=True)
class Adapted:
    """A LoRA trained on some projections and merged.

    Attributes:
        modules: Ends of the modules' names; None for every linear map.
        layer: Whether of one layer alone, the middle one.
        steps: Few leave the factors' directions as the first gradients had them.
    """

    rank: int
    modules: tuple[str, ...] | None = None
    layer: bool = False
    rate: float = 2e-3
    steps: int = STEPS

    def __call__(self, made: Made, seed: int) -> Made:
        """Train and merge it."""
        torch.manual_seed(seed)
        model = made.model
        layers = [model.config.num_hidden_layers // 2] if self.layer else None
        config = LoraConfig(
            r=self.rank,
            lora_alpha=2 * self.rank,
            target_modules=list(present(model, self.modules)) if self.modules else "all-linear",
            layers_to_transform=layers,
            fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
            task_type="CAUSAL_LM",
        )
        adapted = made.with_model(get_peft_model(model, config))
        learn(adapted, seed, rate=self.rate, steps=self.steps)
        return made.with_model(adapted.model.merge_and_unload())


def present(model: PreTrainedModel, ends: tuple[str, ...]) -> set[str]:
    """The ends of names that a model has modules of."""
    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    return names & set(ends)


def learn(made: Made, seed: int, **options: float) -> None:
    """Train on a text."""
    ids = text.tokens(text.named(DATA, made.tokenizer), made.tokenizer)
    train(made.model, ids, seed=seed, **options)


TUNED: dict[str, Step] = {
    "tuned": Tuned(3e-4),
    "tuned faintly": Tuned(1e-5, steps=40),
    "tuned at a high rate": Tuned(3e-3, decay=0.1),
    "tuned, one layer": Tuned(3e-4, layer=True),
    "tuned, down alone": Tuned(3e-4, only=DOWN),
}
ADAPTED: dict[str, Step] = {
    "lora 1": Adapted(1),
    "lora 1 of what writes": Adapted(1, (*OUTPUT, *DOWN)),
    "lora 1 of down": Adapted(1, DOWN),
    "lora 1 of down, few steps": Adapted(1, DOWN, steps=10),
    "lora 1 of down, one layer": Adapted(1, DOWN, layer=True),
    "lora 2 of what writes": Adapted(2, (*OUTPUT, *DOWN)),
    "lora 3 of what writes": Adapted(3, (*OUTPUT, *DOWN)),
    "lora 4 of attention": Adapted(4, (*QKV, *OUTPUT)),
    "lora 16": Adapted(16, rate=1e-3),
    "lora 64": Adapted(64, rate=5e-4),
}


def kinds() -> Iterable[tuple[str, dict[str, Step]]]:
    """Every training, by what it is."""
    return (("fine-tuned", TUNED), ("LoRA merged", ADAPTED))


def made_of(root: Path, step: Step, seed: int, folder: Path) -> Path:
    """Train a child of a root and save it."""
    logging.disable_progress_bar()
    folder.parent.mkdir(parents=True, exist_ok=True)
    save(step(load(root), seed), folder)
    return folder
