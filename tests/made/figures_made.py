"""Models whose figures are drawn."""

from pathlib import Path

import models_made as made
import torch
from characteristics_made import grouped, model
from checkpoints_made import write_folder

import registry
from registry.fingerprints.record import Fingerprint

GROUPS = [["query", "key", "gate"], ["value", "output", "up", "down"]]


def two_models(folder: Path) -> list[tuple[str, Fingerprint]]:
    """Fingerprint a model of four layers, and one of sixteen that the generator made."""
    weights = {name: tensor.bfloat16() for name, tensor in made.grown().items()}
    small = registry.fingerprint(write_folder(folder / "small", weights))
    generated = registry.fingerprint(model(folder / "made", grouped(GROUPS)))
    return [("small", small), ("made", generated)]


def small_model(folder: Path) -> Path:
    """Write a model of four layers."""
    return write_folder(folder, made.grown())


def fine_tuned(folder: Path, layer: int, change: float) -> Path:
    """Write the same model with one layer's query changed by so much of its length."""
    weights = made.grown()
    name = f"model.layers.{layer}.{made.Q}"
    noise = torch.randn(weights[name].shape, generator=torch.Generator().manual_seed(7))
    step = change * weights[name].norm() / noise.norm()
    return write_folder(folder, weights | {name: weights[name] + step * noise})
