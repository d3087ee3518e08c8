"""The residual stream of a model: its width, its tokens, and the gains of the norms around every branch."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from registry.architectures.layout import Layout, ProjectionTensor
from registry.architectures.names import NUMBER
from registry.architectures.roles import INWARD
from registry.checkpoints import Entry
from registry.data import load

ANCHORS = 64  # tokens of the lowest ids
NEGLIGIBLE = 1e-3  # of the largest singular value of the anchors: directions below are noise
Place = tuple[int, str]
"""A layer, and `attention_in`, `attention_out`, `mlp_in` or `mlp_out`."""


@dataclass(frozen=True)
class ResidualStream:
    """width: of the stream. tokens: anchors x width, the anchors' embeddings, centred and turned to orthonormal axes.

    tokens is (E E^T)^(-1/2) E without the directions that E lacks: whatever turns the stream turns its rows along. None
    where no embedding was found. gains: of the norms before and after the branches; where one is missing it is 1.
    vocabulary: rows of the embedding.
    """

    width: int
    tokens: torch.Tensor | None = None
    gains: Mapping[Place, torch.Tensor] = field(default_factory=dict)
    vocabulary: int | None = None

    def gain(self, layer: int, where: str) -> torch.Tensor | None:
        """The gains of one norm, if they fit the stream."""
        found = self.gains.get((layer, where))
        return found if found is not None and found.shape == (self.width,) else None


def table() -> dict[str, Any]:
    """residual_stream.toml, parsed."""
    return load("registry.architectures", "residual_stream.toml")


def read_residual_stream(layout: Layout) -> ResidualStream:
    """Read what tells the stream's axes: the first rows of the embedding, and the gains."""
    width = stream_width(layout.projections)
    embedding = find_embedding(layout.others, width)
    gains = {
        place: entry.load().to(torch.float32) + offset
        for place, entry, offset in find_gains(layout)
    }
    if embedding is None:
        return ResidualStream(width, gains=gains)
    count = min(ANCHORS, embedding.shape[0])
    rows = embedding.first(count * width).reshape(count, width).to(torch.float64)
    return ResidualStream(
        width, axes(torch.nan_to_num(rows, 0.0, 0.0, 0.0)), gains, embedding.shape[0]
    )


def stream_width(sites: Sequence[ProjectionTensor]) -> int:
    """Inputs of most projections that read from the stream."""
    widths: Counter[int] = Counter()
    for site in sites:
        for part, shape in zip(site.parts, site.shapes, strict=False):  # parts repeat for experts
            if part in INWARD:
                widths[shape[1]] += 1
    return widths.most_common(1)[0][0] if widths else 0


def find_embedding(others: Sequence[Entry], width: int) -> Entry | None:
    """The embedding of the tokens, by name; None unless it is as wide as the stream."""
    for name in table()["embedding"]:
        for entry in others:
            if (entry.name == name or entry.name.endswith("." + name)) and entry.shape[1:] == (
                width,
            ):
                return entry
    return None


def axes(rows: torch.Tensor) -> torch.Tensor | None:
    """The anchors' own axes from their embeddings in float64; None where all are equal."""
    left, values, right = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)
    kept = values > NEGLIGIBLE * values[0] if len(values) else values > 0
    return (left[:, kept] @ right[kept]).to(torch.float32) if kept.any() else None


def find_gains(layout: Layout) -> Iterator[tuple[Place, Entry, float]]:
    """Where every norm of a branch stands, its tensor, and what is added to it."""
    layers = {base: site.layer for site in layout.projections if (base := above(site.entry.name))}
    norms: dict[int, dict[str, Entry]] = {}
    for entry in layout.others:
        base = above(entry.name)
        if base in layers and len(entry.shape) == 1:
            norms.setdefault(layers[base], {})[entry.name[len(base) + 1 :]] = entry
    scheme = scheme_of({name for own in norms.values() for name in own})
    for layer, own in norms.items():
        for where in ("attention_in", "attention_out", "mlp_in", "mlp_out"):
            found = next((own[name] for name in scheme.get(where, ()) if name in own), None)
            if found:
                yield (layer, where), found, scheme.get("offset", 0.0)


def above(name: str) -> str:
    """A tensor's name up to its first number: `model.layers.3` of `model.layers.3.mlp.up_proj.weight`."""
    first = NUMBER.search(name)
    return name[: first.end()] if first else ""


def scheme_of(names: set[str]) -> dict[str, Any]:
    """The first scheme whose marker is there; the last has none."""
    return next(
        scheme for scheme in table()["schemes"] if scheme.get("marker", None) in (None, *names)
    )
