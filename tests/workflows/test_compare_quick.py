"""registry.workflows.compare_quick: a pair from a part of the bytes."""

import json

import models_made as made
import pytest
import torch
from adapters_made import write_adapter
from checkpoints_made import write_folder
from click.testing import CliRunner

import cli
import registry
from registry.errors import NoWeightsInFile, QuickNeedsModel
from registry.workflows.compare_quick import compare_quickly

ROOT = made.grown()


def saved(folder, tensors):
    return write_folder(
        folder, {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    )


@pytest.fixture
def root(tmp_path):
    return saved(tmp_path / "root", ROOT)


@pytest.mark.parametrize("stored", [False, True], ids=["weights", "fingerprint"])
def test_a_pair(tmp_path, root, stored):
    """A child is known by its first values, one in other axes by branches, a stranger by neither."""
    base = registry.fingerprint(root) if stored else root
    verdict, glimpse = compare_quickly(saved(tmp_path / "child", made.tuned(ROOT)), base)
    assert (verdict.verdict, verdict.family, glimpse.looked) == ("derived", None, 0)

    verdict, glimpse = compare_quickly(saved(tmp_path / "rotated", made.rotated(ROOT)), base)
    assert verdict.verdict == "derived"
    assert glimpse.looked > 0
    assert compare_quickly(saved(tmp_path / "x", made.grown(9)), base).verdict.model is None


def test_the_commands(url, tmp_path, root):
    """Both say how many bytes they read; what a quick look does not show is open."""
    child = saved(tmp_path / "child", made.tuned(ROOT))
    for command in (("compare", child, root), ("verify", child, "--claimed-base", root)):
        result = CliRunner().invoke(cli.main, [*map(str, command), "--quick", "--json"])
        answer = json.loads(result.stdout)
        assert result.exit_code == 0
        assert answer["verdict"] == "derived"
        assert 0 < answer["read"] < answer["bytes"]
    stranger = saved(tmp_path / "x", made.grown(9))
    claim = ["verify", str(stranger), "--claimed-base", str(root), "--quick"]
    assert CliRunner().invoke(cli.main, claim).exit_code == 4


def test_what_has_no_weights_to_look_at(tmp_path, root):
    """A fingerprint in question is refused, and so is an adapter."""
    with pytest.raises(NoWeightsInFile, match="of which --quick has nothing to read"):
        compare_quickly(registry.fingerprint(root), root)
    factors = {
        f"base_model.model.model.layers.0.self_attn.q_proj.lora_{side}.weight": torch.ones(4, 4)
        for side in "AB"
    }
    with pytest.raises(QuickNeedsModel, match="adapter"):
        compare_quickly(write_adapter(tmp_path / "adapter", factors), root)
