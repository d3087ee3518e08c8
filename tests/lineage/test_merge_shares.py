"""registry.lineage.merge_shares: sketches are linear, so a merge shows its parents' shares."""

import models_made as made
import pytest

from registry.lineage.features import ModelFeatures
from registry.lineage.fits import Candidate, fits
from registry.lineage.merge_shares import merge_of

ROOT = made.grown()
TUNED = {name: made.tuned(ROOT, 0.2, seed) for seed, name in enumerate(["one", "two", "three"], 1)}
PLACES = (0, 1, 2, 3)


@pytest.fixture
def candidates(fingerprinted):
    """The root and three fine-tunes of it."""
    every = []
    for name, tensors in {"root": ROOT, **TUNED}.items():
        features = ModelFeatures.of(fingerprinted(f"merged {name}", tensors))
        every.append(Candidate(name, features, PLACES))
    return every


def mixed(**shares):
    """The sum of tensors, each model's in its share."""
    models = {"root": ROOT, **TUNED}
    return {key: sum(share * models[name][key] for name, share in shares.items()) for key in ROOT}


@pytest.mark.parametrize(
    "shares",
    [
        {"one": 0.3, "two": 0.7},
        {"one": 0.2, "two": 0.3, "three": 0.5},
        {"root": 0.2, "one": 0.4, "two": 0.4},
    ],
    ids=["two", "three", "task arithmetic"],
)
def test_a_merge_names_its_parents_and_their_shares(fingerprinted, candidates, shares):
    """All parents and no other, within .01, the same in all layers."""
    model = ModelFeatures.of(fingerprinted(f"mix of {shares}", mixed(**shares)))
    merge = merge_of(fits(model, candidates))
    assert dict(zip(merge.names, merge.shares, strict=True)) == pytest.approx(shares, abs=0.01)
    assert merge.left < 0.01
    assert merge.by_layer == ()
    assert list(merge.shares) == sorted(merge.shares, reverse=True)


def test_a_fine_tune_beside_its_siblings_is_no_merge(fingerprinted, candidates):
    """No parent is invented, though the root and three siblings are there."""
    tuned = ModelFeatures.of(fingerprinted("tuned apart", made.tuned(ROOT, 0.2, 9)))
    assert merge_of(fits(tuned, candidates)) is None


def test_layers_of_two_models_are_told_layer_by_layer(fingerprinted, candidates):
    """Though the second parent is independent of the first."""
    stranger = made.grown(5)
    half = {}
    for key, tensor in ROOT.items():
        from_stranger = key.startswith(("model.layers.2.", "model.layers.3."))
        half[key] = stranger[key] if from_stranger else tensor
    model = ModelFeatures.of(fingerprinted("half and half", half))
    other = Candidate("stranger", ModelFeatures.of(fingerprinted("stranger", stranger)), PLACES)
    merge = merge_of(fits(model, [*candidates, other]))
    assert dict(zip(merge.names, merge.shares, strict=True)) == pytest.approx(
        {"root": 0.5, "stranger": 0.5}, abs=0.01
    )
    in_layers = [dict(zip(merge.names, shares, strict=True)) for shares in merge.by_layer[-4:]]
    assert [round(shares["stranger"]) for shares in in_layers] == [0, 0, 1, 1]


def test_a_copy_has_nothing_to_explain(fingerprinted, candidates):
    """The root itself is no merge."""
    root = ModelFeatures.of(fingerprinted("merged root", ROOT))
    assert merge_of(fits(root, candidates)) is None
    assert merge_of(fits(root, candidates[:1])) is None
