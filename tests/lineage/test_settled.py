"""registry.lineage.settled: whether a part of the evidence says what all of it would."""

import edited_made as edited
import models_made as made
import pytest

from registry.lineage.comparison import ModelComparison
from registry.lineage.settled import writes_otherwise

ROOT = made.grown()


@pytest.mark.parametrize(
    ("name", "tensors", "expected"),
    [("one direction removed", edited.removed(ROOT), True), ("tuned", made.tuned(ROOT), False)],
    ids=["removed", "tuned"],
)
def test_edits_are_looked_at_in_full(fingerprinted, name, tensors, expected):
    """Where nothing but what writes to the stream changed, two layers do not tell which edit."""
    comparison = ModelComparison.of(fingerprinted(name, tensors), fingerprinted("root", ROOT))
    assert writes_otherwise(comparison) == expected
