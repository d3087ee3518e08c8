"""A map of models: vectors become places in a plane, so that neighbours are alike.

t-SNE (scikit-learn's) lays out landmarks, chosen to cover all vectors; every other vector stands
amid the landmarks that it is like. So a map of 100,000 takes a minute, a vector that comes later is
placed without drawing it anew, and the same vectors give the same map.
"""

from dataclasses import dataclass

import numpy as np

SKETCH = 128  # numbers of a sketch
SPREAD_WEIGHT = 1.5  # of a spread's logarithm: recipes count about as much as sketches
FARTHEST_SPREAD = 3.0  # logarithm of a spread over the mean, beyond which it counts no more
LANDMARKS = 4000
COVERING = 0.5  # share of the landmarks that are far apart; the others follow the density
CHOSEN_IN = 40  # axes in which they are chosen
LAID_OUT_IN = 50  # axes that t-SNE sees
PERPLEXITY = 30.0
ITERATIONS = 750
ANGLE = 0.6  # of Barnes and Hut's approximation
FEW = 8  # vectors, for which two principal axes are a map
SEED = 0
NEAREST = 6  # landmarks that place a vector
STEEPNESS = 4  # power of the distance by which a landmark counts for less
TOGETHER = 4096  # vectors that are placed at a time
MARGIN = 0.03  # of the map on every side
CLUSTER_SHARE = 0.002  # of the landmarks, that are at least a cluster
LEAST_CLUSTER, MOST_CLUSTER = 2, 8  # landmarks of the smallest cluster
OUTSIDE = -1  # instead of a cluster's number
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Landmarks:
    """The vectors that the map was laid out by.

    Attributes:
        rows: Places of the k landmarks among all vectors, rising.
        vectors: k x d.
        places: k x 2, from 0 to 1.
        clusters: The number of each landmark's cluster; OUTSIDE of some.
    """

    rows: np.ndarray
    vectors: np.ndarray
    places: np.ndarray
    clusters: np.ndarray


@dataclass(frozen=True, eq=False)
class Placed:
    """Vectors on the map: n x 2 places from 0 to 1, and the numbers of their clusters."""

    places: np.ndarray
    clusters: np.ndarray


def vectors_of(spreads: np.ndarray, sketches: np.ndarray) -> np.ndarray:
    """Return what models are placed by: n x 135, single precision.

    Args:
        spreads: Standard deviations of the projections, 0 where one is missing: n x 7.
        sketches: Of what the layers do to the residual stream, zeros without any: n x 128.
    """
    known = np.isfinite(spreads) & (spreads > 0)
    logarithms = np.log(np.where(known, spreads, 1.0))
    counts = np.maximum(known.sum(1, keepdims=True), 1)
    middles = logarithms.sum(1, keepdims=True) / counts
    relative = np.clip(logarithms - middles, -FARTHEST_SPREAD, FARTHEST_SPREAD)
    relative[~known] = 0.0

    lengths = np.linalg.norm(sketches, axis=1, keepdims=True)
    units = sketches / np.where(lengths > TINY, lengths, 1.0)
    return np.hstack([SPREAD_WEIGHT * relative, units]).astype(np.float32)


