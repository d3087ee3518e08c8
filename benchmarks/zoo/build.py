"""Makes the zoo, model by model, and its manifest. A model that is there is not made again."""

import sys
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import torch
from peft import PeftModel
from torch import nn
from transformers import PreTrainedModel

from zoo import starts, text, training
from zoo.manifest import named, write_manifest
from zoo.models import Made, blank, load, save
from zoo.plan import rows, twin
from zoo.recipes import FAMILIES, Root, Scale, configuration
from zoo.steps import ROOT, TWIN, Recipe, Row


def build(folder: Path, roots: Sequence[Root], scale: Scale, *, roots_alone: bool = False) -> None:
    """Every chosen root with all that is derived from it; the manifest is written after each."""
    for root in roots:
        begin = time.monotonic()
        place = make_root(root, scale, folder)
        for row in [] if roots_alone else rows(root):
            if TWIN in row.parents:
                make_root(twin(root), scale, folder)
            if not (place / row.change).exists():
                save(derived(row, root, scale, folder), place / row.change)
        write_manifest(folder)
        print(f"{root.name}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)


def make_root(root: Root, scale: Scale, folder: Path) -> Path:
    """Train a root that is not there; returns the folder of all that is made of it."""
    place = folder / root.name
    place.mkdir(parents=True, exist_ok=True)
    if not (place / ROOT).exists():
        save(trained_root(root, scale, folder), place / ROOT)
    return place


def trained_root(root: Root, scale: Scale, folder: Path) -> Made:
    """A model trained from weights of its own on the reference text, or on another root's logits."""
    torch.manual_seed(root.seed)
    tokenizer = text.tokenizer_of(FAMILIES[root.family].words)
    recipe = Recipe.of(root, scale)
    model = blank(configuration(root, scale))
    if root.start:
        starts.start(model, root.start, root.seed)
    if root.embeddings_of:
        take_embeddings(model, load(folder / root.embeddings_of / ROOT).model)
    learner: nn.Module = model
    if root.distilled_from:
        learner = training.Taught(model, load(folder / root.distilled_from / ROOT).model)
    if root.steps == 0:
        return Made(model.eval(), tokenizer)
    ids = text.tokens(text.named("reference", tokenizer), tokenizer)
    loss = training.train(
        learner,
        ids,
        steps=round(root.steps * scale.steps),
        rate=recipe.rate,
        decay=recipe.decay,
        batch=scale.batch,
        seed=root.order,
        device=scale.device,
    )
    print(
        f"{root.name}: loss {loss:.2f}, of single tokens {text.entropy(ids):.2f}",
        file=sys.stderr,
        flush=True,
    )
    return Made(model, tokenizer)


def take_embeddings(model: PreTrainedModel, other: PreTrainedModel) -> None:
    """Another model's embeddings, never to be trained; a tied head is the same tensor."""
    table = model.get_input_embeddings().weight
    table.data.copy_(other.get_input_embeddings().weight.data)
    table.requires_grad_(requires_grad=False)


def derived(row: Row, root: Root, scale: Scale, folder: Path) -> Made:
    """One change of models that are in the folder."""
    seed = zlib.crc32(f"{root.name}/{row.change}".encode())
    parents = [opened(folder / named(parent, root)) for parent in row.parents]
    return row.step(parents, seed, Recipe.of(root, scale))


def opened(place: Path) -> Made:
    """A saved model, or an adapter on its base."""
    if not (place / "adapter_config.json").exists():
        return load(place)
    base = load(place.parent / ROOT)
    return base.with_model(PeftModel.from_pretrained(base.model, place))
