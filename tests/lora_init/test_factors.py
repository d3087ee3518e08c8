"""registry.lora_init.factors."""

import json

import pytest
import torch
from bases_made import REFERENCE, save_base
from characteristics_made import NAMES
from safetensors.torch import load_file

from registry.characteristic.groups import Characteristic, Group
from registry.checkpoints import open_checkpoint
from registry.errors import NoTargets
from registry.lora_init.factors import Plan, groups_present, initialise, targeted
from registry.lora_init.initialisation import lora_init


@pytest.fixture
def llama(tmp_path):
    return save_base("llama", tmp_path / "llama")


def test_a_seed_gives_the_same(llama, tmp_path):
    """And another one another adapter; members of a group share their template."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        lora_init(llama, REFERENCE, tmp_path / name, seed=seed, lora_rank=2)
    a, b, c = (load_file(tmp_path / name / "adapter_model.safetensors") for name in "abc")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not any(torch.equal(a[name], c[name]) for name in a)
    query, key, value = (
        a[f"base_model.model.model.layers.0.self_attn.{p}_proj.lora_A.weight"] for p in "qkv"
    )
    assert torch.cosine_similarity(query.flatten(), key.flatten(), 0) > 0.7
    assert torch.cosine_similarity(query.flatten(), value.flatten(), 0).abs() < 0.5


@pytest.mark.parametrize(
    ("targets", "modules"),
    [
        (["query", "v_proj"], {"q_proj", "v_proj"}),
        (["mlp.down_proj"], {"down_proj"}),
        ([], {name.split(".")[1] for name in NAMES.values()}),
    ],
    ids=["a projection and a module", "one module", "all"],
)  # fmt: skip
def test_targets_are_projections_or_modules(llama, tmp_path, targets, modules):
    """All of them where nothing is said."""
    lora_init(llama, REFERENCE, tmp_path / "start", targets=targets)
    assert (
        set(json.loads((tmp_path / "start" / "adapter_config.json").read_text())["target_modules"])
        == modules
    )


def test_factors_have_the_weights_shapes(llama):
    """A is rank x inputs, B outputs x rank, and their product has the shape of the weight."""
    base = open_checkpoint(llama)
    for pair in initialise(targeted(base, ["gate"]), REFERENCE[1], Plan(rank=3, alpha=6)):
        assert pair.a.shape[0] == pair.b.shape[1] == 3
        assert pair.delta(2.0).shape == pair.site.entry.load().shape
        assert torch.equal(pair.delta(2.0), 2.0 * (pair.b @ pair.a))
    assert Plan(rank=3, alpha=6).scaling == 2


def test_a_target_that_is_nothing(llama):
    """The modules that there are come with the refusal."""
    with pytest.raises(NoTargets, match="no module 'c_attn' .*; choose from .*q_proj"):
        targeted(open_checkpoint(llama), ["c_attn"])


def test_groups_as_far_as_the_base_has_them():
    """What the reference lacks stands alone, and what the base lacks falls out."""
    reference = Characteristic(16, (Group("query", ("key",)), Group("gate", ())), ())
    assert groups_present(reference, ["key", "query", "up"]) == [["query", "key"], ["up"]]
