"""registry.lineage.changes: how far matched matrices moved, and which layers went."""

import models_made as made

from registry.lineage.changes import WeightChanges
from registry.lineage.comparison import ModelComparison
from registry.lineage.features import ModelFeatures

ROOT = made.grown()


def test_layers_come_from_those_they_are_like(fingerprinted):
    """A layer that is left out is removed, one that comes twice is repeated."""
    child = fingerprinted("taken", made.layers_taken(ROOT, [0, 1, 1, 3]))
    changes = ModelComparison.of(child, fingerprinted("root", ROOT)).changes
    assert changes.places == (0, 1, 1, 3)
    assert changes.removed == (2,)
    assert changes.repeated == (1,)
    assert changes.without_source == ()


def test_layers_beyond_the_shorter_model_have_no_source(fingerprinted):
    """In order, each layer comes from that of its number."""
    longer = ModelFeatures.of(fingerprinted("six", made.grown(5, layers=6)))
    shorter = ModelFeatures.of(fingerprinted("root", ROOT))
    changes = WeightChanges.in_order(longer, shorter)
    assert changes.places == (0, 1, 2, 3, None, None)
    assert changes.without_source == (4, 5)
    assert changes.matched_layers == (0, 1, 2, 3)


def test_the_rank_is_that_of_most_matrices(fingerprinted):
    """One matrix whose rank does not show leaves that of the others."""
    child = fingerprinted("lora 4", made.adapted(ROOT, 4))
    changes = ModelComparison.of(child, fingerprinted("root", ROOT)).changes
    assert changes.rank == 4
    assert changes.rank_of(~changes.every_pair) is None


def test_narrow_matrices_tell_no_rank(fingerprinted):
    """No change of eight rows has more than rank 8, whatever was done."""
    narrow = {name: t[:8] if name.endswith(made.V) else t for name, t in ROOT.items()}
    root = fingerprinted("narrow values", narrow)
    child = fingerprinted("narrow values tuned", made.tuned(narrow))
    changes = ModelComparison.of(child, root).changes
    assert changes.rank_of(changes.pairs.of_projections("value")) is None
