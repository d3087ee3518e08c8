"""The residual stream of a model: its width, its tokens, and the gains of the branches' norms."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from registry.architectures.layout import Layout, ProjectionTensor
from registry.architectures.name_table import NUMBER
from registry.architectures.residual_names import embedding_names
from registry.architectures.roles import INWARD
from registry.checkpoints import Entry
from registry.data import load
from registry.numerics.arrays import float32, float64

ANCHORS = 64  # tokens, of the lowest ids in a small vocabulary
MANY = 2048  # tokens from which the lowest ids are left out: many of them are special or unused
FIRST = 1000  # id of the first anchor among so many
VALUE_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "n_kv_heads", "num_query_groups")
"""What configs call the number of heads that share values."""
NEGLIGIBLE = 1e-3  # of the largest singular value of the anchors: directions below are noise
Place = tuple[int, str]
"""A layer, and `attention_in`, `attention_out`, `mlp_in` or `mlp_out`."""
SIDES = ("attention_in", "attention_out", "mlp_in", "mlp_out")


@dataclass(frozen=True)
class ResidualStream:
    """What fixes the axes of a residual stream, and how norms scale what branches read and write.

    Attributes:
        width: Dimensions of the stream.
        tokens: Anchors x width: (E E^T)^(-1/2) E, where E are the centred embeddings of the
            anchor tokens, without the directions that E lacks. Whatever rotates the stream rotates
            its rows alike. None without an embedding.
        gains: Gains of the norms before and after the branches, width each; where one is missing it
            is 1.
        vocabulary: Rows of the embedding, None without one.
        value_heads: Heads that share values, as the config says, which may be wrong; None where it
            does not say.
    """

    width: int
    tokens: np.ndarray | None = None
    gains: Mapping[Place, np.ndarray] = field(default_factory=dict)
    vocabulary: int | None = None
    value_heads: int | None = None

    def gain(self, layer: int, where: str) -> np.ndarray | None:
        """Return the gains of one norm, if they fit the stream."""
        gains = self.gains.get((layer, where))
        if gains is None or gains.shape != (self.width,):
            return None
        return gains


class Norm(NamedTuple):
    """The norm on one side of a branch, and what the model adds to every stored gain."""

    place: Place
    entry: Entry
    offset: float


def table() -> dict[str, Any]:
    """Return the content of residual_stream.toml."""
    return load("registry.architectures", "residual_stream.toml")


def read_residual_stream(layout: Layout, config: Mapping[str, Any] | None = None) -> ResidualStream:
    """Read what fixes the stream's axes: some rows of the embedding, and the gains.

    Args:
        config: config.json, asked only for the number of heads that share values.
    """
    width = stream_width(layout.projections)
    heads = configured_value_heads(config or {})
    embedding = find_embedding(layout.others, width)
    gains = {}
    for norm in find_norms(layout):
        gains[norm.place] = float32(norm.entry.array()) + np.float32(norm.offset)
    if embedding is None:
        return ResidualStream(width, gains=gains, value_heads=heads)

    vocabulary = embedding.shape[0]
    anchors = anchor_ids(vocabulary)
    rows = embedding.first(anchors.stop * width).reshape(anchors.stop, width)
    chosen = float64(rows[anchors.start :])
    tokens = token_axes(np.nan_to_num(chosen, nan=0.0, posinf=0.0, neginf=0.0))
    return ResidualStream(width, tokens, gains, vocabulary, heads)


def anchor_ids(vocabulary: int) -> range:
    """Return the ids of the anchor tokens in a vocabulary of so many.

    The lowest ids of published vocabularies are special tokens, most of them never trained.
    """
    if vocabulary >= MANY:
        return range(FIRST, FIRST + ANCHORS)
    return range(min(ANCHORS, vocabulary))


def configured_value_heads(config: Mapping[str, Any]) -> int | None:
    """Return how many heads share values, as a config says; None where it does not."""
    text_config = config.get("text_config")
    for place in (config, text_config if isinstance(text_config, dict) else {}):
        for name in VALUE_HEADS:
            heads = place.get(name)
            if isinstance(heads, int) and heads > 0:
                return heads
    return None


def stream_width(tensors: Sequence[ProjectionTensor]) -> int:
    """Return the inputs of most projections that read from the stream, 0 where there are none."""
    widths: Counter[int] = Counter()
    for tensor in tensors:
        for part, (_, inputs) in zip(tensor.parts, tensor.shapes, strict=True):
            if part in INWARD:
                widths[inputs] += 1
    if not widths:
        return 0
    [(width, _)] = widths.most_common(1)
    return width


def find_embedding(others: Sequence[Entry], width: int) -> Entry | None:
    """Return the embedding of the tokens, by name; None unless it is as wide as the stream."""
    for name in embedding_names():
        for entry in others:
            is_named = entry.name == name or entry.name.endswith("." + name)
            if is_named and entry.shape[1:] == (width,):
                return entry
    return None


def token_axes(rows: np.ndarray) -> np.ndarray | None:
    """Return the anchors' orthonormal axes (E E^T)^(-1/2) E; None where all rows are equal.

    Args:
        rows: Embeddings of the anchors, anchors x width, float64. E are these, centred.
    """
    if not len(rows):
        return None
    left, values, right = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    kept = values > NEGLIGIBLE * values[0] if len(values) else values > 0
    if not kept.any():
        return None
    axes: np.ndarray = left[:, kept] @ right[kept]
    return axes.astype(np.float32)


def find_norms(layout: Layout) -> Iterator[Norm]:
    """Find the norms on either side of every branch, by the names in residual_stream.toml."""
    layers: dict[str, int] = {}  # by what the layer's tensors begin with
    for tensor in layout.projections:
        prefix = layer_prefix(tensor.entry.name)
        if prefix:
            layers[prefix] = tensor.layer

    vectors: dict[int, dict[str, Entry]] = {}  # of every layer, by the rest of their names
    for entry in layout.others:
        prefix = layer_prefix(entry.name)
        if prefix in layers and len(entry.shape) == 1:
            rest = entry.name[len(prefix) + 1 :]
            vectors.setdefault(layers[prefix], {})[rest] = entry

    names: set[str] = set().union(*vectors.values())
    scheme = scheme_of(names)
    for layer, by_name in vectors.items():
        for where in SIDES:
            norm = first_of(scheme.get(where, ()), by_name)
            if norm:
                yield Norm((layer, where), norm, scheme.get("offset", 0.0))


def first_of(names: Iterable[str], entries: Mapping[str, Entry]) -> Entry | None:
    """Return the entry of the first name that has one."""
    for name in names:
        if name in entries:
            return entries[name]
    return None


def layer_prefix(name: str) -> str:
    """Return a tensor's name up to its first number.

    `model.layers.3.mlp.up_proj.weight` gives `model.layers.3`.
    """
    first = NUMBER.search(name)
    return name[: first.end()] if first else ""


def scheme_of(names: set[str]) -> dict[str, Any]:
    """Return the first scheme of norms whose marker is among the names; the last has no marker."""
    schemes: list[dict[str, Any]] = table()["schemes"]
    for scheme in schemes:
        marker = scheme.get("marker")
        if marker is None or marker in names:
            return scheme
    raise LookupError(names)  # the table's last scheme goes with any names
