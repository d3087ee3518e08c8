"""Layers that went, came several times, were inserted or stand in another order."""

from collections.abc import Iterator

from registry.architectures.roles import WRITING
from registry.lineage.changes import WeightChanges
from registry.lineage.verdict import Change, ChangeKind

COPIED = 0.5  # cosine of the writing projections from which a repeated layer is a copy of another


def depth_changes(changes: WeightChanges) -> Iterator[Change]:
    """Yield what became of the earlier model's layers."""
    inserted = inserted_layers(changes)
    copied = [source for source in changes.repeated if copies_of(changes, source, inserted) > 1]
    new = changes.without_source
    gone = changes.removed
    if len(gone) > len(new):  # else others stand in their place
        yield Change(
            ChangeKind.LAYERS_REMOVED, amount=len(gone) - len(new), parts=parts_of(gone, new)
        )
    if copied:
        more = sum(copies_of(changes, source, inserted) - 1 for source in copied)
        yield Change(ChangeKind.LAYERS_STACKED, amount=more, parts=tuple(copied))
    if inserted:
        yield Change(ChangeKind.LAYERS_INSERTED, amount=len(inserted), parts=inserted)
    if new:
        yield Change(ChangeKind.LAYERS_WITHOUT_SOURCE, amount=len(new), parts=new)
    reordered = reordered_layers(changes)
    if reordered:
        yield Change(ChangeKind.LAYERS_REORDERED, amount=len(reordered), parts=reordered)


def parts_of(gone: tuple[int, ...], new: tuple[int, ...]) -> tuple[int, ...]:
    """Return which layers went; none where others may stand in the place of some."""
    return () if new else gone


def copies_of(changes: WeightChanges, source: int, inserted: tuple[int, ...]) -> int:
    """Return how many layers come from one and write what it wrote."""
    count = 0
    for layer, place in enumerate(changes.places):
        count += place == source and layer not in inserted
    return count


def inserted_layers(changes: WeightChanges) -> tuple[int, ...]:
    """Return layers that read as another does, and write nothing or what none wrote before.

    So begins a block that is inserted as an identity.
    """
    inserted = []
    for layer, source in enumerate(changes.places):
        if source in changes.repeated and not writes_alike(changes, layer):
            inserted.append(layer)
    return tuple(inserted)


def writes_alike(changes: WeightChanges, layer: int) -> bool:
    """Return whether a layer's writing projections are there, and like those of its source."""
    pairs = changes.pairs
    writing = pairs.of_projections(*WRITING) & (pairs.layers == layer)
    if not pairs.sketched[writing].all():
        return True  # of another shape: cannot be seen
    return bool(writing.any()) and pairs.cosine(writing) > COPIED


def reordered_layers(changes: WeightChanges) -> tuple[int, ...]:
    """Return the base's layers that come before one that they followed; none where any repeats."""
    places = [source for source in changes.places if source is not None]
    if len(set(places)) < len(places):
        return ()
    moved = []
    for source, sorted_source in zip(places, sorted(places), strict=True):
        if source != sorted_source:
            moved.append(source)
    return tuple(sorted(moved))
