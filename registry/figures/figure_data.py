"""The numbers behind the figures, drawn or in text. Imports no matplotlib."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.characteristic import generator
from registry.characteristic.vectors import (
    Distances,
    all_vectors,
    between,
    vectors,
    within,
)
from registry.errors import CharacteristicError, NothingToDraw
from registry.fingerprints.histogram_record import Histogram
from registry.fingerprints.record import Clustering, Fingerprint
from registry.lineage.adapter_comparison import RunStep, run_step
from registry.numerics.histograms import edges
from registry.numerics.unit_vectors import normalised

if TYPE_CHECKING:
    from registry.figures.kinds import Models

REACH = 4.0  # standard deviations on each side of a density
TINY = 1e-300  # in place of a sum that is zero
SHOWN = 0.98  # share of the distances that a histogram shows: others lie far out
SEED = 0
BARE_STEP = re.compile("[0-9]{1,15}")

# share of the generator's distances that are shown, by law
GENERATED_SHOWN = {"normal": 1.0, "power law": 0.8}


def clustering(name: str, fingerprint: Fingerprint, rank: int) -> Clustering:
    """Return the clustering of a rank. Raises NothingToDraw where fewer values are stored."""
    for candidate in fingerprint.clusterings:
        if candidate.rank == rank:
            return candidate

    what = f"clustering at rank {rank}"
    raise NothingToDraw(name=name, what=what, how=f"ingest it with --rank {rank}")


def label_table(fingerprint: Fingerprint, labels: Sequence[int]) -> np.ndarray:
    """Return the mean label of each layer's matrices: projections x layers, NaN where none is."""
    layers = sorted({matrix.layer for matrix in fingerprint.matrices})
    shape = len(PROJECTIONS), len(layers)
    total = np.zeros(shape)
    count = np.zeros(shape)

    for matrix, label in zip(fingerprint.matrices, labels, strict=True):
        row = PROJECTIONS.index(matrix.projection)
        column = layers.index(matrix.layer)
        cell = row, column
        total[cell] += label
        count[cell] += 1

    table = np.full(shape, np.nan)
    np.divide(total, count, out=table, where=count > 0)
    return table


class Plane(NamedTuple):
    """Points in the plane of two principal axes (n x 2), and the axes' shares of the variance."""

    points: np.ndarray
    shares: np.ndarray


def principal_plane(name: str, fingerprint: Fingerprint, rank: int) -> Plane:
    """Return every matrix's unit singular-value vector in the plane of two principal axes.

    Raises NothingToDraw for a single matrix, which spans no plane.
    """
    from sklearn.decomposition import PCA  # noqa: PLC0415  # slow, and used here only

    spectra = [matrix.singular_values for matrix in fingerprint.matrices]
    if len(spectra) < 2:  # noqa: PLR2004  # points that a plane is laid through
        raise NothingToDraw(name=name, what="second matrix", how="give a model of several")

    vectors = normalised(spectra, rank)
    analysis = PCA(2, svd_solver="full")
    with np.errstate(invalid="ignore"):  # all vectors may be equal, without any variance
        points = analysis.fit_transform(vectors)
    return Plane(points, np.nan_to_num(analysis.explained_variance_ratio_))


def in_order(models: "Models") -> "Models":
    """Return checkpoints by their steps, checkpoint-500 before checkpoint-1000.

    In the order given where a name states none.
    """
    steps = steps_of(models)
    if steps is None:
        return models
    order = sorted(range(len(models)), key=lambda place: steps[place])
    return [models[place] for place in order]


def steps_of(models: "Models") -> list[int] | None:
    """Return the training steps that all names state; None where one does not, or of two runs."""
    steps = []
    runs = set()
    for name, _ in models:
        number = BARE_STEP.fullmatch(name)
        place = RunStep("", int(name)) if number else run_step(name)
        if place is None:
            return None
        runs.add(place.run)
        steps.append(place.step)
    return steps if len(runs) == 1 else None


