"""Pairs that people reported trouble with: what became of a parent, made by generators beside the data."""

import pytest

import registry
from registry.lineage.comparison import ModelComparison
from registry.lineage.judgement import judge
from registry.lineage.verdict import Relation

CHANGED = {
    ("embedding_only_trained", "child16", "parent"): {"tensors changed: embedding"},
    ("head_reinitialised", "child16", "parent"): {"tensors changed: head"},
    ("head_reinitialised", "child32", "parent"): {"tensors changed: head"},
    ("kv_heads_repeated", "mha", "gqa"): {"key and value heads"},
    ("mla_compressions_trained", "child16", "parent"): {"tensors changed: latent"},
    ("router_trained", "child16", "parent"): {"tensors changed: router"},
    ("width_pruned", "mlp16", "parent"): {"neurons"},
    ("width_pruned", "heads16", "parent"): {"query heads", "key and value heads"},
}


@pytest.fixture
def verdict(case):
    """Give the verdict on a model of a case beside another."""

    def of(generator, model, other):
        folder = case(generator)
        a, b = (registry.fingerprint(folder / name, rank=16) for name in (model, other))
        return judge(ModelComparison.of(a, b), other, None)

    return of


@pytest.mark.parametrize("pair", CHANGED, ids="/".join)
def test_what_was_changed_is_told(verdict, pair):
    """Derived, not the same weights, and by what."""
    answer = verdict(*pair)
    assert answer.verdict == Relation.DERIVED
    assert CHANGED[pair] <= {named(change) for change in answer.changes}


def test_two_layouts_of_a_model_are_the_same_weights(verdict):
    """Meta's rows of query and key, and those of its conversion."""
    assert verdict("meta_vs_hf", "meta", "hf").verdict == Relation.SAME_WEIGHTS


def named(change):
    """Give a change's kind, with its group where it has one."""
    outside = str(change.kind) == "tensors changed"
    return f"{change.kind}: {change.parts[0]}" if outside else str(change.kind)
