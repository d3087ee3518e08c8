"""registry.architectures.adapter_merge: a base's weights with an adapter's deltas added."""

import pytest
import torch
from adapters_made import write_adapter
from checkpoints_made import llama, write_folder

from registry.architectures.adapter_merge import BaseTensors, is_transposed, merged, open_merged
from registry.checkpoints import Delta, Entry, open_checkpoint
from registry.checkpoints.dtypes import F32
from registry.errors import AdapterMismatch, BaseIsAdapter, NotAnAdapter

WEIGHT = "model.layers.0.self_attn.q_proj"


def entry(name, shape=(2, 2)):
    return Entry(name, F32, shape, lambda: torch.zeros(shape))


@pytest.fixture
def base(tmp_path):
    return write_folder(tmp_path / "base", llama())


@pytest.fixture
def adapter(tmp_path):
    name = f"base_model.model.{WEIGHT}.lora_{{}}.weight"
    factors = {name.format("A"): torch.ones(2, 16), name.format("B"): torch.ones(16, 2)}
    return write_adapter(tmp_path / "adapter", factors)


def test_deltas_are_added_when_weights_are_read(base, adapter):
    """The changed weight is base + scaling B A; every other is the base's."""
    whole = open_merged(adapter, base)
    weights = {entry.name: entry for entry in whole.entries}
    [delta] = [e for e in open_checkpoint(adapter).entries if isinstance(e, Delta)]
    stored = {entry.name: entry.load() for entry in open_checkpoint(base).entries}
    changed = f"{WEIGHT}.weight"
    assert torch.equal(weights[changed].load(), stored[changed] + delta.load())
    assert all(torch.equal(weights[n].load(), stored[n]) for n in stored if n != changed)
    assert whole.source == f"{adapter} merged into {base}"


def test_only_an_adapter_is_merged_into_a_model(base, adapter):
    """Two models, or two adapters, make no merge."""
    model, lora = open_checkpoint(base), open_checkpoint(adapter)
    with pytest.raises(NotAnAdapter, match="base"):
        merged(model, model)
    with pytest.raises(BaseIsAdapter, match="adapter"):
        merged(lora, lora)


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [(llama(hidden=32), "16 x 16, which is 32 x 32"), (llama(layers=0), "not there")],
    ids=["other shape", "no such weight"],
)
def test_an_adapter_of_another_base(tmp_path, adapter, tensors, reason):
    """What the adapter changes must be there, in its shape."""
    other = write_folder(tmp_path / "other", tensors or {"x.weight": torch.ones(2, 2)})
    with pytest.raises(AdapterMismatch, match=reason):
        open_merged(adapter, other)


@pytest.mark.parametrize(
    ("name", "found"),
    [("h.0.c.weight", "h.0.c.weight"), ("transformer.h.0.c.weight", "h.0.c.weight"),
     ("c.weight", "h.0.c.weight"), ("d.weight", None), ("e.weight", None)],
    ids=["same", "longer", "shorter", "several", "none"],
)  # fmt: skip
def test_either_name_may_have_a_prefix(name, found):
    """A tensor is found by the end of its name, if it is the only one."""
    tensors = BaseTensors([entry("h.0.c.weight"), entry("h.0.d.weight"), entry("h.1.d.weight")])
    place = tensors.find(name)
    assert (place and place.name) == found


@pytest.mark.parametrize(
    ("stored", "delta", "by_name", "expected"),
    [((2, 3), (2, 3), True, False), ((3, 2), (2, 3), False, True),
     ((2, 2), (2, 2), True, True), ((2, 2), (2, 2), False, False)],
    ids=["as it is", "the other way", "square, Conv1D", "square"],
)  # fmt: skip
def test_orientation_is_derived_from_the_shape(stored, delta, by_name, expected):
    """Where a weight is square its name decides."""
    assert is_transposed(entry("w", stored), entry("w", delta), by_name) is expected
