"""Damaged checkpoints: a short run of benchmarks/fuzz.py."""

from collections import Counter

import pytest

from benchmarks.fuzz import attempt


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numbers of damaged weights overflow
def test_every_outcome_is_a_fingerprint_or_a_registry_error(tmp_path):
    """Two hundred checkpoints of all formats and kinds; the long run makes 100,000."""
    outcomes = Counter(attempt(seed, tmp_path, seconds=0) for seed in range(200))
    assert [outcome for outcome in outcomes if outcome.startswith("FAILURE")] == []
    assert any(outcome.endswith("fingerprint") for outcome in outcomes)
    assert len(outcomes) > 8
