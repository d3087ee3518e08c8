"""registry.lineage.features: what a comparison reads of a fingerprint, as arrays."""

from dataclasses import replace

import models_made as made

from registry.fingerprints.record import Branch
from registry.lineage.features import ComparedModel, ModelFeatures, Sketches

ROOT = made.grown()


def test_what_is_compared_is_the_fingerprints(fingerprinted):
    """Digest, std vector and matrices are those of the fingerprint, spectra cut to 16 values."""
    root = fingerprinted("root", ROOT)
    model = ComparedModel.of(root)
    assert (model.digest, model.std_vector) == (root.digest, tuple(root.std_vector))
    assert [m.digest for m in model.matrices] == [m.digest for m in root.matrices]
    assert max(len(m.singular_values) for m in model.matrices) == 16
    assert model.family is None


def test_layers_hold_their_matrices_by_spot(fingerprinted):
    """Every layer has seven projections of its own."""
    layers = ModelFeatures.of(fingerprinted("root", ROOT)).layers
    assert len(layers) == made.LAYERS
    assert all(len(layer) == 7 for layer in layers)
    assert ("query", -1, 0) in layers[0]


def test_several_matrices_of_one_kind_have_spots_of_their_own(fingerprinted):
    """Two shared experts of a layer are counted from 0; routed ones go by their numbers."""
    root = fingerprinted("root", ROOT)
    up = next(m for m in root.matrices if m.projection == "up")
    several = replace(root, matrices=(up, up, replace(up, expert=3)))
    (layer,) = ModelFeatures.of(several).layers
    assert set(layer) == {("up", -1, 0), ("up", -1, 1), ("up", 3, 0)}


def test_a_missing_sketch_is_zeros():
    """A branch without an embedding has no token sketch."""
    one = (1.0,) + (0.0,) * 255
    branches = [Branch(0, "mlp", one, None), Branch(1, "mlp", one, one)]
    tables = Sketches.of(branches).tables
    assert tables["token", "mlp"].any(1).tolist() == [False, True]
    assert not tables["stream", "attention"].any()
