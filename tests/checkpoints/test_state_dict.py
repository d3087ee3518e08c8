"""registry.checkpoints.formats.state_dict."""

import pytest

from registry.checkpoints.dtypes import F32
from registry.checkpoints.formats.rebuilt import Storage, View
from registry.checkpoints.formats.state_dict import state_dict
from registry.checkpoints.formats.tables import MalformedError
from registry.checkpoints.limits import limit

TENSOR = View(Storage("0", F32, 4, 0, 4), F32, 0, (2, 2), (2, 1))
SIZE = 1000


def test_a_table_within_itself():
    """A table that is its own part, or lies deep in others, ends in an error."""
    cyclic: dict[str, object] = {"a": TENSOR}
    cyclic["self"] = cyclic
    deep: dict[str, object] = {"a": TENSOR}
    for _ in range(limit("pickle-depth") + 1):
        deep = {"a": deep}
    for content in (cyclic, deep):
        with pytest.raises(MalformedError, match="deeper or hold more"):
            state_dict(content, SIZE)


def test_tables_that_hold_each_other():
    """Tables of which each holds the next one twice are counted by the ways into them."""
    content: dict[str, object] = {"a": 1}
    for _ in range(40):
        content = {"a": content, "b": content}
    with pytest.raises(MalformedError, match="deeper or hold more"):
        state_dict(content, SIZE)


def test_one_tensor_under_too_many_names():
    """The names of tensors are counted."""
    content = {str(number): TENSOR for number in range(limit("pickle-tensors", SIZE))}
    assert len(state_dict(content, SIZE)) == len(content)
    with pytest.raises(MalformedError, match="more than 65,536 names of tensors"):
        state_dict(content | {"one more": TENSOR}, SIZE)


def test_a_name_that_is_too_long():
    """A tensor's name has a longest length."""
    half = "x" * (limit("pickle-name") // 2)
    assert state_dict({half: {half: TENSOR}}, SIZE)
    with pytest.raises(MalformedError, match="more than 2,048 characters"):
        state_dict({half: {half: {"x": TENSOR}}}, SIZE)
