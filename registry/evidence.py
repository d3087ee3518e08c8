"""From distances to a verdict that says what chance alone would give. Pure."""

import bisect
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

SAME_WEIGHTS = "same weights"
SAME_FAMILY = "same family"
UNKNOWN = "unknown"
ACCEPTED = 0.05  # chance that some stranger among all candidates is this close, up to which a family is named


@dataclass(frozen=True)
class Match:
    """A registered model beside an unknown one: cosine distances of the two vectors of paper 2509.19122."""

    model: str
    family: str
    digest: str
    std_distance: float
    clustering_distance: float


@dataclass(frozen=True)
class Verdict:
    """verdict: one of the three above. model, family: what it names, None when unknown.

    chance: probability that at least one of as many strangers would come as close as the nearest model did; None
    where there was nothing to compare or nothing left to chance. evidence: the reasons, one sentence each.
    """

    verdict: str
    model: str | None
    family: str | None
    chance: float | None
    evidence: tuple[str, ...]


def judge(matches: list[Match], candidates: int, twin: tuple[str, str] | None, kind: str = "model") -> Verdict:
    """The verdict on matches that stand nearest first, out of `candidates` comparable models or adapters.

    twin: name and family of the registered model with the same content digest, if there is one.
    """
    if twin:
        return Verdict(SAME_WEIGHTS, *twin, None, (f"every weight equals that of {twin[0]}",))
    if not matches:
        return Verdict(UNKNOWN, None, None, None, (f"no registered {kind} has the same projections",))
    best = matches[0]
    if kind == "adapter":
        nearest = f"nearest is {best.model} at std distance {best.std_distance:.2g}"
        return Verdict(UNKNOWN, None, None, None, (nearest, "how close unrelated adapters come was never measured"))
    single = stranger_share(best.std_distance)
    chance = 1 - (1 - single) ** candidates
    evidence = (
        f"nearest is {best.model} at std distance {best.std_distance:.2g}",
        f"{single:.2%} of unrelated models or fewer are as close",
        f"one of {candidates} strangers would be as close with probability {chance:.2g}",
    )
    if chance > ACCEPTED:
        return Verdict(UNKNOWN, None, None, chance, evidence)
    limits = "these vectors describe the recipe: they cannot tell a child from an independent run of one recipe"
    return Verdict(SAME_FAMILY, best.model, best.family, chance, (*evidence, limits))


def stranger_share(distance: float) -> float:
    """Share of pairs of unrelated models at most this far apart, interpolated; never below what was measured."""
    shares, distances = zip(*quantiles(), strict=True)
    i = bisect.bisect_right(distances, distance)
    if i == 0:
        return float(shares[0])
    if i == len(distances):
        return 1.0
    part = (distance - distances[i - 1]) / (distances[i] - distances[i - 1])
    return float(shares[i - 1] + part * (shares[i] - shares[i - 1]))


@cache
def quantiles() -> tuple[tuple[float, float], ...]:
    """Rows (share, distance) of strangers.toml, rising."""
    content = tomllib.loads(files("registry").joinpath("strangers.toml").read_text(encoding="utf-8"))
    return tuple((share, distance) for share, distance in content["quantiles"])
