"""registry.characteristic.vectors: singular-value vectors and their distances."""

import numpy as np
import pytest
from characteristics_made import NAMES, grouped, model

import registry
from registry.characteristic.groups import characteristic
from registry.characteristic.vectors import all_vectors, between, cosine_distances, vectors, within
from registry.errors import IdenticalLayers, RankNotStored, TooFewLayers


def test_distances_are_one_less_cosine():
    """Exact for small ones too, zero for equal vectors, whatever their lengths."""
    rows = np.random.default_rng(0).random((5, 16))
    expected = 1 - rows @ rows.T / np.outer(
        np.linalg.norm(rows, axis=1), np.linalg.norm(rows, axis=1)
    )
    assert cosine_distances(rows, 3 * rows) == pytest.approx(expected, abs=1e-14)
    near = rows + 1e-9 * np.eye(5, 16)
    assert 0 < cosine_distances(rows, near)[0, 0] < 1e-17


def test_every_pair_counts_once_and_zeros_do_not(tmp_path):
    """112 vectors of a model with 16 layers make 112 * 111 / 2 distances, two projections 16 * 16."""
    fingerprint = registry.fingerprint(model(tmp_path / "m", grouped([list(NAMES)])), rank=64)
    found = vectors(fingerprint, 64)
    whole = within(all_vectors(found))
    assert whole.table.shape == (112, 112)
    assert len(whole.values) <= 112 * 111 // 2
    assert (whole.values > 0).all()
    assert between(found["query"], found["gate"]).table.shape == (16, 16)
    assert between(found["query"], found["gate"]).name == "query-gate"


def test_what_cannot_be_compared_is_told(tmp_path):
    """Too few layers with the number that is needed, equal layers, and a rank that is not there."""
    spectra = grouped([list(NAMES)])
    few = registry.fingerprint(
        model(tmp_path / "few", {p: rows[:3] for p, rows in spectra.items()}), rank=16
    )
    with pytest.raises(TooFewLayers, match="has 3 such matrices, and 5 are needed"):
        characteristic(few)
    equal = {projection: np.tile(spectra["query"][:1], (16, 1)) for projection in spectra}
    with pytest.raises(IdenticalLayers, match="layers that were copied"):
        characteristic(registry.fingerprint(model(tmp_path / "equal", equal), rank=16))
    with pytest.raises(RankNotStored, match="again with --rank 64"):
        vectors(few, 64)
