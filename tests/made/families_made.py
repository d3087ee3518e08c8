"""Six models of which five are a family: what a registry draws a tree of."""

from pathlib import Path

import models_made as made
import torch
from checkpoints_made import Tensors, write_folder

import registry
from registry.database.stored.origin import Origin
from registry.fingerprints.record import Fingerprint

TREE = {
    "child": "base",
    "grandchild": "child",
    "sibling": "base",
    "merge": "child",
}
"""The main parent of each."""


def six() -> dict[str, Tensors]:
    """Return a base, two children, a grandchild, a merge of the children, and a stranger."""
    base = made.grown()
    child, sibling = made.tuned(base, 0.2, 1), made.tuned(base, 0.2, 2)
    return {
        "base": base,
        "child": child,
        "grandchild": made.tuned(child, 0.1, 3),
        "sibling": sibling,
        "merge": {name: 0.6 * child[name] + 0.4 * sibling[name] for name in child},
        "stranger": made.grown(9),
    }


def fingerprints(folder: Path) -> dict[str, Fingerprint]:
    """Return the fingerprints of the six by name, of weights that are written into a folder."""
    prints = {}
    for name, tensors in six().items():
        rounded = {key: tensor.to(torch.bfloat16) for key, tensor in tensors.items()}
        prints[name] = registry.fingerprint(write_folder(folder / name, rounded), rank=16)
    return prints


def origin(name: str, **known: str | None) -> Origin:
    """Return where a model is said to come from."""
    values: dict[str, str | None] = {"base": None, "family": None} | known
    return Origin(source=name, revision=None, name=name, tool_version="test", **values)
