"""registry.workflows.adapters: adapters are read with their labels, and merged where the base is at hand."""

import pytest
import torch
from adapters_made import write_adapter
from checkpoints_made import llama, write_folder

from registry.workflows.adapters import read_adapter

QUERY = "base_model.model.model.layers.{}.self_attn.q_proj"


def factors(scale=1.0, layers=2, rank=2, size=32):
    """A and B of the queries' adapter."""
    draw = torch.Generator().manual_seed(0)
    made = {}
    for layer in range(layers):
        module = QUERY.format(layer)
        made[f"{module}.lora_A.weight"] = torch.randn(rank, size, generator=draw)
        made[f"{module}.lora_B.weight"] = scale * torch.randn(size, rank, generator=draw)
    return made


@pytest.fixture
def folder(tmp_path):
    return write_adapter(tmp_path / "adapter", factors())


def test_a_label_stands_before_the_source(folder):
    """`emotions=FOLDER` gives the label, FOLDER alone none."""
    assert read_adapter(f"emotions={folder}").data == "emotions"
    assert read_adapter(str(folder)).data is None


def test_a_folder_may_hold_an_equals_sign(tmp_path):
    """What is there as a path is no label."""
    odd = write_adapter(tmp_path / "rank=2", factors())
    adapter = read_adapter(str(odd))
    assert adapter.data is None
    assert adapter.delta is not None


def test_an_untrained_adapter_has_no_delta(tmp_path):
    """B A is zero everywhere: it is read, without a fingerprint."""
    untrained = write_adapter(tmp_path / "untrained", factors(scale=0.0))
    assert read_adapter(str(untrained)).delta is None


def test_it_is_merged_into_the_weights_at_hand(folder, tmp_path):
    """The base's source is asked for by the name that the adapter declares."""
    base = write_folder(tmp_path / "base", llama(layers=2, hidden=32, keys=32))
    adapter = read_adapter(str(folder), lambda _: str(base))
    assert adapter.merged.kind == "model"
    assert adapter.delta.kind == "adapter"


def test_no_merge_where_the_base_cannot_be_known(tmp_path):
    """What CorDA took out of the base is not kept: the delta is shown, no merged weights."""
    settings = {"init_lora_weights": "corda", "r": 2}
    corda = write_adapter(tmp_path / "corda", factors(), **settings)
    base = write_folder(tmp_path / "base", llama(layers=2, hidden=32, keys=32))
    adapter = read_adapter(str(corda), lambda _: str(base))
    assert adapter.merged is None
    assert adapter.delta.adapter.method == "lora+corda"
