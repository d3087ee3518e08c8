"""What a checkpoint holds, derived from its headers alone: no weight is read."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from registry.architectures.layout import Layout, layout_of
from registry.architectures.ledger import ledger
from registry.architectures.ledger_line import LedgerLine
from registry.architectures.roles import PROJECTIONS
from registry.checkpoints import Entry, open_checkpoint


@dataclass(frozen=True)
class ProjectionSummary:
    """The matrices of one projection: how many, in how many layers, and of which shapes.

    shapes are outputs x inputs, each once.
    """

    projection: str
    matrices: int
    layers: int
    shapes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class TowerSummary:
    """A tower or another model beside the language model: where it stands, and its size.

    `SOURCE#path` asks for it alone.
    """

    path: str
    tensors: int
    parameters: int
    bytes: int


@dataclass(frozen=True)
class Inspection:
    """The contents of a checkpoint.

    Attributes:
        source: What the user named.
        kind: 'model' or 'adapter', whose tensors are its LoRA deltas.
        name: What the checkpoint is called.
        revision: The hub's commit, if it comes from there.
        declared_base: The base model that its card or config names.
        architecture: The model type that config.json states, 'unknown' without one.
        naming: The table of names that most projections follow, None without projections.
        tensors: How many tensors there are.
        bytes: What they take where they are stored.
        dtypes: Tensors by storage type, the most frequent first.
        layers: How many layers have a projection.
        projections: The projections that are there, in the order of PROJECTIONS.
        ignored: Names of weights that are left out of the vectors on purpose.
        unknown: Names of tensors that no rule knows.
        ledger: What became of every tensor, each in exactly one line.
        towers: Other models and parts of another kind that stand beside the language model.
        left_aside: Other files of weights in the same folder, which were not read.
    """

    source: str
    kind: str
    name: str
    revision: str | None
    declared_base: str | None
    architecture: str
    naming: str | None
    tensors: int
    bytes: int
    dtypes: dict[str, int]
    layers: int
    projections: tuple[ProjectionSummary, ...]
    ignored: tuple[str, ...]
    unknown: tuple[str, ...]
    ledger: tuple[LedgerLine, ...]
    towers: tuple[TowerSummary, ...]
    left_aside: tuple[str, ...] = ()


def inspect(source: str | Path) -> Inspection:
    """Index a source and return what is in it.

    Raises:
        CheckpointError: Where it cannot be read.
        WeightsError: Where its projections do not fit each other.
    """
    checkpoint = open_checkpoint(source)
    layout = layout_of(checkpoint)
    unknown = {entry.name for entry in layout.unknown}
    ignored = [entry.name for entry in layout.others if entry.name not in unknown]
    dtypes = Counter(storage_type(entry) for entry in checkpoint.entries)

    return Inspection(
        source=checkpoint.source,
        kind=checkpoint.kind,
        name=checkpoint.name,
        revision=checkpoint.revision,
        declared_base=checkpoint.base,
        architecture="unknown" if checkpoint.architecture is None else checkpoint.architecture,
        naming=layout.naming if layout.projections else None,
        tensors=len(checkpoint.entries),
        bytes=sum(entry.stored_bytes for entry in checkpoint.entries),
        dtypes=dict(dtypes.most_common()),
        layers=len({tensor.layer for tensor in layout.projections}),
        projections=summaries(layout),
        ignored=tuple(ignored),
        unknown=tuple(sorted(unknown)),
        ledger=ledger(checkpoint.entries, layout),
        towers=tower_summaries(layout),
        left_aside=checkpoint.left_aside,
    )


def tower_summaries(layout: Layout) -> tuple[TowerSummary, ...]:
    """Return the towers of a checkpoint, by their paths, with their sizes."""
    summaries = []
    for path in layout.towers:
        inside = [entry for entry in layout.others if entry.name.startswith(f"{path}.")]
        parameters = sum(entry.count for entry in inside)
        size = sum(entry.stored_bytes for entry in inside)
        summaries.append(TowerSummary(path, len(inside), parameters, size))
    return tuple(summaries)


def storage_type(entry: Entry) -> str:
    """Return how a tensor is stored: the format that quantised it, else the type of its numbers."""
    return entry.stored or entry.dtype.name


def summaries(layout: Layout) -> tuple[ProjectionSummary, ...]:
    """Return the projections that a checkpoint has, with their shapes."""
    matrices: Counter[str] = Counter()
    layers: dict[str, set[int]] = {}
    shapes: dict[str, set[tuple[int, int]]] = {}

    for tensor in layout.projections:
        for projection, shape in zip(tensor.parts, tensor.shapes, strict=True):
            matrices[projection] += 1
            layers.setdefault(projection, set()).add(tensor.layer)
            shapes.setdefault(projection, set()).add(shape)

    present = []
    for projection in PROJECTIONS:
        if projection in matrices:
            layer_count = len(layers[projection])
            distinct = tuple(sorted(shapes[projection]))
            count = matrices[projection]
            present.append(ProjectionSummary(projection, count, layer_count, distinct))
    return tuple(present)
