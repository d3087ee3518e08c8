"""registry.lineage.expert_matching: experts are recognised whatever their numbers."""

import models_made as made
import pytest
import resized_made as resized

from registry.lineage.expert_matching import expert_cosines, expert_sources
from registry.lineage.features import ModelFeatures
from registry.lineage.layer_table import Layer

ROOT = made.grown()


@pytest.fixture(scope="module")
def layer(fingerprinted):
    """Give the first layer of a model with some of four experts."""

    def of(kept):
        tensors = resized.with_experts(ROOT, kept=kept)
        features = ModelFeatures.of(fingerprinted(f"experts {kept}", tensors))
        return Layer(features.table, 0)

    return of


def test_experts_in_another_order_are_found(layer):
    """Each expert comes from the one that it equals."""
    assert expert_sources(layer((2, 0, 3, 1)), layer((0, 1, 2, 3))) == {0: 2, 1: 0, 2: 3, 3: 1}


def test_experts_that_were_pruned_have_no_counterpart(layer):
    """Of four experts two are left, under new numbers."""
    assert expert_sources(layer((1, 3)), layer((0, 1, 2, 3))) == {0: 1, 1: 3}


def test_a_dense_layer_is_the_source_of_all_experts(layer, fingerprinted):
    """Experts that stand where an MLP stood come from it, and an MLP from the first expert."""
    dense = Layer(ModelFeatures.of(fingerprinted("root", ROOT)).table, 0)
    assert expert_sources(layer((0, 1, 2, 3)), dense) == {0: -1, 1: -1, 2: -1, 3: -1}
    assert expert_sources(dense, layer((0, 1, 2, 3))) == {-1: 0}
    assert expert_sources(dense, dense) == {}


def test_equal_experts_have_a_cosine_of_one(layer):
    """Every expert is most alike itself."""
    cosines = expert_cosines(layer((0, 1, 2, 3)), layer((0, 1, 2, 3)))
    assert cosines.diagonal() == pytest.approx([1, 1, 1, 1])
    assert layer((1, 3)).experts == [0, 1]
