"""registry.workflows.judge: which registered models are compared, and the verdict on the nearest."""

import models_made as made
import pytest
import torch
from checkpoints_made import write_folder

import registry
from registry.lineage.verdict import ChangeKind, EvidenceKind

ROOT = made.grown()
ONE, OTHER = made.tuned(ROOT, 0.2, 1), made.tuned(ROOT, 0.2, 2)


def saved(folder, tensors):
    rounded = {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    return write_folder(folder, rounded)


@pytest.fixture
def known(url):
    with registry.Registry(url) as opened:
        yield opened


def test_nothing_registered_is_nothing_compared(known, tmp_path):
    """The verdict is unknown, and has no number and no closest."""
    verdict = known.identify(saved(tmp_path / "m", ROOT)).verdict
    assert (str(verdict), verdict.closest, verdict.chance) == ("unknown", None, None)
    assert [line.kind for line in verdict.evidence] == [EvidenceKind.CANDIDATES]


def test_a_merge_of_two_registered_models_names_both(known, tmp_path):
    """Its training is explained by the other parent."""
    known.ingest(saved(tmp_path / "one", ONE))
    known.ingest(saved(tmp_path / "other", OTHER))
    mixed = {name: 0.7 * ONE[name] + 0.3 * OTHER[name] for name in ONE}
    verdict = known.identify(saved(tmp_path / "mixed", mixed)).verdict
    (merge,) = verdict.changes
    assert merge.kind == ChangeKind.MERGED
    assert set(merge.parts) == {"one", "other"}


@pytest.mark.slow
def test_an_unrelated_model_is_unknown_beside_its_closest(known, tmp_path):
    """The closest is a registered model, and its p-value is at chance level."""
    known.ingest(saved(tmp_path / "root", ROOT))
    wide = made.grown(9) | {
        name: 5 * tensor for name, tensor in made.grown(9).items() if "q_proj" in name
    }
    verdict = known.identify(saved(tmp_path / "unrelated", wide)).verdict
    assert (verdict.verdict, verdict.model, verdict.closest) == ("unknown", None, "root")
    assert verdict.chance > 0.05


def test_a_new_vocabulary_and_a_rotated_stream_hide_no_parent(known, tmp_path):
    """The model's own axes find it where nothing else is alike, among unrelated models."""
    for seed in range(3):
        known.ingest(saved(tmp_path / f"root {seed}", made.grown(seed)))
    hidden = made.rotated(made.vocabulary_anew(made.grown(1)))
    verdict = known.identify(saved(tmp_path / "hidden", hidden)).verdict
    assert (verdict.verdict, verdict.model) == ("derived", "root 1")


def test_the_same_weights_come_before_all(known, tmp_path):
    """Whatever else is alike."""
    known.ingest(saved(tmp_path / "one", ONE))
    known.ingest(saved(tmp_path / "root", ROOT))
    verdict = known.identify(saved(tmp_path / "again", ONE)).verdict
    assert str(verdict) == "same weights as one"
