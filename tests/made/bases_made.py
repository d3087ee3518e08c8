"""Base models for adapters, as transformers writes them."""

from pathlib import Path

import adapters_made as made
import torch
import transformers as tf
from modules import COMMON

from registry.characteristic.groups import Characteristic, Group

GROUPS = (Group("query", ("key", "gate")), Group("value", ("output", "up", "down")))
REFERENCE = ("reference", Characteristic(16, GROUPS, ()))


def mistral() -> tf.PreTrainedModel:
    return tf.AutoModelForCausalLM.from_config(tf.MistralConfig(**COMMON))


def qwen2() -> tf.PreTrainedModel:
    return tf.AutoModelForCausalLM.from_config(tf.Qwen2Config(**COMMON))


BASES = {
    "llama": made.llama,
    "qwen2": qwen2,
    "mistral": mistral,
    "gpt2": made.gpt2,
    "neox": made.neox,
}


def save_base(name: str, folder: Path) -> Path:
    """Write a base of random weights, the same at every call."""
    torch.manual_seed(0)
    BASES[name]().save_pretrained(folder)
    return folder


def logits(network: torch.nn.Module) -> torch.Tensor:
    """Return what a network makes of twelve tokens."""
    with torch.no_grad():
        return network(torch.arange(12)[None]).logits
