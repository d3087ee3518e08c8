"""The models of a zoo as its manifest describes them, their fingerprints, and who shares an ancestor."""

import json
import pickle
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from registry import fingerprint
from registry.errors import RegistryError
from registry.fingerprints.record import VERSION, Fingerprint
from registry.lineage.features import ModelFeatures

STORE = "fingerprints.pickle"
SMALL_VOCABULARIES = frozenset({"characters", "amino"})


@dataclass(frozen=True)
class ZooModel:
    """One model of the manifest; roots are counted by their names, which have no change.

    Attributes:
        roots: All that it has weights from.
        recipe: The root whose recipe it follows: its own, or that of which it is another run.
        beginning: The root from whose first weights it was trained, its own or another's.
        borrowed: The root that it was distilled from, or whose embeddings it stands on.
    """

    name: str
    folder: str
    change: str
    root: str
    roots: frozenset[str]
    parents: tuple[str, ...]
    weights: tuple[float, ...]
    split: str
    kind: str
    family: str
    size: str
    tied: bool
    recipe: str
    beginning: str
    borrowed: str | None
    truth: dict[str, Any]
    truth_of_step: dict[str, Any]
    covered: tuple[str, ...]

    @classmethod
    def of(cls, entry: dict[str, Any]) -> "ZooModel":
        """Return a manifest's entry as a record."""
        root = entry["root"]
        return cls(
            name=entry["name"],
            folder=entry["folder"],
            change=entry["change"],
            root=root,
            roots=frozenset(entry["roots"]),
            parents=tuple(entry["parents"]),
            weights=tuple(entry["weights"] or ()),
            split=entry["split"],
            kind=entry["kind"],
            family=entry["family"],
            size=entry["size"],
            tied=entry["tied"],
            recipe=entry["twin_of"] or entry["near_twin_of"] or root,
            beginning=entry["near_twin_of"] or root,
            borrowed=entry["distilled_from"] or entry["embeddings_of"],
            truth=entry["truth"],
            truth_of_step=entry["truth_of_step"],
            covered=tuple(entry["covered"]),
        )

    @property
    def is_root(self) -> bool:
        """Whether it was trained from weights of its own."""
        return self.change == "root"

    @property
    def is_adapter(self) -> bool:
        """Whether it is no model by itself."""
        return self.change == "adapter"

    @property
    def merged(self) -> bool:
        """Whether its own step was a merge."""
        return "merged" in self.truth_of_step


def read_manifest(zoo: Path) -> list[ZooModel]:
    """Return all models of a zoo."""
    entries = json.loads((zoo / "manifest.json").read_text())
    return [ZooModel.of(entry) for entry in entries]


class Zoo:
    """A zoo with the fingerprints of its models; those that cannot be read are left out.

    Attributes:
        models: Whole models with a fingerprint, by name.
        adapters: Those with a fingerprint.
        unreadable: Names of the rest.
    """

    def __init__(self, folder: Path, *, stored_only: bool = False) -> None:
        self.folder = folder
        every = read_manifest(folder)
        self.prints = fingerprints(folder, every, stored_only=stored_only)
        self.models: dict[str, ZooModel] = {}
        self.adapters: list[ZooModel] = []
        self.unreadable: list[str] = []
        for model in every:
            if self.prints.get(model.name) is None:
                self.unreadable.append(model.name)
            elif model.is_adapter:
                self.adapters.append(model)
            else:
                self.models[model.name] = model
        self.features = {name: ModelFeatures.of(self.prints[name]) for name in self.models}

    def of_split(self, *splits: str) -> list[ZooModel]:
        """Return the models of some splits."""
        return [model for model in self.models.values() if model.split in splits]

    def ancestors(self, model: ZooModel) -> frozenset[str]:
        """Return the names of all models that one was made from."""
        known: set[str] = set()
        waiting = list(model.parents)
        while waiting:
            name = waiting.pop()
            if name not in known:
                known.add(name)
                waiting += self.models[name].parents if name in self.models else ()
        return frozenset(known)

    def descendants(self, model: ZooModel) -> frozenset[str]:
        """Return the names of all models that were made from one, or from its descendants."""
        names = set()
        for other in self.models.values():
            if other.roots & model.roots and model.name in self.ancestors(other):
                names.add(other.name)
        return frozenset(names)


def fingerprints(
    zoo: Path, models: Sequence[ZooModel], *, stored_only: bool
) -> dict[str, Fingerprint | None]:
    """Return those of all models, kept beside the zoo; None of one that cannot be read.

    What was stored in another fingerprint version is computed again.
    """
    path = zoo / STORE
    known: dict[str, Fingerprint | None] = {}
    if path.exists():
        stored = pickle.loads(path.read_bytes())  # noqa: S301  # our own
        known = stored["fingerprints"] if stored.get("version") == VERSION else {}
    missing = [model for model in models if model.name not in known]
    if missing and not stored_only:
        names = [model.name for model in missing]
        folders = [zoo / model.folder for model in missing]
        with ProcessPoolExecutor() as pool:
            known |= dict(zip(names, pool.map(read_one, folders, chunksize=8), strict=True))
        path.write_bytes(pickle.dumps({"version": VERSION, "fingerprints": known}))
    return known


def read_one(folder: Path) -> Fingerprint | None:
    """Fingerprint a folder; None where the registry refuses it, as an adapter of unknown heads."""
    torch.set_num_threads(1)
    try:
        return fingerprint(folder, rank=16, threads=1)
    except RegistryError:
        return None


def share_ancestor(a: ZooModel, b: ZooModel) -> bool:
    """Return whether two models have weights from one root."""
    return bool(a.roots & b.roots)


def near_twins(a: ZooModel, b: ZooModel) -> bool:
    """Return whether two models of different roots grew from the same first weights."""
    return not share_ancestor(a, b) and a.beginning == b.beginning


def hardness(a: ZooModel, b: ZooModel) -> str:
    """Return what makes two independent models alike; `other` where nothing does."""
    borrowed = {a.borrowed, b.borrowed} & (a.roots | b.roots)
    kinds = {a.kind, b.kind}
    if borrowed:
        return "distilled" if "distilled" in kinds else "shared embeddings"
    classes = {
        "twins": a.recipe == b.recipe,
        "small vocabularies": kinds <= SMALL_VOCABULARIES,
        "tiny": kinds == {"tiny"},
        "one maker": a.family == b.family,
        "odd starts": kinds <= {"untrained", "odd-start"},
        "untrained": "untrained" in kinds,
        "tied": a.tied and b.tied,
    }
    return next((name for name, holds in classes.items() if holds), "other")


def roots_of(models: Iterable[ZooModel]) -> list[ZooModel]:
    """Return the roots among some models."""
    return [model for model in models if model.is_root]
