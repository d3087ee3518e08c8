"""registry.numerics.atlas: vectors become places on a map."""

import numpy as np
import pytest

from registry.numerics.atlas import OUTSIDE, SKETCH, far_apart, laid_out, placed, vectors_of


def families(count: int, members: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors of models, and the family of each: fine-tunes of so many bases."""
    draw = np.random.default_rng(seed)
    owners = np.repeat(np.arange(count), members)
    spreads = np.exp(draw.normal(0, 0.3, (count, 7)))[owners]
    sketches = draw.normal(size=(count, SKETCH))[owners]
    spreads *= np.exp(draw.normal(0, 0.01, spreads.shape))
    sketches += draw.normal(0, 0.1, sketches.shape)
    return vectors_of(spreads, sketches), owners


def neighbours_agree(places: np.ndarray, owners: np.ndarray) -> float:
    """Return the share of models whose nearest neighbour on the map is of their family."""
    squares = ((places[:, None] - places) ** 2).sum(-1)
    np.fill_diagonal(squares, np.inf)
    return float((owners[squares.argmin(1)] == owners).mean())


def test_neighbours_are_of_one_family():
    """Of forty families of ten, and their clusters are of one family."""
    vectors, owners = families(40, 10)
    landmarks = laid_out(vectors)
    on_map = placed(vectors, landmarks)
    assert neighbours_agree(on_map.places, owners) > 0.98
    assert ((on_map.places >= 0) & (on_map.places <= 1)).all()
    for number in range(on_map.clusters.max() + 1):
        members = owners[on_map.clusters == number]
        assert np.bincount(members).max() / len(members) > 0.5


def test_fewer_landmarks_than_models():
    """Others stand amid the landmarks that they are like: the families stay together."""
    vectors, owners = families(30, 20)
    landmarks = laid_out(vectors, most=100)
    assert len(landmarks.rows) == 100
    assert set(owners[landmarks.rows]) == set(range(30))
    on_map = placed(vectors, landmarks)
    assert neighbours_agree(on_map.places, owners) > 0.95


def test_the_same_vectors_give_the_same_map():
    """Bit for bit."""
    vectors, _ = families(12, 5)
    one, other = laid_out(vectors), laid_out(vectors)
    assert np.array_equal(one.places, other.places)
    assert np.array_equal(one.clusters, other.clusters)


def test_who_comes_later_stands_with_its_family():
    """Without laying anything out again."""
    vectors, owners = families(20, 12)
    late = np.arange(len(vectors)) % 12 == 11
    landmarks = laid_out(vectors[~late])
    places = np.empty((len(vectors), 2))
    places[~late] = placed(vectors[~late], landmarks).places
    places[late] = placed(vectors[late], landmarks).places
    assert neighbours_agree(places, owners) > 0.95


@pytest.mark.parametrize("count", [0, 1, 2, 3, 8, 9])
def test_few_models(count):
    """Have places, too; fewer than nine no clusters."""
    vectors, _ = families(count, 1)
    landmarks = laid_out(vectors)
    on_map = placed(vectors, landmarks)
    assert on_map.places.shape == (count, 2)
    assert np.isfinite(on_map.places).all()
    if count < 9:
        assert (on_map.clusters == OUTSIDE).all()


def test_equal_models_stand_in_one_place():
    """However many: nothing is divided by their distance."""
    vectors, _ = families(1, 1)
    on_map = placed(np.repeat(vectors, 30, 0), laid_out(np.repeat(vectors, 30, 0)))
    assert np.ptp(on_map.places, axis=0) == pytest.approx([0, 0], abs=1e-3)


def test_vectors_of_unequal_models():
    """A missing projection counts as the mean, a model without sketches has none; no scale counts."""
    spreads = np.array([[1, 2, 4, 0, 1, 1, 1], [2, 4, 8, np.nan, 2, 2, 2], [0] * 7], float)
    vectors = vectors_of(spreads, np.zeros((3, SKETCH)))
    assert vectors.shape == (3, 7 + SKETCH)
    assert vectors[0] == pytest.approx(vectors[1])
    assert vectors[0, 3] == 0
    assert not vectors[2].any()


def test_landmarks_are_far_apart():
    """The corners of a square before what lies between them; equal vectors once."""
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], float)
    points = np.concatenate([corners, corners / 2 + 0.2, corners])
    assert sorted(map(tuple, points[far_apart(points, 4)])) == sorted(map(tuple, corners))
    assert len(far_apart(np.repeat(corners, 3, 0), 9)) == 4
