"""registry.figures.layer_drift: how far each layer moved from its parent."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from adapters_made import write_adapter
from figures_made import fine_tuned, small_model

import registry
from registry.architectures.roles import PROJECTIONS
from registry.errors import NothingToDraw
from registry.figures import text_lineage
from registry.figures.layer_drift import LayerDrift
from registry.figures.lineage_figures import LayerNames, layers
from registry.fingerprints.record import NamedFingerprint

SCALE = 0.02  # of the change that fine_tuned makes to layer 1's query


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    parent = registry.fingerprint(small_model(folder / "parent"))
    child = registry.fingerprint(fine_tuned(folder / "child", layer=1, change=SCALE))
    return NamedFingerprint("child", child), NamedFingerprint("parent", parent)


def cell(drift: LayerDrift, layer: int, projection: str) -> float:
    """Return the drift of a projection of a layer."""
    return drift.drift[PROJECTIONS.index(projection), drift.layers.index(layer)]


def test_drift_stands_where_the_weights_were_changed(pair):
    """The changed matrix moved by about as much as it was changed; all others are equal."""
    drift = LayerDrift.between(*pair)
    assert cell(drift, 1, "query") == pytest.approx(SCALE, rel=0.2)
    others = drift.drift.copy()
    others[PROJECTIONS.index("query"), 1] = 0.0
    assert not others.any()
    assert drift.sources == drift.layers == (0, 1, 2, 3)
    assert drift.matrices.tolist() == np.ones((7, 4)).tolist()
    assert len(list(drift.cells())) == 28


def test_a_removed_layer_is_drawn_beside_its_source(pair):
    """A layer of a pruned child is compared with the one that it comes from, and named with it."""
    _, (_, whole) = pair
    matrices = tuple(replace(m, layer=m.layer - 1) for m in whole.matrices if m.layer)
    branches = tuple(replace(b, layer=b.layer - 1) for b in whole.branches if b.layer)
    pruned = replace(whole, matrices=matrices, branches=branches, layers=3, digest="0" * 64)
    named = NamedFingerprint("pruned", pruned), NamedFingerprint("whole", whole)
    drift = LayerDrift.between(*named)
    assert drift.sources == (1, 2, 3)
    assert LayerNames(drift)(0) == "0\n(1)"
    assert LayerNames(drift)(7) == ""


def test_an_adapter_beside_its_base(tmp_path, pair):
    """|B A| / |W| of the matrices that the adapter changes; the others have no drift."""
    _, base = pair
    size = base.fingerprint.hidden_size
    query = next(m for m in base.fingerprint.matrices if (m.layer, m.projection) == (2, "query"))
    weights = rank_one(rows=query.rows, cols=size)
    adapter = registry.fingerprint(write_adapter(tmp_path / "a", weights), rank=16)
    drift = LayerDrift.between(NamedFingerprint("a", adapter), base)
    [only] = drift.cells()
    delta = adapter.matrices[0]
    assert (only.layer, only.source, only.projection) == (2, 2, "query")
    assert only.drift == pytest.approx(delta.std / query.std, rel=1e-3)

    with pytest.raises(NothingToDraw, match="name the adapter first"):
        LayerDrift.between(base, NamedFingerprint("a", adapter))


def rank_one(rows: int, cols: int) -> dict[str, torch.Tensor]:
    """Return the factors of a delta of layer 2's query."""
    draw = torch.Generator().manual_seed(0)
    name = "layers.2.self_attn.q_proj.lora_{}.weight"
    return {
        name.format("A"): torch.randn(1, cols, generator=draw),
        name.format("B"): torch.randn(rows, 1, generator=draw),
    }


def test_other_shapes_have_no_drift(pair):
    """One sentence says so."""
    (_, child), parent = pair
    matrices = tuple(replace(matrix, rows=matrix.rows + 1) for matrix in child.matrices)
    wider = NamedFingerprint("wide", replace(child, matrices=matrices))
    with pytest.raises(NothingToDraw, match="'wide' has no matrix with a counterpart"):
        LayerDrift.between(wider, parent)


def test_drawn_and_written(pair):
    """A line of medians above the cells; a strip of blocks for every projection."""
    drawn = layers(pair)
    table = drawn.axes[1].images[0].get_array()
    assert table.shape == (7, 4)
    assert drawn.axes[0].lines[0].get_ydata().tolist() == [0, 0, 0, 0]
    lines = list(text_lineage.layers(pair))
    assert lines[0] == "child from parent"
    assert lines[2] == "  query    █  "


def test_equal_models_have_no_drift(pair):
    """Nothing moved: all cells are white, all blocks empty."""
    _, parent = pair
    table = layers((parent, parent)).axes[1].images[0].get_array()
    assert (table < 0.1).all()
    assert list(text_lineage.layers((parent, parent)))[-1] == "median 0.00%"


def test_many_layers_share_a_block(pair):
    """A strip is no wider than a terminal; the largest drift of neighbours is shown."""
    assert text_lineage.block(np.array([0.0, 1.0, np.nan]), 1.0) == "█"
    assert text_lineage.block(np.array([np.nan]), 1.0) == "-"
