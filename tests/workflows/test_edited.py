"""registry.workflows.edited: compare and verify read again what was edited."""

import edited_made as edited
import models_made as made
import pytest
import torch
from checkpoints_made import write_folder

import registry
from registry.lineage.verdict import ChangeKind, EvidenceKind

ROOT = made.grown()


@pytest.fixture
def saved(tmp_path):
    """Save a model in bf16."""

    def save(name, tensors):
        rounded = {key: tensor.to(torch.bfloat16) for key, tensor in tensors.items()}
        return write_folder(tmp_path / name, rounded)

    return save


def test_directions_of_each_layer_show_in_the_weights_alone(saved):
    """Fingerprints leave open what both checkpoints tell."""
    child, root = saved("child", edited.removed_by_layer(ROOT)), saved("root", ROOT)
    (stored,) = registry.compare(registry.fingerprint(child), registry.fingerprint(root)).changes
    assert stored.kind == ChangeKind.LORA_LIKE

    verdict = registry.compare(child, root)
    (change,) = verdict.changes
    (relative,) = verdict.relatives
    assert change == relative.changes[0]
    assert (change.kind, change.parts) == (ChangeKind.DIRECTION_REMOVED, ("output", "down"))
    values = {line.kind: line.value for line in change.evidence}
    assert values[EvidenceKind.ALONG_WEIGHTS] > 0.95
    assert values[EvidenceKind.LEFT_OVER] < 0.05


def test_a_low_rank_that_was_added_stays_one(saved):
    """It runs along nothing that the weights wrote."""
    verdict = registry.compare(saved("child", edited.added(ROOT, 1)), saved("root", ROOT))
    (change,) = verdict.changes
    assert (change.kind, change.amount) == (ChangeKind.LORA_LIKE, 1)
    values = {line.kind: line.value for line in change.evidence}
    assert values[EvidenceKind.ALONG_WEIGHTS] < 0.3


def test_nothing_is_read_again_of_what_was_trained(saved, monkeypatch):
    """Where other matrices changed as well, the verdict costs what it did."""

    def refuse(*_):
        raise AssertionError("read again")

    monkeypatch.setattr("registry.workflows.edited.change_image", refuse)
    verdict = registry.compare(saved("child", made.tuned(ROOT)), saved("root", ROOT))
    assert verdict.changes[0].kind == ChangeKind.FINE_TUNED