def laid_out(vectors: np.ndarray, most: int = LANDMARKS) -> Landmarks:
    """Return the landmarks of n vectors, at most so many, with their places and clusters."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  # with what is slow to load

    with threadpool_limits(1):  # sums by several threads differ in their last digit
        rows = chosen(vectors, most)
        landmarks = vectors[rows]
        places = fitted(plane(landmarks))
        return Landmarks(rows, landmarks, places, clusters_of(places))


def chosen(vectors: np.ndarray, most: int) -> np.ndarray:
    """Return the rows of landmarks: half of them far from each other, half as they come."""
    count = len(vectors)
    if count <= most:
        return np.arange(count)
    far = far_apart(principal(vectors, CHOSEN_IN).astype(np.float32), int(most * COVERING))
    others = np.setdiff1d(np.arange(count), far)
    regular = np.linspace(0, len(others) - 1, most - len(far)).astype(int)
    return np.sort(np.concatenate([far, others[regular]]))


def far_apart(vectors: np.ndarray, count: int) -> np.ndarray:
    """Return rows, each the farthest from all before it (Gonzalez 1985), the first of them 0."""
    rows = [0]
    distances = squared_distances(vectors, vectors[0])
    while len(rows) < count:
        farthest = int(distances.argmax())
        if distances[farthest] <= 0:
            break
        rows.append(farthest)
        np.minimum(distances, squared_distances(vectors, vectors[farthest]), out=distances)
    return np.array(rows)


def squared_distances(vectors: np.ndarray, one: np.ndarray) -> np.ndarray:
    """Return the squared distances of n vectors to one."""
    differences = vectors - one
    squares: np.ndarray = np.einsum("ij,ij->i", differences, differences)
    return squares


def principal(vectors: np.ndarray, axes: int) -> np.ndarray:
    """Return vectors along their principal axes, at most so many: n x axes."""
    from sklearn.decomposition import PCA  # noqa: PLC0415  # slow, and used here only

    axes = min(axes, *vectors.shape)
    solver = "covariance_eigh" if len(vectors) > vectors.shape[1] else "full"
    with np.errstate(invalid="ignore"):  # all vectors may be equal, without any variance
        return np.asarray(PCA(axes, svd_solver=solver).fit_transform(vectors.astype(float)))


def plane(vectors: np.ndarray) -> np.ndarray:
    """Return k vectors in a plane: k x 2, of any scale."""
    from sklearn.manifold import TSNE  # noqa: PLC0415  # slow, and used here only

    count = len(vectors)
    if count < 2:  # noqa: PLR2004  # vectors that a direction is laid through
        return np.zeros((count, 2))
    axes = principal(vectors, LAID_OUT_IN)
    start = np.zeros((count, 2))
    start[:, : min(2, axes.shape[1])] = axes[:, :2]
    if count <= FEW:
        return start
    scale = max(float(start[:, 0].std()), TINY)
    layout = TSNE(
        2,
        perplexity=min(PERPLEXITY, (count - 1) / 3),
        init=(start / scale * 1e-4).astype(np.float32),  # as scikit-learn scales its own
        max_iter=ITERATIONS,
        angle=ANGLE,
        random_state=SEED,
    )
    return np.asarray(layout.fit_transform(axes), float)


def fitted(places: np.ndarray) -> np.ndarray:
    """Return places moved and scaled into the map, of one scale in both directions."""
    if not len(places):
        return places
    low, high = places.min(0), places.max(0)
    span = max(float((high - low).max()), TINY)
    centred: np.ndarray = (places - (low + high) / 2) / span
    return 0.5 + (1 - 2 * MARGIN) * centred


def clusters_of(places: np.ndarray) -> np.ndarray:
    """Return the number of each place's cluster, from 0; OUTSIDE of those in none (HDBSCAN)."""
    from sklearn.cluster import HDBSCAN  # noqa: PLC0415  # slow, and used here only

    count = len(places)
    if count <= FEW:
        return np.full(count, OUTSIDE)
    smallest = int(np.clip(CLUSTER_SHARE * count, LEAST_CLUSTER, MOST_CLUSTER))
    return np.asarray(HDBSCAN(smallest, min_samples=2, copy=True).fit_predict(places))


def placed(vectors: np.ndarray, landmarks: Landmarks) -> Placed:
    """Return n vectors amid the landmarks that they are like, in the nearest one's cluster."""
    places = np.full((len(vectors), 2), 0.5)
    clusters = np.full(len(vectors), OUTSIDE)
    if not len(landmarks.rows):
        return Placed(places, clusters)
    lengths = np.einsum("ij,ij->i", landmarks.vectors, landmarks.vectors)
    scatter = scattering(landmarks)
    for start in range(0, len(vectors), TOGETHER):
        part = slice(start, start + TOGETHER)
        places[part], nearest = amid(vectors[part], landmarks, lengths, scatter)
        clusters[part] = landmarks.clusters[nearest]
    return Placed(np.clip(places, 0.0, 1.0), clusters)


def amid(
    vectors: np.ndarray, landmarks: Landmarks, lengths: np.ndarray, scatter: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of vectors, and the row of the nearest landmark of each.

    A vector stands amid its nearest landmarks, beside that by what it differs from them: equal
    places are for equal vectors.
    """
    own = np.einsum("ij,ij->i", vectors, vectors)
    squares = own[:, None] + lengths - 2 * vectors @ landmarks.vectors.T
    count = min(NEAREST, len(lengths))
    near = np.argpartition(squares, count - 1, axis=1)[:, :count]
    near_squares = np.maximum(np.take_along_axis(squares, near, 1), 0.0).astype(float)
    least = near_squares.min(1, keepdims=True) + TINY
    weights = (least / (near_squares + TINY)) ** (STEEPNESS / 2)
    weights /= weights.sum(1, keepdims=True)

    middles = np.einsum("ij,ijk->ik", weights, landmarks.places[near])
    nearest = np.take_along_axis(near, near_squares.argmin(1)[:, None], 1)[:, 0]
    beside = (vectors - landmarks.vectors[nearest]) @ scatter
    return middles + beside, nearest


def scattering(landmarks: Landmarks) -> np.ndarray:
    """Return what turns a difference from a landmark into one on the map: d x 2.

    Two directions drawn once; lengths are those of neighbouring landmarks, in the median.
    """
    directions = np.random.default_rng(SEED).normal(size=(landmarks.vectors.shape[1], 2))
    directions /= np.linalg.norm(directions, axis=0)
    if len(landmarks.rows) < 2:  # noqa: PLR2004  # that have a distance
        return 0 * directions
    on_map = typical_gap(landmarks.places)
    in_space = typical_gap(landmarks.vectors.astype(float))
    scaled: np.ndarray = directions * (on_map / max(in_space, TINY))
    return scaled


def typical_gap(points: np.ndarray) -> float:
    """Return the median distance of points to the nearest other one, of a sample of them."""
    sample = points[:: max(1, len(points) // 500)]
    gaps = []
    for point in sample:
        squares = np.sort(squared_distances(points, point))
        gaps.append(np.sqrt(max(squares[1], 0.0)))
    return float(np.median(gaps))
