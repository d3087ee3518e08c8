"""What was done to a model: every change as a record, from the numbers of a comparison.

docs/method.md, Which changes were made.
"""

from collections.abc import Iterable, Iterator

from registry.architectures.name_table import NUMBER
from registry.architectures.roles import PROJECTIONS
from registry.lineage.comparison import ModelComparison
from registry.lineage.depth_changes import depth_changes, inserted_layers
from registry.lineage.matrix_pairs import SPREAD
from registry.lineage.outside_changes import outside_changes, token_changes
from registry.lineage.quantisation import pruning, quantisation
from registry.lineage.reparameterisations import reparameterisations
from registry.lineage.size_changes import size_changes
from registry.lineage.tensor_pairs import TensorChanges, tensor_changes
from registry.lineage.training_changes import training
from registry.lineage.verdict import Change, ChangeKind


def changes_of(comparison: ModelComparison) -> tuple[Change, ...]:
    """Return everything that was done to b to get a, the largest step first."""
    if comparison.same:
        return ()
    tensors = tensor_changes(comparison.changes)
    changes = [
        *depth_changes(comparison.changes),
        *size_changes(comparison),
        *reparameterisations(comparison, tensors),
        *quantisation(comparison),
        *pruning(comparison),
        *zeroed_projections(comparison),
        *missing_projections(comparison),
    ]
    changes += training(comparison, tensors, kinds_of(changes))
    changes += token_changes(comparison, tensors, kinds_of(changes))
    changes += outside_changes(comparison, tensors, kinds_of(changes))
    if not changes:
        changes += untold(comparison, tensors)
    return tuple(changes)


def kinds_of(changes: Iterable[Change]) -> frozenset[ChangeKind]:
    """Return the kinds of some changes."""
    return frozenset(change.kind for change in changes)


def zeroed_projections(comparison: ModelComparison) -> Iterator[Change]:
    """Yield the projections that became all zero, those of inserted layers aside."""
    later, earlier = comparison.a.model.zero, comparison.b.model.zero
    inserted = inserted_layers(comparison.changes)
    numbers = comparison.a.table.numbers
    blank = {int(numbers[layer]) for layer in inserted}

    names = []
    for name in later:
        number = NUMBER.search(name)
        in_blank = number is not None and int(number.group()) in blank
        if name not in earlier and not in_blank:
            names.append(name)
    if len(names) > 0 and len(later) > len(earlier):
        yield Change(ChangeKind.PROJECTIONS_ZEROED, amount=len(names), parts=tuple(names))


def missing_projections(comparison: ModelComparison) -> Iterator[Change]:
    """Yield projections of matched layers that only one model has, those of zeros aside.

    Experts are counted elsewhere.
    """
    added, removed = comparison.changes.unmatched
    for kind, counts, zero in (
        (ChangeKind.PROJECTIONS_ADDED, added, comparison.b.model.zero),
        (ChangeKind.PROJECTIONS_REMOVED, removed, comparison.a.model.zero),
    ):
        if counts.total() > len(zero):
            parts = tuple(projection for projection in PROJECTIONS if counts[projection])
            yield Change(kind, amount=counts.total() - len(zero), parts=parts)


def untold(comparison: ModelComparison, tensors: TensorChanges | None) -> Iterator[Change]:
    """Yield that weights differ in a way that has no name; nothing where rounding explains all."""
    changes = comparison.changes
    pairs = changes.pairs
    rounded = pairs.sizes <= SPREAD * changes.rounding  # of no size, where it is not known
    codes = pairs.projections[~pairs.same & ~rounded]
    projections = {PROJECTIONS[code] for code in codes.tolist()}
    whole = changes.places == tuple(range(changes.b.layer_count))
    if projections or not whole:
        yield Change(ChangeKind.NOT_TOLD_APART, parts=tuple(sorted(projections)))
    elif tensors is None and changes.equal == 1:
        yield Change(ChangeKind.OTHER_WEIGHTS)
