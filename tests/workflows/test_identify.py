"""registry.workflows.identify: the verdict on a source, and the nearest models by the papers' vectors."""

import models_made as made
import pytest
import torch
from checkpoints_made import llama, write_folder, write_shards
from places import EXAMPLES, counts

import registry

ROOT = made.grown()


def saved(folder, tensors):
    rounded = {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    return write_folder(folder, rounded)


@pytest.fixture
def empty(url):
    """A registry without models."""
    with registry.Registry(url) as opened:
        yield opened


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


def test_identify_the_same_weights(empty, model, tmp_path):
    """Re-sharded and cast up, they are still the same."""
    empty.ingest(model, family="f")
    wide = {name: tensor.double() for name, tensor in llama().items()}
    verdict = empty.identify(write_shards(tmp_path / "x", wide)).verdict
    assert (verdict.verdict, verdict.model, verdict.family, verdict.changes) == (
        "same weights",
        "model",
        "f",
        (),
    )


def test_identify_in_an_empty_registry(empty, model, url):
    """Nothing to compare with is 'unknown', and nothing is stored."""
    found = empty.identify(model)
    assert (found.verdict.verdict, found.verdict.model, found.matches) == ("unknown", None, ())
    assert counts(url) == [0] * 5


def test_identify_a_stranger(empty, tmp_path):
    """A far model is 'unknown', with its distances."""
    empty.ingest(write_folder(tmp_path / "base", llama()))
    strange = {n: t * 9 if "q_proj" in n else t for n, t in llama(seed=5).items()}
    found = empty.identify(write_folder(tmp_path / "strange", strange))
    assert found.verdict.verdict == "unknown"
    assert found.verdict.chance > 0.05
    assert len(found.matches) == 1


@pytest.mark.slow
@pytest.mark.parametrize("family", ["llama", "qwen", "phi"])
def test_each_example_fine_tune_finds_its_base(url, family):
    """Among all bases its own stands first, in its family."""
    with registry.Registry(url) as known:
        for base in ("llama", "qwen", "phi"):
            for size in ("tiny", "small"):
                known.ingest(EXAMPLES / f"{base}-{size}", family=base)
        found = known.identify(EXAMPLES / f"{family}-tiny-code")
        assert found.matches[0].model == found.verdict.model == f"{family}-tiny"
        assert found.verdict.family == family
        assert known.ingest(EXAMPLES / f"{family}-tiny-code").model.family == family


def test_makemore_finds_its_sibling(empty, data):
    """Two makemore checkpoints by different people are nearest to each other."""
    for folder in sorted(data.glob("checkpoints/*")):
        if "lmj9" not in folder.name:
            empty.ingest(folder)
    [mine] = data.glob("checkpoints/lmj9*")
    assert empty.identify(mine).matches[0].model.startswith("woodRock__makemore")
