"""registry.characteristic.groups: which projections stay close to which."""

import pytest
from characteristics_made import NAMES, grouped, model

import registry
from registry.characteristic import pareto
from registry.characteristic.groups import characteristic, published_of


@pytest.fixture(autouse=True)
def _intervals_that_nobody_reads(monkeypatch):
    """Groups do not hang on the intervals of shapes, which take most of the time."""
    monkeypatch.setattr(pareto, "RESAMPLES", 2)


@pytest.mark.parametrize(
    "groups",
    [
        [["query", "key", "gate"], ["value", "output", "up", "down"]],
        [["query", "key", "output", "gate"], ["value", "up", "down"]],
        [["query", "gate"], ["key", "output"], ["value", "up", "down"]],
    ],
    ids=["as Llama 3.2 1B", "as Llama 3 8B", "as Llama 3.2 3B"],
)
def test_groups_are_found_again(tmp_path, groups):
    """Those that the generator gave a model."""
    found = characteristic(
        registry.fingerprint(model(tmp_path / "m", grouped(groups)), rank=64), 64
    )
    assert {frozenset((group.referenced, *group.members)) for group in found.groups} == set(
        map(frozenset, groups)
    )
    assert found.groups[0].referenced == "query"
    assert found.usable


def test_one_group_is_no_characteristic(tmp_path):
    """As of SmolLM2-135M in table 3."""
    found = characteristic(
        registry.fingerprint(model(tmp_path / "m", grouped([list(NAMES)])), rank=64), 64
    )
    assert [group.referenced for group in found.groups] == ["query"]
    assert not found.usable


@pytest.mark.parametrize(
    ("name", "alpha"),
    [("meta-llama/Llama-3.2-1B-Instruct", 1.78), ("Qwen/Qwen2.5-7B-Instruct", 1.05), ("x", None)],
)
def test_the_papers_row_is_found_by_name(name, alpha):
    """Whatever stands around it."""
    row = published_of(name)
    assert (row["alpha"] if row else None) == alpha
