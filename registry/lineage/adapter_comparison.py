"""Adapters under the first paper's lens: do std vectors follow the data, and clustering vectors the base?

Paper 2509.19122, section 4. Adapters cover different projections: two are compared on those that both cover.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from registry.architectures.adapter_merge import merged
from registry.architectures.roles import PROJECTIONS
from registry.checkpoints import open_checkpoint
from registry.errors import UntrainedAdapter
from registry.fingerprints.compute import compute
from registry.fingerprints.record import Fingerprint

STEP = re.compile(r"(?P<run>.*?)[-_/]*(?:checkpoint|step)[-_]?(?P<step>\d+)")
SHUFFLES = 10_000  # labels drawn anew in a permutation test
SEED = 0


@dataclass(frozen=True)
class Seen:
    """One adapter. data: a label of what it was trained on, if one was given. base: the base that it declares.

    own: the fingerprint of scaling B A, None where B A is zero: an untrained adapter. merged: that of base and adapter.
    """

    name: str
    source: str
    data: str | None
    base: str | None
    own: Fingerprint | None
    merged: Fingerprint | None = None

    @property
    def run(self) -> tuple[str, int] | None:
        """The training run that it is a checkpoint of, and its step; None where the name tells none."""
        found = STEP.match(self.source)
        return (found["run"], int(found["step"])) if found else None


@dataclass(frozen=True)
class Point:
    """A checkpoint of a run. norm: |B A| with its scaling. moved: of the change since the last, None for the first.

    likeness: cosine to the run's last update. The last two are told from sketches.
    """

    name: str
    step: int
    norm: float
    moved: float | None
    likeness: float


@dataclass(frozen=True)
class Tested:
    """Whether adapters with one label are nearer. within, between: mean distances. p_value: of a permutation test."""

    vector: str
    label: str
    within: float
    between: float
    p_value: float


def look(text: str, weights: Callable[[str | None], str | None] = lambda _: None) -> Seen:
    """Read an adapter, SOURCE or LABEL=SOURCE. Raises RegistryError.

    weights: gives the source of a base's weights, by the name that the adapter declares; it is merged into these too.
    """
    label, mark, source = text.partition("=")
    data, source = (label, source) if mark and not Path(text).exists() else (None, text)
    checkpoint = open_checkpoint(source)
    try:
        own = compute(checkpoint, rank=16)
    except UntrainedAdapter:
        return Seen(checkpoint.name, source, data, checkpoint.base, None)
    base = weights(checkpoint.base)
    together = compute(merged(checkpoint, open_checkpoint(base)), rank=16) if base else None
    return Seen(checkpoint.name, source, data, checkpoint.base, own, together)


def std_distance(one: Fingerprint, other: Fingerprint) -> float:
    """Cosine distance of the std vectors over projections that both have; NaN where fewer than two are."""
    return spread_apart(one.std, other.std)


def spread_apart(one: Sequence[float], other: Sequence[float]) -> float:
    """The same of two std vectors, which are 0 where a projection is missing."""
    return masked(
        one, other, [i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a > 0 and b > 0]
    )


def clustering_distance(one: Fingerprint, other: Fingerprint) -> float:
    """The same of the clustering vectors at rank 16; 1 where one of them is zero on all of these."""
    common = [
        i for i, p in enumerate(PROJECTIONS) if p in one.projections and p in other.projections
    ]
    return masked(one.clusterings[0].vector, other.clusterings[0].vector, common)


def masked(one: Sequence[float], other: Sequence[float], common: list[int]) -> float:
    """Cosine distance of two vectors over some of their entries."""
    if len(common) < 2:  # noqa: PLR2004  # of one number every cosine is 1
        return float("nan")
    a, b = (np.array(each)[common] for each in (one, other))
    if not a.any() or not b.any():
        return 1.0
    return float(((a / np.linalg.norm(a) - b / np.linalg.norm(b)) ** 2).sum() / 2)


DISTANCES = {"std": std_distance, "clustering": clustering_distance}


def table(fingerprints: Sequence[Fingerprint], vector: str) -> np.ndarray:
    """Distances of all pairs, by the vector `std` or `clustering`."""
    return np.array(
        [[DISTANCES[vector](one, other) for other in fingerprints] for one in fingerprints]
    )


def tested(seen: Sequence[Seen]) -> list[Tested]:
    """For both vectors whether adapters of the same data, and of the same base, are nearer than others."""
    trained = [each for each in seen if each.own]
    found = []
    for vector in DISTANCES:
        distances = table([each.own for each in trained if each.own], vector)
        for label, labels in {
            "data": [e.data for e in trained],
            "base": [e.base for e in trained],
        }.items():
            result = permuted(distances, labels)
            if result:
                found.append(Tested(vector, label, *result))
    return found


def permuted(
    distances: np.ndarray, labels: Sequence[str | None]
) -> tuple[float, float, float] | None:
    """Mean distance within labels and between them, and how often labels drawn anew tell them apart as well.

    None unless there are pairs of both kinds among what has a label and can be compared.
    """
    kept = [i for i, label in enumerate(labels) if label is not None]
    own, d = np.array([labels[i] for i in kept]), distances[np.ix_(kept, kept)]
    upper = np.triu(np.isfinite(d), 1)
    same = own[:, None] == own[None]
    if not (upper & same).any() or not (upper & ~same).any():
        return None
    random = np.random.default_rng(SEED)
    gap = apart(d, upper, same)
    as_well = sum(apart(d, upper, shuffled(same, random)) >= gap - 1e-15 for _ in range(SHUFFLES))
    return (
        float(d[upper & same].mean()),
        float(d[upper & ~same].mean()),
        (1 + as_well) / (1 + SHUFFLES),
    )


def shuffled(same: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The pairs with one label, after labels were dealt anew."""
    order = random.permutation(len(same))
    return same[np.ix_(order, order)]


def apart(distances: np.ndarray, upper: np.ndarray, same: np.ndarray) -> float:
    """By how much pairs with different labels are further apart; -inf where one kind of pairs is missing."""
    if not (upper & same).any() or not (upper & ~same).any():
        return -np.inf
    return float(distances[upper & ~same].mean() - distances[upper & same].mean())


def trajectories(seen: Sequence[Seen]) -> dict[str, list[Point]]:
    """The checkpoints of every run that has several, by step."""
    runs: dict[str, list[tuple[int, Seen]]] = defaultdict(list)
    for each in seen:
        if each.run and each.own:
            runs[each.run[0]].append((each.run[1], each))
    return {
        run: path(sorted(own, key=lambda pair: pair[0]))
        for run, own in runs.items()
        if len(own) > 1
    }


def path(steps: Sequence[tuple[int, Seen]]) -> list[Point]:
    """The points of one run."""
    prints = [each.own for _, each in steps if each.own]
    sketches = [sketch(own) for own in prints]
    points = []
    for i, ((step, each), own) in enumerate(zip(steps, prints, strict=True)):
        moved = float(np.linalg.norm(sketches[i] - sketches[i - 1])) if i else None
        points.append(Point(each.name, step, norm(own), moved, cosine(sketches[i], sketches[-1])))
    return points


def norm(own: Fingerprint) -> float:
    """The Frobenius norm of a whole update."""
    return float(np.sqrt(sum(m.rows * m.cols * (m.std**2 + m.mean**2) for m in own.matrices)))


def sketch(own: Fingerprint) -> np.ndarray:
    """All sketches of an update, one after the other: as long as the update, as a rule."""
    return np.concatenate([np.array(m.sketch or ()) for m in own.matrices])


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Of two sketches; 0 where one is zero."""
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths and one.shape == other.shape else 0.0
