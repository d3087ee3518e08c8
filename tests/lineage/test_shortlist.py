"""registry.lineage.shortlist: in which order likely relatives are compared in full."""

import numpy as np

from registry.lineage.features import Sketches
from registry.lineage.shortlist import NEAREST, TOGETHER, cosine, likeliest

DRAW = np.random.Generator(np.random.PCG64(0))
ORIGIN = DRAW.standard_normal((4, 256))


def sketches(table):
    """Give the sketches of a model whose branches all have one table, 4 layers x 256."""
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    kinds = [(kind, branch) for kind in ("stream", "token") for branch in ("attention", "mlp")]
    return Sketches(dict.fromkeys(kinds, unit))


def changed(by, seed):
    """Give the sketches of the origin moved by a part of its size."""
    draw = np.random.Generator(np.random.PCG64(seed))
    return sketches(ORIGIN + by * draw.standard_normal(ORIGIN.shape))


def test_the_most_alike_go_first():
    """Whatever the order in which they were registered."""
    others = {f"by {by}": changed(by, seed) for seed, by in enumerate((0.5, 0.1, 0.3), 10)}
    assert likeliest(sketches(ORIGIN), others) == ["by 0.1", "by 0.3", "by 0.5"]


def test_copies_do_not_crowd_out_another_parent():
    """Of all but the nearest copies a few go first, in the order of registration."""
    model = changed(0.5, 1)
    nearest = {"nearest": changed(0.5, 1)}
    copies = {f"copy {number}": sketches(ORIGIN) for number in range(NEAREST + TOGETHER)}
    others = nearest | copies | {"far": changed(0.9, 2)}
    names = likeliest(model, others)
    first = ["nearest", *list(copies)[:TOGETHER], "far"]
    assert names[: len(first)] == first
    assert sorted(names) == sorted(others)


def test_copies_of_the_nearest_keep_together():
    """One of them may be what the model was made from."""
    copies = {f"copy {number}": sketches(ORIGIN) for number in range(NEAREST)}
    names = likeliest(changed(0.1, 1), copies | {"far": changed(0.9, 2)})
    assert names == [*copies, "far"]


def test_models_of_another_depth_have_no_cosine():
    """Their layers have no order in common."""
    assert cosine(sketches(ORIGIN), sketches(ORIGIN)) > 0.999
    assert cosine(sketches(ORIGIN), sketches(ORIGIN[:3])) == 0
