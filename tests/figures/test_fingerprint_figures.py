"""registry.figures.fingerprint_figures: the data that is drawn is that of the fingerprint."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from adapters_made import write_adapter
from figures_made import two_models
from places import EXAMPLES

import registry
from registry.architectures.roles import PROJECTIONS
from registry.errors import NothingToDraw
from registry.figures import figure_data, fingerprint_figures, numbers, text_figures
from registry.figures.kinds import Subject


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return two_models(tmp_path_factory.mktemp("models"))


def test_std_vectors(models):
    """A line for every model, over its largest entry."""
    drawn = fingerprint_figures.std(models).axes[0].lines
    for line, (name, fingerprint) in zip(drawn, models, strict=True):
        assert line.get_label() == name
        assert line.get_ydata() == pytest.approx(np.array(fingerprint.std) / max(fingerprint.std))


def test_clustering_vectors(models):
    """A bar for every projection and model."""
    bars = fingerprint_figures.clusters(models).axes[0].containers
    for container, (_, fingerprint) in zip(bars, models, strict=True):
        assert [bar.get_height() for bar in container] == pytest.approx(
            fingerprint.clusterings[0].vector
        )


def test_labels(models):
    """A cell for every projection and layer."""
    for axes, (_, fingerprint) in zip(
        fingerprint_figures.labels(models).axes, models, strict=False
    ):
        table = np.asarray(axes.images[0].get_array())
        assert table.shape == (len(PROJECTIONS), fingerprint.layers)
        own = [table[PROJECTIONS.index(m.projection), m.layer] for m in fingerprint.matrices]
        assert own == list(fingerprint.clusterings[0].labels)


def test_pca(models):
    """A point for every matrix, filled in query's cluster."""
    axes = fingerprint_figures.pca(models[:1]).axes[0]
    points = {
        tuple(np.round(xy, 9)): len(c.get_facecolor())
        for c in axes.collections
        for xy in c.get_offsets()
    }
    fingerprint = models[0][1]
    expected = figure_data.principal_plane("small", fingerprint, 16).points
    for point, label in zip(expected, fingerprint.clusterings[0].labels, strict=True):
        assert bool(points[tuple(np.round(point, 9))]) == bool(label)


def test_densities(models):
    """A curve for every projection whose area is one, of all weights."""
    for line in fingerprint_figures.densities(models[:1]).axes[0].lines:
        assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(1, abs=0.01)


def test_paths(tmp_path):
    """From no update on, a point for every adapter, by step where names state it; models have none."""
    draw = torch.Generator().manual_seed(0)
    end = {
        f"layers.{i}.self_attn.{p}_proj.lora_{x}.weight": torch.randn(8, 8, generator=draw)
        for i in range(3)
        for p in "qv"
        for x in "AB"
    }
    shares = (0.25, 0.5, 1.0)
    adapters = [
        write_adapter(
            tmp_path / str(share),
            {name: t * share if "lora_B" in name else t for name, t in end.items()},
        )
        for share in shares
    ]
    models = [
        (str(share), registry.fingerprint(folder, rank=16))
        for share, folder in zip(shares, adapters, strict=True)
    ]
    points = fingerprint_figures.paths(models).axes[0].lines[0].get_xydata()
    lengths = np.linalg.norm(points, axis=1)
    assert lengths / lengths[-1] == pytest.approx([0, *shares], abs=1e-6)
    assert len(list(text_figures.paths(models))) == 3

    named = [f"checkpoint-{step}" for step in (1000, 250, 500)]
    turned = list(zip(named, [models[2][1], models[0][1], models[1][1]], strict=True))
    in_order = fingerprint_figures.paths(turned).axes[0].lines[0].get_xydata()
    assert in_order == pytest.approx(points)
    assert [row[:2] for row in numbers.as_table("paths", Subject(tuple(turned))).rows] == [
        ("0", 0),
        ("checkpoint-250", 250),
        ("checkpoint-500", 500),
        ("checkpoint-1000", 1000),
    ]
    with pytest.raises(NothingToDraw, match="give adapters"):
        fingerprint_figures.paths(
            [("tiny", registry.fingerprint(EXAMPLES / "llama-tiny", rank=16))]
        )


def test_what_is_not_there_is_told(models):
    """A deeper clustering than is stored, and weights that were not counted."""
    shallow = registry.fingerprint(EXAMPLES / "llama-tiny", rank=16)
    with pytest.raises(
        NothingToDraw, match="clustering at rank 64 to draw; ingest it with --rank 64"
    ):
        fingerprint_figures.clusters([("tiny", shallow)], 64)

    with pytest.raises(NothingToDraw, match="ingest it again"):
        fingerprint_figures.densities([("old", replace(shallow, histograms=()))])
