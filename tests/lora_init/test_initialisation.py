"""registry.lora_init.initialisation."""

import pytest
import torch
from bases_made import REFERENCE, save_base
from characteristics_made import grouped, model

import registry
from registry.characteristic.groups import Characteristic, Group, characteristic
from registry.errors import BaseIsAdapter, NoCharacteristic, NoTargets
from registry.lora_init.initialisation import difference, lora_init, measured_shift, plan_of


@pytest.fixture
def llama(tmp_path):
    return save_base("llama", tmp_path / "llama")


def test_what_cannot_be_initialised(llama, tmp_path):
    """Each is refused in a sentence, and nothing is left behind."""
    with pytest.raises(NoTargets, match="no module 'c_attn'.* q_proj"):
        lora_init(llama, REFERENCE, tmp_path / "start", targets=["c_attn"])
    alone = Characteristic(
        16, (Group("query", ("key", "value", "output", "gate", "up", "down")),), ()
    )
    with pytest.raises(
        NoCharacteristic,
        match="'SmolLM2-135M' has no characteristic: the distances of query to all",
    ):
        lora_init(llama, ("SmolLM2-135M", alone), tmp_path / "start")
    lora_init(llama, REFERENCE, tmp_path / "first")
    with pytest.raises(BaseIsAdapter, match="give the whole model"):
        lora_init(tmp_path / "first", REFERENCE, tmp_path / "start")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "llama"]


def test_a_shift_that_cannot_be_measured(llama, tmp_path):
    """The record says why: no config.json, or one that transformers does not know."""
    shift = measured_shift(tmp_path / "nowhere", tmp_path, keep_output=False)
    assert (shift.value, shift.reason) == (None, "the base is no folder with a config.json")
    (llama / "config.json").write_text('{"model_type": "nothing"}')
    shift = measured_shift(llama, tmp_path, keep_output=False)
    assert shift.value is None
    assert shift.reason.startswith("transformers cannot load the base (")


def test_a_shift_of_the_output():
    """Equal logits do not move, a constant added to all does not either, and larger ones do."""
    before = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    assert difference(before, before) == difference(before, before.clone())
    assert difference(before, before).relative == 0
    moved = difference(before, before + 1)
    assert moved.relative == pytest.approx(0, abs=1e-6)
    assert (moved.divergence, moved.agree) == (pytest.approx(0, abs=1e-6), 1)
    assert difference(before, 2 * before).relative == pytest.approx(1)
    assert difference(before, -before).agree < 1


def test_defaults_of_a_plan():
    """Alpha is the rank unless it is given."""
    assert plan_of({}) == plan_of({"lora_rank": 16, "alpha": 16.0, "std": 0.02, "seed": 0})
    assert plan_of({"lora_rank": 4}).scaling == 1


def test_fingerprints_do_without_a_database(tmp_path):
    """From a fingerprint alone."""
    found = characteristic(
        registry.fingerprint(
            model(tmp_path / "m", grouped([["query", "key"], ["up", "down"]])), rank=64
        ),
        64,
    )
    assert [(group.referenced, group.members) for group in found.groups] == [
        ("query", ("key",)),
        ("up", ("down",)),
    ]
