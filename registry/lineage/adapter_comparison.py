"""Compare adapters by the first paper's vectors: does std follow the data, and clustering the base?

Paper 2509.19122, section 4. Adapters cover different projections: two of them are compared on those
that both cover.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from registry.fingerprints.record import Fingerprint
from registry.lineage.vector_distances import (
    clustering_distance_over_common,
    std_distance_over_common,
)

STEP = re.compile(r"(?P<run>.*?)[-_/]*(?:checkpoint|step)[-_]?(?P<step>\d+)")
SHUFFLES = 10_000  # random permutations of the labels in a permutation test
SEED = 0
ROUNDING = 1e-15  # by which two equal gaps may differ


class RunStep(NamedTuple):
    """The training run that an adapter is a checkpoint of, and its step."""

    run: str
    step: int


@dataclass(frozen=True)
class ComparedAdapter:
    """An adapter to be compared.

    Attributes:
        data: A label of what it was trained on, if one was given.
        base: The base that it declares.
        delta: The fingerprint of scaling * B A, None where B A is zero: an untrained adapter.
        merged: The fingerprint of base and adapter together, if the base's weights were at hand.
    """

    name: str
    source: str
    data: str | None
    base: str | None
    delta: Fingerprint | None
    merged: Fingerprint | None = None

    @property
    def run_step(self) -> RunStep | None:
        """The run and step that its source's name states, such as `out/checkpoint-500`."""
        return run_step(self.source)


def run_step(source: str) -> RunStep | None:
    """Return the run and step that a name states, such as `out/checkpoint-500`; else None."""
    match = STEP.match(source)
    return RunStep(match["run"], int(match["step"])) if match else None


@dataclass(frozen=True)
class RunPoint:
    """A checkpoint of a training run.

    Attributes:
        norm: Frobenius norm of scaling * B A.
        moved: Norm of its change since the checkpoint before, None for the first.
        likeness: Cosine to the run's last delta.

    `moved` and `likeness` are estimated from sketches.
    """

    name: str
    step: int
    norm: float
    moved: float | None
    likeness: float


@dataclass(frozen=True)
class LabelTest:
    """Whether adapters with one label are nearer: mean distances, and a permutation test's p."""

    vector: str
    label: str
    within: float
    between: float
    p_value: float


class Permutation(NamedTuple):
    """Mean distances within labels and between them, and the p-value of their difference."""

    within: float
    between: float
    p_value: float


def std_distance(one: Fingerprint, other: Fingerprint) -> float:
    """Return the cosine distance of std vectors over common projections; NaN for fewer than two."""
    return std_distance_over_common(one.std, other.std)


DISTANCES: dict[str, Callable[[Fingerprint, Fingerprint], float]] = {
    "std": std_distance,
    "clustering": clustering_distance_over_common,
}


def distance_matrix(fingerprints: Sequence[Fingerprint], vector: str) -> np.ndarray:
    """Return the n x n distances of all pairs by the vector `std` or `clustering`."""
    distance = DISTANCES[vector]
    matrix = np.empty((len(fingerprints), len(fingerprints)))
    for i, one in enumerate(fingerprints):
        for j, other in enumerate(fingerprints):
            matrix[i, j] = distance(one, other)
    return matrix


def label_tests(adapters: Sequence[ComparedAdapter]) -> list[LabelTest]:
    """Test for both vectors whether adapters of one data set, and of one base, are nearer."""
    deltas = []
    data_labels = []
    base_labels = []
    for adapter in adapters:
        if adapter.delta:
            deltas.append(adapter.delta)
            data_labels.append(adapter.data)
            base_labels.append(adapter.base)

    tests = []
    for vector in DISTANCES:
        distances = distance_matrix(deltas, vector)
        for label, labels in (("data", data_labels), ("base", base_labels)):
            result = permutation_test(distances, labels)
            if result:
                tests.append(LabelTest(vector, label, *result))
    return tests


def permutation_test(distances: np.ndarray, labels: Sequence[str | None]) -> Permutation | None:
    """Test whether permuted labels separate the distances as well as the given labels do.

    p = (1 + number of shuffles whose gap is at least the true one) / (1 + SHUFFLES). None unless
    there are pairs of both kinds among what has a label and can be compared.
    """
    labelled = [i for i, label in enumerate(labels) if label is not None]
    names = np.array([labels[i] for i in labelled])
    known = distances[np.ix_(labelled, labelled)]

    pairs = np.triu(np.isfinite(known), 1)  # each pair once
    same = names[:, None] == names[None]
    if not (pairs & same).any() or not (pairs & ~same).any():
        return None

    random = np.random.default_rng(SEED)
    true_gap = label_gap(known, pairs, same)
    as_large = 0
    for _ in range(SHUFFLES):
        gap = label_gap(known, pairs, shuffled(same, random))
        as_large += gap >= true_gap - ROUNDING

    within = float(known[pairs & same].mean())
    between = float(known[pairs & ~same].mean())
    return Permutation(within, between, (1 + as_large) / (1 + SHUFFLES))


def shuffled(same: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return which pairs share a label (n x n) after the labels were permuted."""
    order = random.permutation(len(same))
    return same[np.ix_(order, order)]


def label_gap(distances: np.ndarray, pairs: np.ndarray, same: np.ndarray) -> float:
    """Return mean distance between labels less that within; -inf where one kind has no pairs."""
    within = pairs & same
    between = pairs & ~same
    if not within.any() or not between.any():
        return -np.inf
    return float(distances[between].mean() - distances[within].mean())


def trajectories(adapters: Sequence[ComparedAdapter]) -> dict[str, list[RunPoint]]:
    """Return the checkpoints of every run that has several, by step."""
    runs: dict[str, list[tuple[int, ComparedAdapter]]] = defaultdict(list)
    for adapter in adapters:
        place = adapter.run_step
        if place and adapter.delta:
            runs[place.run].append((place.step, adapter))

    paths = {}
    for run, checkpoints in runs.items():
        if len(checkpoints) > 1:
            paths[run] = run_points(sorted(checkpoints, key=step_of))
    return paths


def step_of(checkpoint: tuple[int, ComparedAdapter]) -> int:
    """Return the step of a checkpoint, to sort by."""
    step, _ = checkpoint
    return step


def run_points(checkpoints: Sequence[tuple[int, ComparedAdapter]]) -> list[RunPoint]:
    """Return the points of one run, whose checkpoints come in the order of their steps."""
    deltas = [adapter.delta for _, adapter in checkpoints if adapter.delta]
    last = concatenated_sketch(deltas[-1])

    points = []
    before: np.ndarray | None = None
    for (step, adapter), delta in zip(checkpoints, deltas, strict=True):
        sketch = concatenated_sketch(delta)
        moved = None if before is None else float(np.linalg.norm(sketch - before))
        norm = frobenius_norm(delta)
        points.append(RunPoint(adapter.name, step, norm, moved, cosine(sketch, last)))
        before = sketch
    return points


def frobenius_norm(delta: Fingerprint) -> float:
    """Return the norm of all deltas: the root of sum rows * cols * (std^2 + mean^2)."""
    squares = sum(m.rows * m.cols * (m.std**2 + m.mean**2) for m in delta.matrices)
    return float(np.sqrt(squares))


def concatenated_sketch(delta: Fingerprint) -> np.ndarray:
    """Return all sketches of a delta, one after the other: about as long as the delta itself."""
    return np.concatenate([np.array(m.sketch or ()) for m in delta.matrices])


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Return the cosine of two sketches; 0 where one is zero or they cover different matrices."""
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    if not lengths or one.shape != other.shape:
        return 0.0
    return float(one @ other) / lengths
