"""registry.lineage.layer_alignment: layers are matched by what they do to the residual stream."""

import models_made as made
import numpy as np
import pytest
from checkpoints_made import llama, write_folder

import registry
from registry.lineage.comparison import ModelComparison
from registry.lineage.features import ModelFeatures, Sketches
from registry.lineage.judgement import judge
from registry.lineage.layer_alignment import align, assignment_null

ROOT = made.grown()
INSIDE_BRANCHES = {
    "neurons": made.neurons_permuted,
    "heads": made.heads_permuted,
    "rescaled": made.rescaled,
    "signs flipped": made.signs_flipped,
    "norms folded": made.norms_folded,
}
STREAM_AXES = {"rotated": made.rotated, "stream permuted": made.stream_permuted}


def similarity(a, b, kind):
    return align(ModelFeatures.of(a).sketches, ModelFeatures.of(b).sketches, kind, 48).similarity


@pytest.mark.parametrize("name", INSIDE_BRANCHES)
def test_hidden_axes_change_no_sketch(fingerprinted, name):
    """Whatever is done between the two matrices of a branch, the branch does the same."""
    root, child = fingerprinted("root", ROOT), fingerprinted(name, INSIDE_BRANCHES[name](ROOT))
    for kind in ("stream", "token"):
        assert similarity(child, root, kind) > 0.999


@pytest.mark.parametrize("name", STREAM_AXES)
def test_the_tokens_axes_rotate_along(fingerprinted, name):
    """In the stream's own axes nothing is left, in those of the tokens everything."""
    root, child = fingerprinted("root", ROOT), fingerprinted(name, STREAM_AXES[name](ROOT))
    assert similarity(child, root, "token") > 0.999
    assert similarity(child, root, "stream") < 0.3


def test_another_seed_is_unrelated(fingerprinted):
    """Two independent models of one shape agree no more than chance."""
    comparison = ModelComparison.of(
        fingerprinted("seed 1", made.grown(1)), fingerprinted("root", ROOT)
    )
    assert max(comparison.numbers["stream"], comparison.numbers["token"]) < 5
    assert judge(comparison, "root", None).verdict in ("same family", "unknown")


@pytest.mark.parametrize("order", [[3, 2, 1, 0], [1, 0, 3, 2]], ids=str)
def test_reordered_layers_cost_nothing(fingerprinted, order):
    """Layers are matched by what they do."""
    child = ModelFeatures.of(fingerprinted(str(order), made.layers_taken(ROOT, order)))
    root = ModelFeatures.of(fingerprinted("root", ROOT))
    alignment = align(child.sketches, root.sketches, "stream", 48)
    assert alignment.pairs == tuple(enumerate(order))
    assert alignment.similarity > 0.999


@pytest.mark.parametrize(
    ("width", "seeds"), [(16, (1000, 1033)), (16, (1014, 1028)), (32, (1029, 1033))]
)
def test_narrow_independent_models_agree_by_chance(tmp_path, width, seeds):
    """All are sketched with the same signs, which matters where a stream is hardly wider than these."""
    prints = []
    for seed in seeds:
        tensors = llama(seed=seed, hidden=width, inner=width * 3 // 2, keys=width // 2)
        folder = write_folder(tmp_path / str(seed), tensors)
        prints.append(registry.fingerprint(folder, rank=16, threads=1))
    verdict = judge(ModelComparison.of(*prints), "other", None)
    assert verdict.verdict in ("same family", "unknown")


def test_nothing_in_common_is_not_aligned():
    """Without sketches of a kind there is no alignment."""
    nothing = Sketches.of(())
    assert align(nothing, nothing, "stream", 48) is None


def test_the_null_rises_with_the_number_of_candidates():
    """The best of more columns is larger by chance; a table of 1 x 1 has mean 0 and deviation 1."""
    few, many = assignment_null(4, 4), assignment_null(4, 32)
    assert many.mean > few.mean > 0
    single = assignment_null(1, 1)
    assert np.abs(single.mean) < 0.3
    assert single.deviation == pytest.approx(1, abs=0.3)
