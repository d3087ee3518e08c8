"""Width, neurons, heads, experts and vocabulary: what the shapes of two models tell."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from registry.lineage.changes import WeightChanges
from registry.lineage.comparison import ModelComparison
from registry.lineage.expert_matching import Layer, expert_numbers
from registry.lineage.features import ModelFeatures
from registry.lineage.verdict import Change, ChangeKind

Count = Callable[[Layer], int]
"""How many of something a layer has; 0 where it has none or does not tell."""


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
    widths: Counter[int] = Counter()
    for layer in model.layers:
        for (projection, _, _), matrix in layer.items():
            if projection in {"query", "value", "gate", "up"}:
                widths[matrix.cols] += 1
    return widths.most_common(1)[0][0] if widths else 0


def layer_changes(changes: WeightChanges) -> Iterator[Change]:
    """Yield the counts that differ between the layers and their sources."""
    queries = differing(changes, rows_of("query"))
    keys = differing(changes, rows_of("key"))
    alike = keys == queries and all_heads_have_keys(changes)
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
    now: list[int] = []
    before: list[int] = []
    for layer in changes.matched_layers:
        source = changes.places[layer]
        if source is None:
            continue
        later, earlier = count(changes.a.layers[layer]), count(changes.b.layers[source])
        if later and earlier:
            now.append(later)
            before.append(earlier)
    if now == before:
        return None
    return Counts(sum(now) / len(now), round(sum(before) / len(before)))


def rows_of(projection: str) -> Count:
    """Return what counts the rows of one of a layer's projections, of an expert's if it has any."""

    def count(layer: Layer) -> int:
        numbers = expert_numbers(layer)
        expert = numbers[0] if numbers else -1
        matrix = layer.get((projection, expert, 0)) or layer.get((projection, -1, 0))
        return matrix.rows if matrix else 0

    return count


def experts(layer: Layer) -> int:
    """Return how many experts a layer has: 1 where it has an MLP and no experts."""
    numbers = expert_numbers(layer)
    if numbers:
        return len(numbers)
    return int(("up", -1, 0) in layer)


def all_heads_have_keys(changes: WeightChanges) -> bool:
    """Return whether every query head has a key of its own, in all layers of the earlier model."""
    return all(map(has_key_for_every_query, changes.b.layers))


def has_key_for_every_query(layer: Layer) -> bool:
    """Return whether query and key of a layer have as many rows."""
    query, key = layer.get(("query", -1, 0)), layer.get(("key", -1, 0))
    return query is None or key is None or query.rows == key.rows
