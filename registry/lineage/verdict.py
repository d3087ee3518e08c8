"""From a comparison to a verdict that says what chance alone would give."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from registry.lineage.calibration import among, nulls, stranger_share
from registry.lineage.change_kinds import phrases
from registry.lineage.comparison import Comparison

SAME_WEIGHTS = "same weights"
QUANTISED = "quantised copy"
DERIVED = "derived"
SAME_FAMILY = "same family"
UNKNOWN = "unknown"
RELATED = (SAME_WEIGHTS, QUANTISED, DERIVED)  # verdicts that name what the weights were made from
CERTAIN = 0.001  # chance that some independent model among all candidates agrees as well, up to which a base is named
ACCEPTED = 0.05  # the same for a family


@dataclass(frozen=True)
class Evidence:
    """One number: what it is, what 95 % of independent models stay below (`null`), and its p-value.

    value, null and p_value are None where a line only tells.
    """

    name: str
    sentence: str
    value: float | None = None
    null: float | None = None
    p_value: float | None = None


@dataclass(frozen=True)
class Verdict:
    """verdict: one of the five above. model, family: what it names, None when unknown. how: what was done to `model`.

    score: larger is more surely derived, comparable across pairs: -log10 of the smallest p-value, below 0 where nothing
    speaks for it. p_value: the chance that one independent model agrees as well. chance: that at least one of as many
    as were compared does. These are None where nothing was compared. candidates: how many there were.
    """

    verdict: str
    model: str | None = None
    family: str | None = None
    how: tuple[str, ...] = ()
    score: float | None = None
    p_value: float | None = None
    chance: float | None = None
    candidates: int = 0
    evidence: tuple[Evidence, ...] = ()

    @property
    def related(self) -> bool:
        """Whether it says that the weights were made from the model's."""
        return self.verdict in RELATED


@dataclass(frozen=True)
class Candidates:
    """How many models were compared, of how many families: as many recipes as could agree by chance."""

    models: int = 1
    families: int = 1


def judge(
    found: Comparison, model: str, family: str | None, candidates: Candidates = Candidates()
) -> Verdict:
    """The verdict on one pair, the nearest of so many candidates."""
    chance = among(found.p_value, candidates.models)
    apart = found.std_distance
    how: tuple[str, ...] = ()
    if found.same or chance <= CERTAIN:
        how = tuple(phrases(found))
        kin = relation(found, how)
    else:
        by_family = recipe_chance(apart, candidates) if apart is not None else 1.0
        kin = SAME_FAMILY if by_family <= ACCEPTED else UNKNOWN
        chance = by_family if kin == SAME_FAMILY else chance
    lines = tuple(evidence(found, candidates))
    numbers = (how, found.score, found.p_value, chance, candidates.models, lines)
    return (
        Verdict(kin, None, None, *numbers)
        if kin == UNKNOWN
        else Verdict(kin, model, family, *numbers)
    )


def relation(found: Comparison, how: tuple[str, ...]) -> str:
    """How a model that comes from another is called."""
    if found.same or (
        not how and found.changes.pairs and found.changes.relative <= found.changes.rounding
    ):
        return SAME_WEIGHTS
    return QUANTISED if how and all(phrase.startswith("quantised") for phrase in how) else DERIVED


def recipe_chance(distance: float, candidates: Candidates) -> float:
    """The chance that one of so many strangers' families has std vectors as close."""
    return among(stranger_share(distance), candidates.families)


def evidence(found: Comparison, candidates: Candidates) -> Iterator[Evidence]:
    """Every number of a comparison with what chance gives, the strongest first."""
    if found.same:
        one, other = found.a.fingerprint, found.b.fingerprint
        cast = "" if one.digest == other.digest else ", once cast to bf16"
        yield Evidence("digest", f"every weight is equal{cast}", 1.0, 0.0, 0.0)
    yield from sorted(deciding(found), key=lambda line: line.p_value or 0.0)
    changes = found.changes
    if changes.equal:
        count = round(changes.equal * len(changes.pairs))
        yield Evidence(
            "equal matrices",
            f"{count} of {len(changes.pairs)} matrices are equal",
            changes.equal,
            0.0,
        )
    if changes.cosines:
        cosine = float(np.mean(list(changes.cosines.values())))
        yield Evidence(
            "weights", f"the matrices themselves agree by cosine {cosine:.3f}", cosine, 0.05
        )
    if found.std_distance is not None:
        yield recipe(found.std_distance)
    if candidates.models > 1:
        many = f"{candidates.models} models of {candidates.families} famil{'y' if candidates.families == 1 else 'ies'}"
        yield Evidence("candidates", f"{many} were compared; p-values are of one")


def deciding(found: Comparison) -> Iterator[Evidence]:
    """What decides whether one comes from the other."""
    told = {
        "stream": "layers act alike on the residual stream",
        "token": "layers act alike on the tokens, however the stream is turned",
    }
    for kind, value in found.numbers.items():
        null, p_value = nulls()[kind], found.p_values[kind]
        if kind in found.alignments:
            cosine = found.alignments[kind].similarity
            what = (
                f"{told[kind]}: cosine {cosine:.3f}, {value:.1f} standard deviations above chance"
            )
        else:
            what = f"singular values differ by {10**-value:.2g} of what chance alone moves them"
        strangers = f"the strongest of {null.pairs} independent pairs came to {null.strongest:.2g}"
        yield Evidence(kind, f"{what}; {strangers}", value, null.start, p_value)


def recipe(distance: float) -> Evidence:
    """The papers' vector, which tells the recipe."""
    share = stranger_share(distance)
    told = f"std vectors are {distance:.2g} apart, as {share:.2%} of strangers' or fewer are"
    return Evidence("std vector", f"{told}; twins come as close as children", distance, None, share)
