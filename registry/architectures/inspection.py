"""What a checkpoint holds, told from its headers alone: no weight is read."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from registry.architectures import adapter_layout
from registry.architectures.layout import Layout, classify
from registry.architectures.roles import PROJECTIONS
from registry.checkpoints import Entry, open_checkpoint


@dataclass(frozen=True)
class Found:
    """The matrices of one projection: how many, in how many layers, of which shapes (rows x cols, each once)."""

    projection: str
    matrices: int
    layers: int
    shapes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Inspection:
    """The contents of a checkpoint.

    kind: 'model' or 'adapter', whose tensors are its updates. dtypes: tensors by storage type. bytes: what the tensors
    take. ignored: weights that are left out of the vectors on purpose, by name. unknown: matrices that no rule knows.
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
    projections: tuple[Found, ...]
    ignored: tuple[str, ...]
    unknown: tuple[str, ...]


def inspect(source: str | Path) -> Inspection:
    """Index a source and say what is in it. Raises CheckpointError, and WeightsError where projections do not fit."""
    checkpoint = open_checkpoint(source)
    adapts = checkpoint.kind == "adapter"
    layout = (
        adapter_layout.layout(checkpoint)
        if adapts
        else classify(checkpoint.entries, checkpoint.config)
    )
    unknown = {entry.name for entry in layout.unknown}
    return Inspection(
        source=checkpoint.source,
        kind=checkpoint.kind,
        name=checkpoint.name,
        revision=checkpoint.revision,
        declared_base=checkpoint.base,
        architecture="unknown" if checkpoint.architecture is None else checkpoint.architecture,
        naming=layout.naming if layout.projections else None,
        tensors=len(checkpoint.entries),
        bytes=sum(entry.nbytes for entry in checkpoint.entries),
        dtypes=dict(Counter(stored(entry) for entry in checkpoint.entries).most_common()),
        layers=len({site.layer for site in layout.projections}),
        projections=projections(layout),
        ignored=tuple(entry.name for entry in layout.others if entry.name not in unknown),
        unknown=tuple(sorted(unknown)),
    )


def stored(entry: Entry) -> str:
    """The storage type of a tensor."""
    return entry.stored or entry.dtype.name


def projections(layout: Layout) -> tuple[Found, ...]:
    """The projections with their shapes."""
    pieces = [
        (projection, site.layer, shape)
        for site in layout.projections
        for projection, shape in zip(site.parts, site.shapes, strict=True)
    ]
    found = []
    for projection in PROJECTIONS:
        own = [(layer, shape) for p, layer, shape in pieces if p == projection]
        if own:
            found.append(
                Found(
                    projection,
                    len(own),
                    len({layer for layer, _ in own}),
                    tuple(sorted({shape for _, shape in own})),
                )
            )
    return tuple(found)
