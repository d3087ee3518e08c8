"""Makes the zoo, model by model, and its manifest. A model that is there is not made again."""

import json
import os
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
from zoo.models import Made, blank, load, save
from zoo.plan import ROOT, Recipe, Row, rows
from zoo.roots import FAMILIES, ROOTS, Root, Scale, configuration

MANIFEST = "manifest.json"


def build(folder: Path, roots: Sequence[Root], scale: Scale, *, roots_alone: bool = False) -> None:
    """Every chosen root with all that is derived from it; the manifest is written after each."""
    for root in roots:
        begin = time.monotonic()
        place = folder / root.name
        place.mkdir(parents=True, exist_ok=True)
        if not (place / ROOT).exists():
            save(trained_root(root, scale, folder), place / ROOT)
        for row in [] if roots_alone else rows(root):
            if not (place / row.change).exists():
                save(derived(row, root, scale, place), place / row.change)
        write_manifest(folder)
        print(f"{root.name}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)


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
    if recipe.scale.steps == 0:
        return Made(model.eval(), tokenizer)
    ids = text.tokens(text.named("reference", tokenizer), tokenizer)
    loss = training.train(
        learner,
        ids,
        steps=recipe.scale.steps,
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


def derived(row: Row, root: Root, scale: Scale, place: Path) -> Made:
    """One change of models that are in the root's folder."""
    seed = zlib.crc32(f"{root.name}/{row.change}".encode())
    parents = [opened(place, parent) for parent in row.parents]
    return row.step(parents, seed, Recipe.of(root, scale))


def opened(place: Path, change: str) -> Made:
    """A saved model, or an adapter on its base."""
    if not (place / change / "adapter_config.json").exists():
        return load(place / change)
    base = load(place / ROOT)
    return base.with_model(PeftModel.from_pretrained(base.model, place / change))


def write_manifest(folder: Path) -> None:
    """What is in the folder."""
    entries = [
        entry for root in ROOTS for entry in described(root) if (folder / entry["folder"]).exists()
    ]
    part = folder / f"{MANIFEST}.{os.getpid()}.part"
    part.write_text(json.dumps(entries, indent=1))
    part.rename(folder / MANIFEST)


def described(root: Root) -> list[dict]:
    """The manifest's entries of a root and its descendants."""
    common = {
        "architecture": FAMILIES[root.family].config.model_type,
        "family": root.family,
        "size": root.size,
        "root": root.name,
        "split": root.split,
        "twin_of": root.twin_of,
        "near_twin_of": root.near_twin_of,
        "kind": root.kind,
        "tied": FAMILIES[root.family].tied,
        "start": root.start,
        "distilled_from": root.distilled_from,
        "embeddings_of": root.embeddings_of,
    }
    return [entry(row, root) | common for row in [Row(ROOT, (), derived), *rows(root)]]


def entry(row: Row, root: Root) -> dict:
    """One model: its name, what was done, and from what; an adapter's base is its parent."""
    names = {change: f"{root.name}/{change}" for change in (row.change, *row.parents)}
    adapters = [names[parent] for parent in row.parents if parent.startswith("adapter")]
    return {
        "name": names[row.change],
        "folder": names[row.change],
        "change": "adapter" if row.change.startswith("adapter") else row.change,
        "parents": [names[parent] for parent in row.parents if names[parent] not in adapters],
        "adapters": adapters,
        "weights": row.weights,
    }
