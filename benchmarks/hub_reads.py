"""How hub_pairs.py reads a model, keeps what it read, and compares two of them: whole or quick."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import registry
from registry.architectures.layout import require_projections
from registry.checkpoints import open_checkpoint
from registry.database.searching.near_models import NamedModel
from registry.errors import BrokenFingerprintFile, FingerprintVersionDiffers, QuickNeedsModel
from registry.files import write_whole
from registry.fingerprints import serialised
from registry.fingerprints.partial import Glimpse
from registry.fingerprints.record import VERSION, Branch, Fingerprint
from registry.lineage.features import KINDS
from registry.lineage.verdict import EvidenceKind, Verdict
from registry.report.answers import answer
from registry.report.fingerprints import fingerprint_json
from registry.workflows.quick_verdict import MOST, SIDE, SMALL, verdict_so_far, z_evidence
from registry.workflows.resolve import read_fingerprint


@dataclass(frozen=True)
class Mode:
    """A depth of reading.

    Attributes:
        suffix: of the files that are kept.
        keep: reads a model and writes its file; raises RegistryError.
        load: reads such a file; raises RegistryError where it is damaged or of another version.
        compare: returns the verdict on whether the first comes from the second.
    """

    name: str
    suffix: str
    keep: Callable[[str, Path], None]
    load: Callable[[Path], Any]
    compare: Callable[[Any, Any], Verdict]


# --- whole ---


def keep_fingerprint(model: str, path: Path) -> None:
    """Write the fingerprint of a model as `registry fingerprint -o` does."""
    computed = registry.fingerprint(model, rank=16)
    content = fingerprint_json(computed)
    content["record"] = serialised.to_json(computed)
    write_whole(path, json.dumps(answer(**content), allow_nan=False) + "\n")


def load_fingerprint(path: Path) -> Fingerprint:
    """Return the fingerprint in a file."""
    return read_fingerprint(path, str(path))


# --- quick ---


@dataclass(frozen=True)
class PartialRead:
    """What `identify --quick` reads of a model at most.

    Attributes:
        version: of the fingerprint; sketches of another are not compared.
        read, total: bytes.
        start: image of the first values of all projections.
        branches: sketches of a few layers, the smallest tensors first and the middle ones first.
    """

    version: int
    source: str
    read: int
    total: int
    start: tuple[float, ...]
    branches: tuple[Branch, ...]


def keep_partial_read(model: str, path: Path) -> None:
    """Read a part of a model and write it. Raises QuickNeedsModel for an adapter."""
    checkpoint = open_checkpoint(model)
    if checkpoint.kind != "model":
        raise QuickNeedsModel(source=model)
    glimpse = Glimpse(checkpoint)
    require_projections(glimpse.layout, checkpoint)
    start = glimpse.start
    branches = tuple(glimpse.branches(max(int(MOST * glimpse.total), SMALL)))
    part = PartialRead(VERSION, model, glimpse.read, glimpse.total, start, branches)
    write_whole(path, json.dumps(asdict(part), allow_nan=False) + "\n")


def load_partial_read(path: Path) -> PartialRead:
    """Return the part of a model that a file holds."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content.pop("version")
        branches = tuple(Branch(**branch) for branch in content.pop("branches"))
        part = PartialRead(version, branches=branches, **content)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise BrokenFingerprintFile(path=str(path), reason="it is no partial read") from exc
    if part.version != VERSION:
        raise FingerprintVersionDiffers(path=str(path), version=part.version, expected=VERSION)
    return part


def compare_partial_reads(child: PartialRead, parent: PartialRead) -> Verdict:
    """Return the verdict of `identify --quick` with one model registered, of which little is known.

    Its null is of the best of all layers; the best of a few is smaller, so that p-values are upper bounds.
    """
    cosine = float(np.dot(child.start, parent.start))
    lines = [z_evidence(EvidenceKind.START, SIDE * cosine, parent.source)]
    best = [best_cosine(branch, parent.branches) for branch in child.branches]
    known = [cosine for cosine in best if cosine is not None]
    if known:
        z = SIDE * sum(known) / len(known)
        lines.insert(0, z_evidence(EvidenceKind.LAYER, z, parent.source))
    return verdict_so_far(child, NamedModel(parent.source, parent.source), 1, lines)  # type: ignore[arg-type]


def best_cosine(branch: Branch, others: tuple[Branch, ...]) -> float | None:
    """Return the cosine with the most similar branch of the same name, in the axes that agree better."""
    cosines = []
    for other in others:
        for kind in KINDS:
            one, two = getattr(branch, kind), getattr(other, kind)
            if branch.branch == other.branch and one is not None and two is not None:
                cosines.append(float(np.dot(one, two)))
    return max(cosines, default=None)


WHOLE = Mode("whole", ".json", keep_fingerprint, load_fingerprint, registry.compare)
QUICK = Mode("quick", ".quick.json", keep_partial_read, load_partial_read, compare_partial_reads)
