"""The pairs of a zoo: which models are derived from which roots, and which have nothing in common."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.manifest import MANIFEST
from zoo.steps import ROOT


@dataclass(frozen=True)
class Pair:
    """A model beside a root.

    `kind` is derived, independent, twin (an independent run of one recipe) or near-twin (from the same
    initial weights).
    """

    model: str
    root: str
    kind: str
    change: str


def read(folder: Path, split: str) -> list[dict]:
    """The manifest's models of one split, without adapters."""
    entries = json.loads((folder / MANIFEST).read_text())
    return [entry for entry in entries if entry["split"] == split and entry["change"] != "adapter"]


def pairs(models: Sequence[dict]) -> list[Pair]:
    """Every model beside every root but itself."""
    roots = [model for model in models if model["change"] == ROOT]
    return [
        Pair(model["name"], root["name"], kind(model, root), model["change"])
        for model in models
        for root in roots
        if model is not root
    ]


def kind(model: dict, root: dict) -> str:
    """How a model stands to a root."""
    if root["root"] in model["roots"]:
        return "derived"
    return next((word for key, word in KINDS.items() if related(model, root, key)), "independent")


KINDS = {"twin_of": "twin", "near_twin_of": "near-twin"}


def related(a: dict, b: dict, key: str) -> bool:
    """Whether the roots are independent runs of one recipe, by the manifest."""
    first, second = (one[key] or one["root"] for one in (a, b))
    return first == second
