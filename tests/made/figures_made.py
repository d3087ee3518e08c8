"""Models whose figures are drawn."""

from pathlib import Path

import models_made as made
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
