"""The manifest: every model in the folder, what it was made from, and what is true of it."""

import json
import os
from pathlib import Path

from zoo import truth
from zoo.plan import rows, twin
from zoo.recipes import FAMILIES, SHAPES, Root
from zoo.roots import ROOTS
from zoo.steps import ROOT, TWIN, Row, merge_adapter

MANIFEST = "manifest.json"


def write_manifest(folder: Path) -> None:
    """What is in the folder, with the amounts that only configs tell."""
    entries = [
        counted(entry, folder)
        for root in ROOTS
        if (folder / root.name / ROOT).exists()
        for entry in described(root)
        if (folder / entry["folder"]).exists()
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
    truths: dict[str, truth.Truth] = {ROOT: {}, TWIN: {}}
    entries = []
    for row in [Row(ROOT, (), merge_adapter), *rows(root)]:
        described_row = entry(row, root, truths)
        truths[row.change] = described_row["truth"]
        entries.append(described_row | common)
    return entries


def entry(row: Row, root: Root, truths: dict[str, truth.Truth]) -> dict:
    """One model: its name, what was done, from what, and what is true of it; an adapter's base is its parent."""
    tied = FAMILIES[root.family].tied
    names = {change: named(change, root) for change in (row.change, *row.parents)}
    adapters = [names[parent] for parent in row.parents if parent.startswith("adapter")]
    bases = [parent for parent in row.parents if names[parent] not in adapters]
    given = {names[parent]: truths[parent] for parent in bases}
    nothing: dict[str, truth.Truth] = {name: {} for name in given}
    sources = row.sources(SHAPES[root.size][2]) if row.sources else None
    weights = row.weights
    if sources:
        weights = tuple(sources.count(place) / len(sources) for place in range(len(bases)))
    return {
        "name": names[row.change],
        "folder": names[row.change],
        "change": "adapter" if row.change.startswith("adapter") else row.change,
        "parents": [names[parent] for parent in bases],
        "adapters": adapters,
        "weights": weights,
        "layer_sources": sources,
        "roots": [root.name, *([twin(root).name] if TWIN in row.parents else [])],
        "truth": truth.inherited(row.change, given, weights, tied=tied),
        "truth_of_step": truth.inherited(row.change, nothing, weights, tied=tied),
        "covered": truth.covered(row.change, bases, tied=tied),
    }


def named(change: str, root: Root) -> str:
    """What the manifest calls a change of a root, or the root of its independent run."""
    return f"{twin(root).name}/{ROOT}" if change == TWIN else f"{root.name}/{change}"


def counted(described_model: dict, folder: Path) -> dict:
    """An entry with what differs between its config and its root's, and its first parent's."""
    if described_model["change"] in {ROOT, "adapter"}:
        return described_model
    own = truth.configured(folder / described_model["folder"])
    root = truth.configured(folder / described_model["root"] / ROOT)
    parent = truth.configured(folder / described_model["parents"][0])
    return described_model | {
        "truth": truth.counted(described_model["truth"], root, own),
        "truth_of_step": truth.counted(described_model["truth_of_step"], parent, own),
    }
