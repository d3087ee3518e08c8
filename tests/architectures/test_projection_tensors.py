"""registry.architectures.projection_tensors: what a tensor is cut into."""

from dataclasses import replace

import pytest
import torch
from architectures import ARCHITECTURES

from registry.architectures.layout import layout_of
from registry.architectures.projection_tensors import Layout, ProjectionTensor
from registry.checkpoints import Entry
from registry.checkpoints.dtypes import F32


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_shapes_are_those_of_the_cuts(saved, name):
    """What is said of a tensor's projections from its header is what cutting the tensor gives."""
    checkpoint = saved(name)[1]
    for site in layout_of(checkpoint).projections:
        assert site.shapes == tuple(tuple(part.shape) for part in site.cut(site.entry.load()))


def test_alternating_parts_are_gathered():
    """Of two groups of query, key and value each projection gets its rows of both, in order."""
    entry = Entry("qkv.weight", F32, (8, 1), lambda: torch.arange(8.0).view(8, 1))
    parts = ("query", "key", "value")
    tensor = ProjectionTensor(entry, "x", 0, parts, (None,) * 3, False, (4, 2, 2), groups=2)
    query, key, value = (part.flatten().tolist() for part in tensor.cut(entry.load()))
    assert (query, key, value) == ([0, 1, 4, 5], [2, 6], [3, 7])


def test_the_naming_of_most():
    """A layout is named after the naming that most of its tensors follow, of several the first by name."""
    entry = Entry("q", F32, (1, 1), torch.empty)
    tensor = ProjectionTensor(entry, "b", 0, ("query",), (None,), False, (1,), 1)
    tensors = (tensor, replace(tensor, naming="a"), replace(tensor, naming="c"))
    assert Layout(tensors, (), ()).naming == "a"
    assert Layout((*tensors, tensor), (), ()).naming == "b"