def path_plane(models: "Models") -> Plane:
    """Return zero and the sketch of every LoRA delta in the plane of two main axes through zero.

    Raises NothingToDraw for models, and for adapters of different weights.
    """
    sketches = []
    for _, fingerprint in models:
        parts = [np.array(matrix.sketch or ()) for matrix in fingerprint.matrices]
        sketches.append(np.concatenate(parts))

    same_weights = len(set(map(len, sketches))) == 1
    adapters_only = all(fingerprint.adapter for _, fingerprint in models)
    if not (same_weights and adapters_only):
        how = "give adapters that change the same weights"
        raise NothingToDraw(name=models[0][0], what="path", how=how)

    table = np.array([np.zeros_like(sketches[0]), *sketches])
    left, values, _ = np.linalg.svd(table, full_matrices=False)
    coordinates = (left * values)[:, :2]
    points = np.zeros((len(table), 2))
    points[:, : coordinates.shape[1]] = coordinates
    points *= np.where(points[-1] < 0, -1, 1)  # the last delta lies to the right and above

    squares = values**2
    shares = np.append(squares / max(float(squares.sum()), TINY), 0.0)
    return Plane(points, shares[:2])


@dataclass(frozen=True)
class Density:
    """A density of weights: its values at some points."""

    points: np.ndarray
    values: np.ndarray


def weight_densities(name: str, fingerprint: Fingerprint, points: int = 160) -> dict[str, Density]:
    """Return densities by projection, from -REACH to REACH times the largest standard deviation.

    They come from the histograms that were counted while fingerprinting. Raises NothingToDraw for
    adapters, and for models that were ingested before there were histograms.
    """
    if not fingerprint.histograms:
        how = "adapters have none" if fingerprint.adapter else "ingest it again"
        raise NothingToDraw(name=name, what="histogram of weights", how=how)

    reach = REACH * max(fingerprint.std)
    bounds = np.linspace(-reach, reach, points + 1)
    middles = (bounds[1:] + bounds[:-1]) / 2
    bin_edges = edges()
    widths = np.diff(bounds)
    histograms = sorted(fingerprint.histograms, key=position_of_projection)

    densities = {}
    for histogram in histograms:
        running = np.concatenate([[0], np.cumsum(histogram.counts)])
        share_below = running / max(1, sum(histogram.counts))
        shares = np.diff(np.interp(bounds, bin_edges, share_below))
        densities[histogram.projection] = Density(middles, shares / widths)
    return densities


def position_of_projection(histogram: Histogram) -> int:
    """Return where a histogram's projection stands among all projections."""
    return PROJECTIONS.index(histogram.projection)


def mean_spectra(name: str, fingerprint: Fingerprint, rank: int) -> dict[str, np.ndarray]:
    """Return by projection the singular values over the largest, in the mean over all matrices.

    As many as every matrix of the projection has, at most `rank`. Raises NothingToDraw where no
    matrix has a value.
    """
    spectra: dict[str, list[np.ndarray]] = {}
    for matrix in fingerprint.matrices:
        values = np.array(matrix.singular_values[:rank], float)
        if len(values) and values[0] > 0:
            spectra.setdefault(matrix.projection, []).append(values / values[0])
    if not spectra:
        raise NothingToDraw(name=name, what="singular value", how="give a model whose weights vary")

    means = {}
    for projection in PROJECTIONS:
        rows = spectra.get(projection)
        if rows:
            count = min(map(len, rows))
            means[projection] = np.mean([row[:count] for row in rows], axis=0)
    return means


class NamedDistances(NamedTuple):
    """A set of distances, and what they are the distances of."""

    name: str
    distances: Distances


def all_distances(fingerprint: Fingerprint, rank: int) -> Distances:
    """Return the distances between all singular-value vectors of a model."""
    return within(all_vectors(vectors(fingerprint, rank)))


def projection_pairs(fingerprint: Fingerprint, rank: int) -> list[NamedDistances]:
    """Return the distances of every two projections, without those that are too few.

    Where all are too few: one set without a name, of all vectors.
    """
    sets = []
    for one, other in combinations(vectors(fingerprint, rank).values(), 2):
        try:
            distances = between(one, other)
        except CharacteristicError:
            continue  # `registry dsv` names them
        sets.append(NamedDistances(f"{one.projection}-{other.projection}", distances))
    return sets or [NamedDistances("", all_distances(fingerprint, rank))]


def generated_pair(law: str) -> tuple[np.ndarray, np.ndarray]:
    """Return two matrices, 32 x 4096, whose distances follow a law."""
    random = np.random.default_rng(SEED)
    template = generator.template(4096, random)
    return generator.pair(template, 32, law, random)
