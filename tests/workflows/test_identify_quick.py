"""registry.workflows.identify_quick and registry.fingerprints.partial: the base's name from a part of the bytes."""

import models_made as made
import pytest
import torch
from adapters_made import write_adapter
from checkpoints_made import write_folder

import registry
from registry.checkpoints import open_checkpoint
from registry.errors import QuickNeedsModel
from registry.fingerprints.partial import Glimpse

ROOT = made.grown()
HALF_UNIT = 2.0**-11  # of half precision, below 1


def saved(folder, tensors):
    return write_folder(
        folder, {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    )


@pytest.fixture
def known(url, tmp_path):
    with registry.Registry(url) as opened:
        for i in range(3):
            opened.ingest(saved(tmp_path / f"root {i}", made.grown(i)))
        yield opened


def test_a_child_in_the_same_axes_is_known_by_first_values(known, tmp_path):
    """No branch is read."""
    verdict, glimpse = known.identify_quickly(saved(tmp_path / "child", made.tuned(ROOT)))
    assert (verdict.verdict, verdict.model) == ("derived", "root 0")
    assert glimpse.looked == 0


@pytest.mark.parametrize(
    "change", [made.rotated, made.stream_permuted], ids=["rotated", "permuted"]
)
def test_a_reparameterised_child_is_known_by_branches(known, tmp_path, change):
    """Some branches are read, and not all."""
    verdict, glimpse = known.identify_quickly(saved(tmp_path / "child", change(ROOT)))
    assert (verdict.verdict, verdict.model) == ("derived", "root 0")
    assert 0 < glimpse.looked < 2 * made.LAYERS


def test_an_unrelated_model_stays_unknown(known, tmp_path):
    """After all that may be read."""
    verdict = known.identify_quickly(saved(tmp_path / "child", made.grown(9))).verdict
    assert (verdict.verdict, verdict.model) == ("unknown", None)


def test_nothing_beyond_the_limit_is_read(tmp_path):
    """A branch that would take more is not begun."""
    glimpse = Glimpse(open_checkpoint(saved(tmp_path / "m", ROOT)))
    limit = glimpse.total // 3
    assert list(glimpse.branches(limit))
    assert 0 < glimpse.read <= limit


def test_it_says_what_a_fingerprint_says(tmp_path):
    """The first values and every branch are those of the whole, but for the model's own axes."""
    folder = saved(tmp_path / "m", ROOT)
    glimpse, whole = Glimpse(open_checkpoint(folder)), registry.fingerprint(folder)
    assert glimpse.start == whole.start
    branches = sorted(glimpse.branches(glimpse.total * 2), key=lambda b: (b.layer, b.branch))
    assert [(b.layer, b.branch) for b in branches] == [(b.layer, b.branch) for b in whole.branches]
    for branch, expected in zip(branches, whole.branches, strict=True):
        assert branch.stream == pytest.approx(expected.stream, abs=HALF_UNIT)
        assert branch.token == pytest.approx(expected.token, abs=HALF_UNIT)


def test_an_adapter_is_refused(known, tmp_path):
    """It is small enough to be read."""
    factors = {f"layers.0.self_attn.q_proj.lora_{x}.weight": torch.eye(4) for x in "AB"}
    with pytest.raises(QuickNeedsModel, match="without --quick"):
        known.identify_quickly(write_adapter(tmp_path / "adapter", factors))
