"""The pairs of a zoo that are compared, derived and independent, and what each comparison gives."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from registry.fingerprints.record import Fingerprint
from registry.lineage.comparison import ModelComparison
from registry.lineage.judgement import judge
from registry.lineage.verdict import RELATED, Relation
from verdicts.zoo_models import Zoo, ZooModel, hardness, near_twins, roots_of, share_ancestor

INDEPENDENT = 22_000  # pairs of a split that are compared, at least
MOST_OF_A_CLASS = 4_500  # of these, models and foreign roots that something makes alike
SIBLINGS = 3_000  # of these, children of different roots
SIDE = 16  # standard deviations of a cosine of 1 between two sketches under independence
PROCESSES = 2
CHUNK = 64


@dataclass(frozen=True)
class Asked:
    """Two models to compare: whether the first is derived from the second, and what makes them alike."""

    model: str
    other: str
    derived: bool
    hardness: str


@dataclass(frozen=True)
class Pair:
    """What the comparison of two models gives.

    Attributes:
        numbers: Every number that decides, larger for relatives, with `start` and `layer` of a
            partial read.
        p_values: Of each of the numbers that decide, alone.
        p_value: Of all together.
        uncounted: Kinds of evidence that count for nothing between two such models.
    """

    asked: Asked
    numbers: dict[str, float]
    p_values: dict[str, float]
    p_value: float
    score: float
    verdict: Relation
    uncounted: frozenset[str]

    @property
    def derived(self) -> bool:
        """Whether the first is derived from the second."""
        return self.asked.derived

    @property
    def related(self) -> bool:
        """Whether the verdict calls them related."""
        return self.verdict in RELATED

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.asked.model} ~ {self.asked.other}"


def derived_pairs(models: Sequence[ZooModel]) -> list[Asked]:
    """Return every child beside each of its roots."""
    roots = roots_of(models)
    pairs = []
    for model in models:
        names = [root.name for root in roots if root is not model and root.root in model.roots]
        pairs += [Asked(model.name, name, derived=True, hardness="derived") for name in names]
    return pairs


def independent_pairs(models: Sequence[ZooModel], number: int = INDEPENDENT) -> list[Asked]:
    """Return pairs without a common ancestor: roots, models and foreign roots, foreign children.

    All pairs of roots and all that something makes alike, up to a limit for each class, are among
    them; the rest are drawn with a fixed seed.
    """
    draw = np.random.default_rng(14)
    roots = roots_of(models)
    children = [model for model in models if not model.is_root]
    chosen = list(unrelated(itertools.combinations(roots, 2)))
    by_class: dict[str, list[Asked]] = defaultdict(list)
    for asked in unrelated(itertools.product(children, roots)):
        by_class[asked.hardness].append(asked)
    rest = by_class.pop("other", [])
    for pairs in by_class.values():
        chosen += drawn(pairs, MOST_OF_A_CLASS, draw)
    siblings = list(unrelated(sample(children, 3 * SIBLINGS, draw)))
    chosen += siblings[:SIBLINGS]
    return chosen + drawn(rest, max(0, number - len(chosen)), draw)


def unrelated(pairs: Iterator[tuple[ZooModel, ZooModel]]) -> Iterator[Asked]:
    """Yield those of some pairs that have no ancestor and no first weights in common."""
    for one, other in pairs:
        if not share_ancestor(one, other) and not near_twins(one, other):
            yield Asked(one.name, other.name, derived=False, hardness=hardness(one, other))


def sample(
    models: Sequence[ZooModel], number: int, draw: np.random.Generator
) -> Iterator[tuple[ZooModel, ZooModel]]:
    """Yield pairs of different models drawn at random."""
    if len(models) < 2:
        return
    seen = set()
    for one, other in draw.integers(len(models), size=(number, 2)).tolist():
        if one != other and (one, other) not in seen:
            seen.add((one, other))
            yield models[one], models[other]


def drawn(pairs: Sequence[Asked], number: int, draw: np.random.Generator) -> list[Asked]:
    """Return at most so many of some pairs, in their order."""
    if len(pairs) <= number:
        return list(pairs)
    places = sorted(draw.permutation(len(pairs))[:number].tolist())
    return [pairs[place] for place in places]


def compared(zoo: Zoo, asked: Sequence[Asked]) -> list[Pair]:
    """Compare pairs of a zoo."""
    return in_processes(zoo, compare, asked)


Question = TypeVar("Question")
Answer = TypeVar("Answer")
ZOO: list[Zoo] = []  # what the processes inherit


def in_processes(
    zoo: Zoo, function: Callable[[Zoo, Question], Answer], questions: Sequence[Question]
) -> list[Answer]:
    """Ask a function of the zoo about many things, in processes of one thread each."""
    ZOO[:] = [zoo]
    context = get_context("fork")
    with ProcessPoolExecutor(PROCESSES, context, threadpool_limits, (1,)) as pool:
        return list(pool.map(Call(function), questions, chunksize=CHUNK))


@dataclass(frozen=True)
class Call:
    """A function of the zoo that a process has inherited."""

    function: Callable[[Zoo, Any], Any]

    def __call__(self, question: Any) -> Any:
        """Ask it."""
        return self.function(ZOO[0], question)


def compare(zoo: Zoo, asked: Asked) -> Pair:
    """Compare two models and judge them."""
    comparison = ModelComparison(zoo.features[asked.model], zoo.features[asked.other])
    other = zoo.models[asked.other]
    verdict = judge(comparison, other.name, other.family)
    first, second = zoo.prints[asked.model], zoo.prints[asked.other]
    assert first is not None
    assert second is not None
    return Pair(
        asked=asked,
        numbers=comparison.numbers | partial_numbers(comparison, first, second),
        p_values=comparison.p_values,
        p_value=comparison.p_value,
        score=comparison.score,
        verdict=verdict.verdict,
        uncounted=comparison.uncounted,
    )


def partial_numbers(
    comparison: ModelComparison, a: Fingerprint, b: Fingerprint
) -> dict[str, float]:
    """Return what a partial read compares, in standard deviations."""
    numbers = {}
    if a.start and b.start:
        numbers["start"] = SIDE * float(np.dot(a.start, b.start))
    if comparison.alignments:
        numbers["layer"] = SIDE * max(
            best_layer(comparison, kind) for kind in comparison.alignments
        )
    return numbers


def best_layer(comparison: ModelComparison, kind: str) -> float:
    """Return the largest cosine of one branch of the middle layer, which a quick look reads first, with any layer's."""
    a, b = (
        features.sketches.tables[kind, "attention"] for features in (comparison.a, comparison.b)
    )
    if not a.any() or not b.any():
        a, b = (features.sketches.tables[kind, "mlp"] for features in (comparison.a, comparison.b))
    return float((a[len(a) // 2] @ b.T).max())
