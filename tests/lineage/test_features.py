"""registry.lineage.features: what a comparison reads of a fingerprint, as arrays."""

from dataclasses import replace

import models_made as made
import numpy as np

from registry.fingerprints.record import Branch
from registry.lineage.features import ComparedModel, ModelFeatures, Sketches
from registry.lineage.layer_table import spot_of
from registry.lineage.matrix_columns import CODES, DENSE, NOWHERE

ROOT = made.grown()


def test_what_is_compared_is_the_fingerprints(fingerprinted):
    """Digest, std vector and matrices are those of the fingerprint, spectra cut to 16 values."""
    root = fingerprinted("root", ROOT)
    model = ComparedModel.of(root)
    assert (model.digest, model.std_vector) == (root.digest, tuple(root.std_vector))
    digests = [(m.cast_digest or m.digest).encode() for m in root.matrices]
    assert model.matrices.digests.tolist() == digests
    assert model.matrices.spectrum_sizes.max() == 16
    assert model.family is None


def test_layers_hold_their_matrices_by_spot(fingerprinted):
    """Every layer has seven projections of its own."""
    table = ModelFeatures.of(fingerprinted("root", ROOT)).table
    assert len(table) == made.LAYERS
    assert np.bincount(table.layers).tolist() == [7] * made.LAYERS
    places = table.in_every_layer("key")
    assert table.layers[places].tolist() == list(range(made.LAYERS))
    assert (table.matrices.projections[places] == CODES["key"]).all()
    assert (table.in_every_layer("key", experts=0) == NOWHERE).all()


def test_several_matrices_of_one_kind_have_spots_of_their_own(fingerprinted):
    """Two shared experts of a layer are counted from 0; routed ones go by their numbers."""
    root = fingerprinted("root", ROOT)
    up = next(m for m in root.matrices if m.projection == "up")
    several = replace(root, matrices=(up, up, replace(up, expert=3)))
    table = ModelFeatures.of(several).table
    expected = [spot_of(CODES["up"], *spot) for spot in ((DENSE, 0), (DENSE, 1), (3, 0))]
    assert table.spots.tolist() == expected
    assert table.experts == [[3]]


def test_a_missing_sketch_is_zeros():
    """A branch without an embedding has no token sketch."""
    one = (1.0,) + (0.0,) * 255
    branches = [Branch(0, "mlp", one, None), Branch(1, "mlp", one, one)]
    tables = Sketches.of(branches).tables
    assert tables["token", "mlp"].any(1).tolist() == [False, True]
    assert not tables["stream", "attention"].any()
