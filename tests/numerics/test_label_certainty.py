"""registry.numerics.label_certainty."""

from dataclasses import replace

import numpy as np
import pytest
from spectra_made import spectra

from registry.numerics.kmeans import Clusters, cluster, lloyd
from registry.numerics.label_certainty import undetermined, unit_errors
from registry.numerics.unit_vectors import normalised


def settled(points: np.ndarray, clusters: Clusters) -> np.ndarray:
    """Where Lloyd's iteration ends that starts at the labels."""
    labels = np.array(clusters.labels)
    return lloyd(points - points.mean(0), labels[None], labels.max() + 1)[0]


def towards(direction: np.ndarray) -> np.ndarray:
    """Rows of unit length."""
    return direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-300)


def adversaries(points: np.ndarray, clusters: Clusters, seed: int):
    """Unit directions for all points: random ones, all across the boundary, and every centroid against one point."""
    labels, draw = np.array(clusters.labels), np.random.default_rng(seed)
    centroids = np.array([points[labels == c].mean(0) for c in range(labels.max() + 1)])
    for _ in range(5):
        yield towards(draw.normal(size=points.shape))
    for name in range(len(centroids)):
        yield towards(centroids[name] - points)
    for target in np.argsort(clusters.margins)[:8]:
        own = labels == labels[target]
        away = towards(
            np.where(
                own[:, None], centroids[labels] - points[target], points[target] - centroids[labels]
            )
        )
        others = np.delete(centroids, labels[target], 0)
        nearest = others[((others - points[target]) ** 2).sum(1).argmin()]
        away[target] = towards((nearest - points[target])[None])
        yield away


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("size", [1e-5, 1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("seed", range(4))
def test_certain_labels_survive_every_perturbation(seed, size, k):
    """Lloyd's iteration on points within the errors, worst directions included, leaves certain labels alone."""
    points = spectra(seed, 300)
    errors = size * np.random.default_rng(seed).uniform(0.1, 1, 300)
    found = cluster(points, k)
    certain = np.ones(300, dtype=bool)
    certain[list(undetermined(points, errors, found))] = False
    for direction in adversaries(points, found, seed):
        moved = settled(points + errors[:, None] * direction, found)
        assert (moved == np.array(found.labels))[certain].all()


@pytest.mark.parametrize("size", [1e-7, 1e-5, 1e-4])
@pytest.mark.parametrize("seed", range(12))
def test_clustering_anew_keeps_certain_labels(seed, size):
    """K-Means from the start on points within errors as wide as those of spectra finds the certain labels again."""
    points = spectra(seed, 112)
    errors = np.full(112, size)
    found = cluster(points, 2)
    certain = np.setdiff1d(np.arange(112), undetermined(points, errors, found))
    for direction in adversaries(points, found, seed):
        again = np.array(cluster(points + size * direction, 2).labels)[certain]
        assert len(set(zip(again, np.array(found.labels)[certain], strict=True))) <= 2


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize(
    ("size", "most"), [(0, 0), (1e-7, 0), (1e-5, 3)], ids=["exact", "1e-7", "1e-5"]
)
def test_nearly_all_labels_are_certain(size, most, k):
    """Of 600 spectra that are known to 1e-5 at most three labels are undetermined, of exact ones none."""
    for seed in range(4):
        points = spectra(seed, 600)
        assert len(undetermined(points, np.full(600, size), cluster(points, k))) <= most


def test_large_errors_leave_nothing_certain():
    """Errors as wide as the clusters are apart make every label undetermined."""
    points = spectra(0, 60)
    assert undetermined(points, np.full(60, 1.0), cluster(points, 2)) == tuple(range(60))


@pytest.mark.parametrize(
    ("middle", "error", "expected"),
    [(2.0, 0.0, (2,)), (1.9, 0.0, ()), (1.9, 0.02, ()), (1.9, 0.06, (2,))],
    ids=["on the boundary", "beside it", "error below the margin", "error above the margin"],
)
def test_a_point_near_the_boundary(middle, error, expected):
    """Only the point that can reach the boundary is undetermined: here others have wide margins."""
    points = np.array([-middle, 0.0, middle, *[0.0] * 200, *[4.0] * 200])[
        :, None
    ]  # centroids at 0 and 4
    clusters = Clusters(labels=(0,) * 203 + (1,) * 200, inertia=2 * middle**2, margins=(0.0,) * 403)
    assert undetermined(points, np.full(403, error), clusters) == expected


def test_points_that_follow_an_undetermined_one():
    """A point that keeps its label only while an undetermined one does is undetermined too."""
    points = np.array([-2.0, -1.992, 1.992, 2.0, *[0.0] * 200, *[4.0] * 200])[:, None]
    clusters = Clusters(labels=(0,) * 204 + (1,) * 200, inertia=15.9, margins=(0.0,) * 404)
    assert undetermined(points, np.zeros(404), clusters) == (2, 3)
    assert (
        undetermined(
            np.delete(points, (0, 3), 0),
            np.zeros(402),
            replace(clusters, labels=clusters.labels[2:]),
        )
        == ()
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [(1e-9, ()), (1e-5, (0, 1, 2, 3))],
    ids=["the gap is certain", "either may be better"],
)
def test_rival_partitions(error, expected):
    """Where another partition may have the lower inertia, the labels in which it differs are undetermined."""
    points = np.array(
        [[0.0, 0.0], [1.0 + 1e-6, 0.0], [0.0, 1.0], [1.0 + 1e-6, 1.0]]
    )  # nearly a square
    clusters = Clusters(
        labels=(0, 1, 0, 1), inertia=1.0, margins=(0.5,) * 4, rivals=((0, 0, 1, 1),)
    )
    assert undetermined(points, np.full(4, error), clusters) == expected


def test_unit_errors_hold():
    """No spectrum within its bounds has a unit vector farther away, and the bound is tight."""
    draw = np.random.default_rng(3)
    share = 0.0
    for size in np.repeat([1e-9, 1e-3, 0.3, 2.0], 200):
        true = np.sort(draw.exponential(size=16))[::-1]
        bounds = size * draw.exponential(size=16)
        near = (true + bounds * draw.uniform(-1, 1, 16)).clip(min=0)
        unit, found = normalised([tuple(true), tuple(near)], 16)
        (error,) = unit_errors([tuple(near)], [tuple(abs(near - true))], 16)
        assert np.linalg.norm(unit - found) <= error + 1e-15
        share = max(share, float(np.linalg.norm(unit - found)) / error)
    assert share > 0.8


@pytest.mark.parametrize("share", [1e-6, 0.1, 0.5, 0.99])
def test_unit_errors_are_attained(share):
    """The farthest unit vector, that of the tangent from the origin to the ball of the errors, is at the bound."""
    tangent = np.array([np.sqrt(1 - share**2), share]) * np.sqrt(1 - share**2)
    bounds = np.abs(tangent - [1.0, 0.0])
    (error,) = unit_errors([(1.0, 0.0)], [tuple(bounds)], 2)
    assert error == pytest.approx(
        np.linalg.norm(tangent / np.linalg.norm(tangent) - [1.0, 0.0]), rel=1e-9
    )


@pytest.mark.parametrize(
    ("values", "bounds", "expected"),
    [
        ((), (), 0.0),
        ((0.0, 0.0), (0.0, 0.0), 0.0),
        ((0.0, 0.0), (1e-9, 0.0), np.sqrt(2)),
        ((1.0, 0.5), (3.0, 0.0), np.sqrt(2)),
        ((1.0, 0.0, 1.0), (0.0, 0.0, 1.0), 0.0),
    ],
    ids=["no values", "exact zero", "perhaps not zero", "any direction", "only up to the rank"],
)
def test_unit_errors_at_the_ends(values, bounds, expected):
    """Zero spectra, errors beyond the length and values past the rank."""
    assert unit_errors([values], [bounds], 2) == pytest.approx([expected])
