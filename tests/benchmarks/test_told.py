"""zoo.told (benchmarks/): what was told of a model against what is true of it."""

from zoo.told import TELLING, name, told

from registry.architectures.tensor_groups import groups
from registry.lineage.verdict import Change, ChangeKind

TUNED = Change(ChangeKind.FINE_TUNED, 0.1)


def test_what_is_true_and_told_is_right():
    """Nothing is wrong where the kinds agree, and a cast need not be told."""
    wrong = told([TUNED], {"trained": True, "cast": "float16"})
    assert wrong.false == ()
    assert wrong.untold == ()


def test_a_change_that_did_not_happen_is_false():
    """It counts as false, and what is true and was not told as untold."""
    wrong = told([Change(ChangeKind.WIDTH, 48, (64,))], {"quantised": 4})
    assert wrong.false == ("width",)
    assert wrong.untold == ("quantised",)


def test_what_is_covered_may_be_told_or_not():
    """A later change hides it: either is right."""
    truth = {"quantised": 4, "trained": True}
    assert told([TUNED], truth, covered=["quantised"]).untold == ()
    both = [TUNED, Change(ChangeKind.QUANTISED, 4)]
    assert told(both, truth, covered=["quantised"]).false == ()


def test_a_group_is_told_by_its_name():
    """Trained embeddings are no trained norms."""
    norms = Change(ChangeKind.TENSORS_CHANGED, 0.2, ("norm",))
    assert name(norms) == "tensors changed: norm"
    assert told([norms], {"norms_trained": True}).false == ()
    assert told([norms], {"embeddings_trained": True}).untold == ("embeddings_trained",)


def test_high_ranks_may_be_called_training():
    """Sketches resolve ranks up to 16."""
    assert told([TUNED], {"low_rank": 64}).untold == ()
    assert told([TUNED], {"low_rank": 8}).untold == ("low_rank",)


def test_every_kind_that_tells_is_one():
    """The table names kinds of change and groups of tensors that there are."""
    kinds = {str(kind) for kind in ChangeKind}
    for telling in TELLING.values():
        for kind in telling:
            plain, _, group = kind.partition(": ")
            assert plain in kinds
            assert not group or group in groups()
