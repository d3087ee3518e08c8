"""A verdict from as few bytes as the decision needs, for checkpoints that are large or far away."""

import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.checkpoints import open_checkpoint
from registry.database import nearest
from registry.errors import QuickNeedsModel
from registry.fingerprints.partial import Glimpse
from registry.lineage.calibration import among, nulls
from registry.lineage.verdict import CERTAIN, DERIVED, UNKNOWN, Evidence, Verdict

MOST, LEAST = 0.02, 1 << 26  # share of a model, or bytes of a small one, that are read at most
NEAREST = 8  # models looked up at a time
SIDE = 16  # a cosine of two sketches is this many standard deviations of chance, less one in the last place


def identify_quickly(
    engine: Engine, source: str | Path, *, download: bool = False
) -> tuple[Verdict, Glimpse]:
    """Tell which registered model a source comes from, and what was read of it. Raises RegistryError.

    What was done to it is not looked into, and the same weights are called derived.
    """
    checkpoint = open_checkpoint(source, download=download)
    if checkpoint.kind != "model":
        raise QuickNeedsModel(source=checkpoint.source)
    glimpse = Glimpse(checkpoint)
    with Session(engine) as session:
        return verdict_from(session, glimpse), glimpse


def verdict_from(session: Session, glimpse: Glimpse) -> Verdict:
    """Read on until it is certain, or too much was read."""
    candidates = nearest.count(session, "model")
    verdict = Verdict(UNKNOWN)
    for verdict in verdicts(session, glimpse, candidates):
        if verdict.related:
            break
    return verdict


def verdicts(session: Session, glimpse: Glimpse, candidates: int) -> Iterator[Verdict]:
    """What can be said after every piece."""
    found = nearest.by_start(session, glimpse.start, NEAREST)
    lines = []
    if found:
        (model, family), cosine = found[0]
        lines.append(
            line("start", f"the first values of its tensors agree with {model}'s", SIDE * cosine)
        )
        yield told(glimpse, model, family, candidates, lines)
    seen: dict[tuple[str, str], list[float]] = defaultdict(list)
    limit = max(int(MOST * glimpse.total), LEAST)
    for looked, branch in enumerate(glimpse.branches(limit), 1):
        for named, cosine in nearest.by_branch(session, branch, NEAREST).items():
            seen[named].append(SIDE * cosine)
        if seen:
            (model, family), values = max(seen.items(), key=lambda pair: sum(pair[1]))
            mean = sum(values) / looked
            what = f"{branch.branch} of layer {branch.layer} acts as a layer of {model} does; branches so far"
            yield told(glimpse, model, family, candidates, [line("layer", what, mean), *lines])


def line(kind: str, what: str, value: float) -> Evidence:
    """One number beside its null."""
    null = nulls()[kind]
    strangers = f"the strongest of {null.pairs} independent pairs came to {null.strongest:.2g}"
    sentence = f"{what}: {value:.1f} standard deviations above chance; {strangers}"
    return Evidence(kind, sentence, value, null.start, null.p_value(value))


def told(
    glimpse: Glimpse, model: str, family: str, candidates: int, lines: list[Evidence]
) -> Verdict:
    """The verdict on what was seen last; what was seen before stands below it."""
    p_value = min(1.0, 2 * min(each.p_value or 1.0 for each in lines))
    chance = among(p_value, candidates)
    share = Evidence(
        "read",
        f"{glimpse.read / glimpse.total:.2%} of its bytes were read",
        glimpse.read / glimpse.total,
    )
    numbers = (-math.log10(p_value), p_value, chance, candidates, (*lines, share))
    if chance > CERTAIN:
        return Verdict(UNKNOWN, None, None, (), *numbers)
    return Verdict(
        DERIVED, model, family, ("told from a part of it; the whole says how",), *numbers
    )
