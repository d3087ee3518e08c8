"""registry.lineage.tensor_pairs: tensors outside the projections beside their counterparts."""

import pytest

from registry.fingerprints.record import Tensor
from registry.lineage.tensor_pairs import TensorPair, match, own_tensors

ZEROS = (0.0,) * 15


def tensor(name, digest, group="norm", shape=(4,), first=2.0, length=2.0):
    return Tensor(
        name=name,
        group=group,
        layer=0,
        shape=shape,
        length=length,
        digest=digest,
        cast_digest=None,
        sketch=(first, *ZEROS),
    )


def names(pairs):
    return [(pair.later.name, pair.earlier.name) for pair in pairs]


def test_equal_values_are_matched_first():
    """Whatever their names."""
    later = [tensor("attn_norm.weight", "1"), tensor("ffn_norm.weight", "2")]
    earlier = [
        tensor("post_attention_layernorm.weight", "2"),
        tensor("input_layernorm.weight", "1"),
    ]
    assert names(match(later, earlier)) == [
        ("attn_norm.weight", "input_layernorm.weight"),
        ("ffn_norm.weight", "post_attention_layernorm.weight"),
    ]


def test_names_come_before_shapes():
    """Of tensors that changed, those of one name belong together, then those of one shape."""
    later = [tensor("a.weight", "1"), tensor("new.weight", "3")]
    earlier = [tensor("old.weight", "4"), tensor("a.weight", "2")]
    assert names(match(later, earlier)) == [("a.weight", "a.weight"), ("new.weight", "old.weight")]


def test_copies_of_the_embedding_are_no_heads():
    """A tied head that is stored counts once."""
    embedding = tensor("embed_tokens.weight", "1", "embedding")
    copied, own = tensor("lm_head.weight", "1", "head"), tensor("score.weight", "2", "head")
    assert own_tensors([embedding, copied, own]) == [embedding, own]


def test_distances_come_from_sketches():
    """Equal values are at no distance; others as far as their sketches."""
    pair = TensorPair(tensor("a", "1", first=2.5), tensor("a", "2"))
    assert pair.distance == pytest.approx(0.5)
    assert TensorPair(tensor("a", "1", first=2.5), tensor("a", "1")).distance == 0
    assert pair.permuted
    assert not TensorPair(tensor("a", "1", length=2.5), tensor("a", "2")).permuted


def test_exchanged_values_are_changes():
    """Of tensors whose names and shapes agree, equal values under other names match nothing."""
    later = [tensor("a.weight", "1"), tensor("b.weight", "2")]
    earlier = [tensor("a.weight", "2"), tensor("b.weight", "1")]
    pairs = match(later, earlier)
    assert names(pairs) == [("a.weight", "a.weight"), ("b.weight", "b.weight")]
    assert not any(pair.same for pair in pairs)
