"""registry.workflows.identify: the verdict on a source, and the nearest models by the papers' vectors."""

import models_made as made
import pytest
import torch
from checkpoints_made import write_folder

import registry

ROOT = made.grown()


def saved(folder, tensors):
    rounded = {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    return write_folder(folder, rounded)


@pytest.fixture
def known(url, tmp_path):
    """A registry of two families: a root with its child, and an independent model."""
    with registry.Registry(url) as opened:
        opened.ingest(saved(tmp_path / "root", ROOT), family="one")
        opened.ingest(saved(tmp_path / "child", made.tuned(ROOT)), family="one")
        opened.ingest(saved(tmp_path / "independent", made.grown(1)), family="two")
        yield opened


def test_identifying_stores_nothing(known, tmp_path):
    """The registry holds the same models before and after."""
    before = [summary.name for summary in known.models()]
    identification = known.identify(saved(tmp_path / "grandchild", made.tuned(ROOT, 0.2, 3)))
    assert identification.verdict.verdict == "derived"
    assert [summary.name for summary in known.models()] == before


def test_matches_are_the_nearest_and_come_in_order(known, tmp_path):
    """No more than `nearest` of them, by rising std distance; every family has its nearest model once."""
    grandchild = saved(tmp_path / "grandchild", made.tuned(ROOT, 0.2, 3))
    identification = known.identify(grandchild)
    distances = [match.std_distance for match in identification.matches]
    assert distances == sorted(distances)
    assert {match.model for match in identification.matches} == {"root", "child", "independent"}

    families = identification.families
    assert sorted(match.family for match in families) == ["one", "two"]
    for match in families:
        same = [m.spread_distance for m in identification.matches if m.family == match.family]
        assert match.spread_distance == min(same)
