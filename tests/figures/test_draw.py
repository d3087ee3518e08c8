"""registry.figures and the command plot: the data that is drawn is that of the fingerprint."""

import json

import models_made as made
import numpy as np
import pytest
import torch
from characteristics_made import grouped, model
from checkpoints_made import write_folder
from click.testing import CliRunner
from places import EXAMPLES

import cli
import registry
from registry.architectures.roles import PROJECTIONS
from registry.characteristic.vectors import vectors
from registry.errors import NothingToDraw
from registry.figures import benchmark_figures, fingerprint_figures, law_figures, text_figures
from registry.figures.benchmark_figures import LossCurve, LossCurves
from registry.figures.draw import as_text
from registry.figures.kinds import KINDS, Subject
from registry.numerics.histograms import BINS, SIDE, edges, histogram


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A model of four layers, and one of sixteen that the generator made."""
    folder = tmp_path_factory.mktemp("models")
    small = write_folder(folder / "small", {name: t.bfloat16() for name, t in made.grown().items()})
    groups = [["query", "key", "gate"], ["value", "output", "up", "down"]]
    return [
        ("small", registry.fingerprint(small)),
        ("made", registry.fingerprint(model(folder / "made", grouped(groups)))),
    ]


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
    expected = fingerprint_figures.principal_plane("small", fingerprint, 16).points
    for point, label in zip(expected, fingerprint.clusterings[0].labels, strict=True):
        assert bool(points[tuple(np.round(point, 9))]) == bool(label)


def test_densities(models):
    """A curve for every projection whose area is one, of all weights."""
    for line in fingerprint_figures.densities(models[:1]).axes[0].lines:
        assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(1, abs=0.01)


def test_distances(models):
    """Every vector with every other, projection by projection."""
    name, fingerprint = models[1]
    shown = np.asarray(law_figures.distances([(name, fingerprint)]).axes[0].images[0].get_array())
    rows = np.concatenate([own.rows for own in vectors(fingerprint, 16).values()])
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert shown == pytest.approx(unit @ unit.T, abs=1e-12)


def test_laws(models):
    """The histogram's area is the share that is shown, and the title says which law it is."""
    axes = law_figures.laws(models[1:]).axes[0]
    assert axes.get_title().startswith("made: ")
    assert sum(bar.get_height() * bar.get_width() for bar in axes.patches) == pytest.approx(1)


def test_a_polar_plot_turns_once(models):
    """Counts add up to all distances that are not zero."""
    axes = law_figures.polar(models[1:]).axes[0]
    assert sum(bar.get_height() for bar in axes.patches) <= 16 * 16
    assert max(bar.get_x() for bar in axes.patches) < 2 * np.pi


def test_losses():
    """A curve and a band for every start."""
    curve = LossCurve(mean=(3.0, 2.0, 1.0), low=(2.9, 1.9, 0.9), high=(3.1, 2.1, 1.1))
    measured = LossCurves(20, {"default": curve, "pissa": curve})
    axes = benchmark_figures.losses(measured).axes[0]
    assert [line.get_label() for line in axes.lines] == ["default", "pissa"]
    assert axes.lines[0].get_xdata() == pytest.approx([0, 10, 20])
    assert len(axes.collections) == 2


def test_paths(tmp_path):
    """From no update on, a point for every adapter; models have none."""
    from adapters_made import write_adapter

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
    from dataclasses import replace

    with pytest.raises(NothingToDraw, match="ingest it again"):
        fingerprint_figures.densities([("old", replace(shallow, histograms=()))])


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"loss", "generator", "paths"}))
def test_lines_fit_a_terminal(models, kind):
    """Of every kind, 80 columns at most."""
    text = as_text(kind, Subject(tuple(models)))
    assert text
    assert max(map(len, text.splitlines())) <= 80


def test_a_curve_of_blocks():
    """The largest value is a full block, and what is at the bottom is blank."""
    assert text_figures.curve_line([0, 1, 2, 4]) == " ▂▄█"


# --- histograms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64], ids=str
)
@pytest.mark.parametrize("shape", [(7, 9), (300, 500)], ids=["by torch", "compiled"])
def test_every_weight_is_counted(dtype, shape):
    """As numpy counts them, however they lie; the bins' lower ends belong to them, mirrored below zero."""
    values = (0.05 * torch.randn(*shape, generator=torch.Generator().manual_seed(0))).to(dtype)
    expected, _ = np.histogram(np.abs(values.double().numpy()), edges()[SIDE + 1 :])
    found = histogram(values)
    assert found.sum() == values.numel()
    assert (found[SIDE + 1 :] + found[:SIDE][::-1]).tolist() == expected.tolist()
    assert histogram(values.T).tolist() == found.tolist()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU to count on")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_on_a_gpu(dtype):
    """The same counts."""
    values = (0.05 * torch.randn(300, 500, generator=torch.Generator().manual_seed(0))).to(dtype)
    assert histogram(values.cuda()).tolist() == histogram(values).tolist()


def test_ends_and_holes():
    """Tiny values are zero, huge ones are the largest, and what is no number is not counted."""
    found = histogram(torch.tensor([0.0, -0.0, 1e-9, 300.0, -300.0, float("nan"), float("inf")]))
    assert (found[SIDE], found[-1], found[0], found.sum()) == (3, 1, 1, 5)
    assert len(edges()) == BINS + 1


# --- the command ----------------------------------------------------------------------------------------------------


def run(*arguments):
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def test_the_command(url, tmp_path):
    """Lines without a file; the same file twice; a sentence for everything that is no picture."""
    assert run("ingest", EXAMPLES / "llama-tiny").exit_code == 0
    assert "query   ████" in run("plot", "clusters", "llama-tiny").stdout
    for name in ("a.svg", "b.svg", "c.png"):
        assert (
            run(
                "plot", "std", "llama-tiny", EXAMPLES / "qwen-tiny", "-o", tmp_path / name
            ).exit_code
            == 0
        )
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert run("plot", "generator", "-o", tmp_path / "g.svg").exit_code == 0
    (tmp_path / "loss.json").write_text("a table\n" + json.dumps({"steps": 1, "ways": {}}))
    for wrong, told in {
        ("std",): "drawn of models",
        ("generator", "llama-tiny"): "drawn of nothing",
        ("loss", tmp_path / "nowhere.json"): "JSON file",
        ("std", "llama-tiny", "-o", tmp_path / "a.pdf"): ".png or .svg",
        ("std", "llama-tiny", "-o", tmp_path / "no" / "a.svg"): "cannot be written",
    }.items():
        result = run("plot", *wrong)
        assert (result.exit_code, told in result.output) == (1, True), result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.svg",
        "b.svg",
        "c.png",
        "g.svg",
        "loss.json",
    ]
