"""registry.checkpoints.quantised.group: what the config states of a group."""

import pytest
from quantised_made import AWQ, GPTQ, PACKED, TABLE, in_memory, under

from registry.checkpoints.quantised import dequantised
from registry.checkpoints.quantised.group import Group
from registry.errors import BrokenQuantisation

SHAPELESS = [
    {"quantization_config": x}
    for x in (None, 3, "gptq", [], {"config_groups": 3, "group_size": "x"})
]
SHAPELESS += [
    {"text_config": 7},
    {"quantization_config": {"config_groups": {"a": 1, "b": {"weights": 2}}}},
]
SHAPELESS += [{"quantization_config": {"weight_block_size": [None, "x"], "group_size": 1e300}}]


@pytest.mark.parametrize("config", SHAPELESS, ids=str)
def test_nonsense_in_the_config_is_passed_over(config):
    """Where the shapes tell everything, the config may say what it likes."""
    for parts in (GPTQ, AWQ, TABLE, PACKED):
        (entry,) = dequantised(in_memory(under("x", parts)), config)
        assert entry.load().shape == (64, 64)


def test_what_settings_state():
    """A setting stands at the top, or among the weights of compressed-tensors' config groups."""
    config_groups = {"a": {"weights": {"num_bits": 4}}, "b": {"weights": None}, "c": 3}
    group = Group("x.weight", "x", {}, {"num_bits": 8, "config_groups": config_groups})
    assert group.stated("num_bits") == [8, 4]
    assert group.stated("group_size") == []


@pytest.mark.parametrize(
    ("inputs", "groups", "size"), [(64, 2, 32), (64, 3, 24), (64, 1, 64), (10, 3, 4)]
)
def test_sizes_of_groups(inputs, groups, size):
    """The config's size counts where it gives so many groups; else groups are as even as can be."""
    group = Group("x.weight", "x", {}, {"group_size": 24})
    assert group.group_size(inputs, groups) == size


def test_groups_that_inputs_do_not_fall_into():
    """Ten inputs make no seven groups of one size."""
    group = Group("x.weight", "x", {}, {})
    with pytest.raises(BrokenQuantisation, match="10 inputs do not fall into 7 groups"):
        group.group_size(10, 7)
