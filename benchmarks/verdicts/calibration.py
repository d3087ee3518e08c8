"""The nulls of calibration.toml, fitted to independent pairs, and whether they hold on others."""

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.lineage.spectra import closeness, spectral_distance
from verdicts.pairs import Pair

TAIL = 0.05  # share of independent pairs that a tail is fitted to
TAIL_OF = dict.fromkeys(
    ("own axes", "spectra", "layer"), 0.01
)  # lighter than exponential: fitted farther out
CHECKED = (0.01, 0.001)  # p-values that must hold where a tail was fitted
FEWEST = 400  # pairs of a class that has a tail of its own
COVERED = (1e-3, 1e-6)  # p-values at which the tail of every class is covered
LEAST_SCALE = {"spectra": 0.1}  # models of few matrices spread more than those of the zoo
UNTRAINED = 24  # random models
LEVELS = (0.05, 0.01, 0.001)


@dataclass(frozen=True)
class Tail:
    """The upper tail of a kind of evidence: docs/method.md, and registry/lineage/calibration.py."""

    kind: str
    pairs: int
    above: float
    start: float
    scale: float
    strongest: float

    @classmethod
    def of(cls, kind: str, values: np.ndarray) -> "Tail":
        """Fit an exponential beyond a percentile, so wide that every checked share holds."""
        above = TAIL_OF.get(kind, TAIL)
        start = float(np.quantile(values, 1 - above))
        beyond = values[values > start]
        scale = float((beyond - start).mean()) if len(beyond) else 0.0
        for share in CHECKED:
            if share < above and share * len(values) >= 1:
                quantile = float(np.quantile(values, 1 - share))
                scale = max(scale, (quantile - start) / math.log(above / share))
        scale = max(scale, LEAST_SCALE.get(kind, 0.0))
        return cls(kind, len(values), above, start, scale, float(values.max()))

    def reach(self, p_value: float) -> float:
        """Return the value whose p is this."""
        return self.start + self.scale * math.log(self.above / p_value)

    def __str__(self) -> str:
        """Return one block of calibration.toml."""
        name = f'"{self.kind}"' if " " in self.kind else self.kind
        return (
            f"[{name}]\npairs = {self.pairs}\nabove = {self.above}\nstart = {self.start:.3f}\n"
            f"scale = {self.scale:.3f}\nstrongest = {self.strongest:.3f}\n"
        )


def calibration(pairs: Sequence[Pair], fits: Sequence[float]) -> str:
    """Return calibration.toml: the tails of independent pairs, and of adapters beside foreign bases."""
    blocks = []
    for kind, by_class in values_by_class(pairs).items():
        blocks.append(str(covering(tails(kind, by_class))))
    if fits:
        blocks.append(str(Tail.of("fit", np.array(fits))))
    return HEADER + "\n".join(blocks)


HEADER = """\
# What independent models come to, for every kind of evidence that decides: made by `python benchmarks/lineage.py ZOO
# --calibrate` from the calibration split of its zoo (`fit`: and the development split). Of `pairs` independent pairs the
# share `above` comes to more than `start`; beyond, the share falls by e for every `scale`. `strongest` is the largest
# that was seen. The tail is above that of every class of pairs (runs of one recipe, one maker, tied, tiny and so on), so
# that of each the share beyond `start` is at most `above`.

"""
KINDS = ("stream", "token", "own axes", "spectra", "start", "layer")


def values_by_class(pairs: Sequence[Pair]) -> dict[str, dict[str, np.ndarray]]:
    """Return the numbers of independent pairs by kind of evidence and class of pair, `all` among these.

    Those that count for nothing between two models are left out.
    """
    values: dict[str, dict[str, list[float]]] = {kind: defaultdict(list) for kind in KINDS}
    for pair in pairs:
        if pair.derived:
            continue
        for kind, value in pair.numbers.items():
            if kind not in values or kind in pair.uncounted or is_odd(pair, kind):
                continue
            for name in ("all", pair.asked.hardness):
                values[kind][name].append(value)
    values["spectra"]["all"] += untrained()
    known: dict[str, dict[str, np.ndarray]] = {}
    for kind, by_class in values.items():
        known[kind] = {name: np.array(numbers) for name, numbers in by_class.items()}
    return known


def is_odd(pair: Pair, kind: str) -> bool:
    """Return whether a number of a partial read is of models whose whole sketches count for nothing."""
    return kind in {"start", "layer"} and "stream" in pair.uncounted


def tails(kind: str, by_class: dict[str, np.ndarray]) -> dict[str, Tail]:
    """Return the tail of every class that has pairs enough, and of all."""
    fitted = {}
    for name, values in by_class.items():
        if name == "all" or len(values) >= FEWEST:
            fitted[name] = Tail.of(kind, values)
    return fitted


def covering(fitted: dict[str, Tail]) -> Tail:
    """Return the tail that is above those of all classes, with the number and the strongest of all pairs."""
    everything = fitted["all"]
    start = max(tail.start for tail in fitted.values())
    scale = 0.0
    for p_value in COVERED:
        reach = max(tail.reach(p_value) for tail in fitted.values())
        scale = max(scale, (reach - start) / math.log(everything.above / p_value))
    return Tail(
        everything.kind, everything.pairs, everything.above, start, scale, everything.strongest
    )


def untrained() -> list[float]:
    """Return how close the spectra of random models are: closer than trained ones', and they must not pass for kin."""
    draw = np.random.default_rng(0)
    shapes = {}
    for projection in PROJECTIONS:
        rows = 256 if projection in {"gate", "up"} else 96
        shapes[projection] = rows, 256 if projection == "down" else 96
    models = []
    for _ in range(UNTRAINED):
        layers = [random_layer(shapes, draw) for _ in range(4)]
        models.append(SimpleNamespace(layers=layers))
    pairs = itertools.combinations(models, 2)
    return [closeness(spectral_distance(a, b)) for a, b in pairs]


def random_layer(shapes: dict[str, tuple[int, int]], draw: np.random.Generator) -> dict:
    """Return the matrices of a layer of random numbers, as a comparison of spectra reads them."""
    spots = {}
    for projection, (rows, cols) in shapes.items():
        matrix = draw.standard_normal((rows, cols))
        values = tuple(np.linalg.svd(matrix, compute_uv=False)[:16])
        spots[projection, -1, 0] = SimpleNamespace(rows=rows, cols=cols, singular_values=values)
    return spots


def shares_below(pairs: Sequence[Pair]) -> dict[str, dict[str, float]]:
    """Return the shares of independent pairs with p below each level: together, by class, and by kind alone."""
    rows: dict[str, list[float]] = defaultdict(list)
    for pair in pairs:
        if pair.derived:
            continue
        rows["all"].append(pair.p_value)
        rows[f"pairs: {pair.asked.hardness}"].append(pair.p_value)
        for kind, p_value in pair.p_values.items():
            rows[f"alone: {kind}"].append(p_value)
    table = {}
    for name, p_values in sorted(rows.items()):
        values = np.array(p_values)
        row: dict[str, float] = {"pairs": len(values)}
        for level in LEVELS:
            row[f"{level:g}"] = float(np.mean(values < level))
        table[name] = row | {"least": float(values.min())}
    return table
