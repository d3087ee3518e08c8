"""A model with its tokenizer, from a folder and into one."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from peft import PeftModel
from tokenizers import Tokenizer
from transformers import (
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)


@dataclass(frozen=True)
class Made:
    """What a change gives, and how it is to be saved."""

    model: PreTrainedModel | PeftModel
    tokenizer: Tokenizer
    dtype: torch.dtype = torch.bfloat16
    shard: str = "5GB"

    def with_model(self, model: PreTrainedModel | PeftModel) -> "Made":
        """The same tokenizer, another model."""
        return replace(self, model=model)


def blank(config: PreTrainedConfig) -> PreTrainedModel:
    """A model of random weights in float32; experts one by one, for the grouped way has no float64."""
    return AutoModelForCausalLM.from_config(
        config, experts_implementation="eager", dtype=torch.float32
    )


def load(folder: Path) -> Made:
    """A saved model in float32."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, experts_implementation="eager"
    )
    model.name_or_path = "/".join(folder.parts[-2:])  # what an adapter will call its base
    return Made(model.eval(), Tokenizer.from_file(str(folder / "tokenizer.json")))


def save(made: Made, folder: Path) -> None:
    """Write all of it at once or nothing: a folder that is there is whole."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    if isinstance(made.model, PeftModel):
        made.model.save_pretrained(
            part, save_embedding_layers=False
        )  # "auto" would ask the hub about the base
    else:
        made.model.to(made.dtype).save_pretrained(part, max_shard_size=made.shard)
        PreTrainedTokenizerFast(tokenizer_object=made.tokenizer).save_pretrained(part)
    part.rename(folder)
