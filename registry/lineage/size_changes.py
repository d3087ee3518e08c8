"""Width, neurons, heads, experts and vocabulary: what the shapes of two models tell."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from registry.lineage.changes import WeightChanges
from registry.lineage.comparison import ModelComparison
from registry.lineage.features import ModelFeatures
from registry.lineage.layer_table import LayerTable
from registry.lineage.matrix_columns import DENSE, NOWHERE
from registry.lineage.verdict import Change, ChangeKind

Count = Callable[[LayerTable], np.ndarray]
"""How many of something each layer has; 0 where it has none or does not tell."""


class Counts(NamedTuple):
    """How many a layer has now, and had before."""

    now: float
    before: int


def size_changes(comparison: ModelComparison) -> Iterator[Change]:
    """Yield every count that differs, with what it is now and what it was before."""
    yield from width_changes(comparison)
    yield from layer_changes(comparison.changes)
    later, earlier = comparison.a.model.vocabulary, comparison.b.model.vocabulary
    if later and earlier and later != earlier:
        yield Change(ChangeKind.VOCABULARY_SIZE, amount=later, parts=(earlier,))


def width_changes(comparison: ModelComparison) -> Iterator[Change]:
    """Yield another width of the residual stream."""
    later, earlier = stream_width(comparison.a), stream_width(comparison.b)
    if later and earlier and later != earlier:
        yield Change(ChangeKind.WIDTH, amount=later, parts=(earlier,))


def stream_width(model: ModelFeatures) -> int:
    """Return the inputs of most projections that read the residual stream; 0 without any."""
    reading = model.matrices.of_projections("query", "value", "gate", "up")
    widths = Counter(model.matrices.cols[reading].tolist())
    return widths.most_common(1)[0][0] if widths else 0


def layer_changes(changes: WeightChanges) -> Iterator[Change]:
    """Yield the counts that differ between the layers and their sources."""
    queries = differing(changes, rows_of("query"))
    keys = differing(changes, rows_of("key"))
    alike = keys == queries and all_heads_have_keys(changes.b.table)
    for kind, change in (
        (ChangeKind.NEURONS, differing(changes, rows_of("up"))),
        (ChangeKind.HEADS, queries),
        (ChangeKind.KV_HEADS, None if alike else keys),
        (ChangeKind.EXPERTS, differing(changes, experts)),
    ):
        if change is not None:
            yield Change(kind, amount=change.now, parts=(change.before,))


def differing(changes: WeightChanges, count: Count) -> Counts | None:
    """Return a count now and before, means over the layers; None where no layer's differs."""
    layers = np.flatnonzero(changes.sources != NOWHERE)
    now = count(changes.a.table)[layers]
    before = count(changes.b.table)[changes.sources[layers]]
    told = (now > 0) & (before > 0)
    now, before = now[told], before[told]
    if (now == before).all():
        return None
    return Counts(float(now.mean()), round(float(before.mean())))


def rows_of(projection: str) -> Count:
    """Return what counts the rows of one of a layer's projections, of an expert's if it has any."""

    def count(table: LayerTable) -> np.ndarray:
        places = table.in_every_layer(projection)
        if table.has_experts:
            first = np.array([min(numbers, default=DENSE) for numbers in table.experts], int)
            of_expert = table.in_every_layer(projection, first)
            places = np.where(of_expert >= 0, of_expert, places)
        rows: np.ndarray = np.where(places >= 0, table.matrices.rows[places], 0)
        return rows

    return count


def experts(table: LayerTable) -> np.ndarray:
    """Return how many experts the layers have: 1 where one has an MLP and no experts."""
    numbers = np.array([len(numbers) for numbers in table.experts], int)
    has_mlp = table.in_every_layer("up") >= 0
    counts: np.ndarray = np.where(numbers > 0, numbers, has_mlp)
    return counts


def all_heads_have_keys(table: LayerTable) -> bool:
    """Return whether every query head has a key of its own, in all layers that have both."""
    queries, keys = table.in_every_layer("query"), table.in_every_layer("key")
    both = (queries >= 0) & (keys >= 0)
    rows = table.matrices.rows
    return bool((rows[queries[both]] == rows[keys[both]]).all())
