"""Adapters through the first paper's lens, for reading and as JSON. Pure."""

from typing import TYPE_CHECKING

from registry.report.tables import short_count

if TYPE_CHECKING:
    from registry.lora_init.start import Initialised


import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from registry.architectures.roles import PROJECTIONS
from registry.fingerprints.record import Fingerprint
from registry.lineage.adapter_comparison import (
    DISTANCES,
    ComparedAdapter,
    RunPoint,
    distance_matrix,
    label_tests,
    trajectories,
)
from registry.report.tables import table as drawn_table


@dataclass(frozen=True)
class Told:
    """What `registry lora` prints. nearest: registered adapters like the first: name, base, distance."""

    seen: tuple[ComparedAdapter, ...]
    base: tuple[str, Fingerprint] | None
    nearest: tuple[tuple[str, str | None, float], ...]


def told_json(told: Told) -> dict[str, Any]:
    """Vectors, distances, tests and paths; null for what an adapter does not cover."""
    trained = [each for each in told.seen if each.delta]
    prints = [each.delta for each in trained if each.delta]
    return {
        "adapters": [adapter_json(each) for each in told.seen],
        "base": {"name": told.base[0], **vectors_json(told.base[1])} if told.base else None,
        "distances": {
            "adapters": [each.name for each in trained],
            **{vector: known(distance_matrix(prints, vector)) for vector in DISTANCES},
        },
        "tests": [asdict(each) for each in label_tests(told.seen)],
        "trajectories": {
            run: [asdict(p) for p in points] for run, points in trajectories(told.seen).items()
        },
        "like": [
            {"model": name, "base": base, "std_distance": apart}
            for name, base, apart in told.nearest
        ],
    }


def adapter_json(each: ComparedAdapter) -> dict[str, Any]:
    """One adapter."""
    facts = {
        "name": each.name,
        "source": each.source,
        "data": each.data,
        "base": each.base,
        "trained": bool(each.delta),
    }
    own, merged = (vectors_json(found) if found else None for found in (each.delta, each.merged))
    return {**facts, "update": own, "merged": merged}


def vectors_json(fingerprint: Fingerprint) -> dict[str, Any]:
    """Both vectors, by projection."""
    shares = fingerprint.clusterings[0].vector
    covered = {p: i for i, p in enumerate(PROJECTIONS) if p in fingerprint.projections}
    return {
        "std": {p: fingerprint.std[i] for p, i in covered.items()},
        "clustering": {p: shares[i] for p, i in covered.items()},
    }


def known(distances: np.ndarray) -> list[list[float | None]]:
    """A table, null where two adapters have too little in common."""
    return [[None if math.isnan(value) else float(value) for value in row] for row in distances]


def told_table(told: Told) -> RenderableType:
    """The same for reading."""
    parts: list[RenderableType] = [adapter_table(each, told.base) for each in told.seen]
    trained = [each for each in told.seen if each.delta]
    if len(trained) > 1:
        parts += [distance_table(trained, vector) for vector in DISTANCES]
    tests = [
        (
            each.vector,
            each.label,
            f"{each.within:.3g}",
            f"{each.between:.3g}",
            f"{each.p_value:.2g}",
        )
        for each in label_tests(told.seen)
    ]
    if tests:
        numbers = ("within", "between", "p-value")
        parts.append(drawn_table("vector", "of one", *numbers, rows=tests, right=numbers))
    parts += [run_table(run, points) for run, points in trajectories(told.seen).items()]
    if told.nearest:
        rows = [(name, base or "", f"{apart:.3g}") for name, base, apart in told.nearest]
        parts.append(
            drawn_table(
                f"registered, most like {told.seen[0].name}", "base", "std distance", rows=rows
            )
        )
    return Group(*parts)


def adapter_table(each: ComparedAdapter, base: tuple[str, Fingerprint] | None) -> RenderableType:
    """The vectors of one adapter, its base and both together."""
    of = f" on {each.base}" if each.base else ""
    trained_on = f", trained on {each.data}" if each.data else ""
    if each.delta is None:
        return Text(f"{each.name}{of}: untrained adapter, B A is zero everywhere")
    shown = (
        {"B A": each.delta}
        | ({"base": base[1]} if base else {})
        | ({"merged": each.merged} if each.merged else {})
    )
    rows = [
        (
            p,
            *(
                number(print_, p, vector)
                for print_ in shown.values()
                for vector in ("std", "cluster")
            ),
        )
        for p in PROJECTIONS
        if any(p in print_.projections for print_ in shown.values())
    ]
    columns = [f"{vector} {name}" for name in shown for vector in ("std", "cluster")]
    how = (
        f"{each.delta.adapter.method}, rank {each.delta.adapter.rank}" if each.delta.adapter else ""
    )
    return Group(
        Text(f"{each.name}{of}: {how}{trained_on}"),
        drawn_table("projection", *columns, rows=rows, right=columns),
    )


def number(fingerprint: Fingerprint, projection: str, vector: str) -> str:
    """One entry; a dash for what is not covered."""
    if projection not in fingerprint.projections:
        return "-"
    i = PROJECTIONS.index(projection)
    return (
        f"{fingerprint.std[i]:.3g}"
        if vector == "std"
        else f"{fingerprint.clusterings[0].vector[i]:.3f}"
    )


def distance_table(trained: Sequence[ComparedAdapter], vector: str) -> RenderableType:
    """Distances of all pairs."""
    values = distance_matrix([each.delta for each in trained if each.delta], vector)
    numbers = [str(i + 1) for i in range(len(trained))]
    rows = [
        (f"{i + 1} {each.data or each.name}", *("-" if math.isnan(v) else f"{v:.2g}" for v in row))
        for i, (each, row) in enumerate(zip(trained, values, strict=True))
    ]
    return drawn_table(f"{vector} distances", *numbers, rows=rows, right=numbers)


def run_table(run: str, points: Sequence[RunPoint]) -> RenderableType:
    """The path of one run."""
    rows = [
        (p.step, f"{p.norm:.3g}", "" if p.moved is None else f"{p.moved:.3g}", f"{p.likeness:.3f}")
        for p in points
    ]
    numbers = ("step", "norm", "moved", "cosine to the last")
    return Group(Text(run), drawn_table(*numbers, rows=rows, right=numbers))


def initialised_text(done: "Initialised", reference: str) -> str:
    """What became of an adapter, as sentences."""
    size = f"{done.modules} modules, {short_count(done.parameters)} parameters"
    lines = [f"wrote {done.folder}: {size}, shaped by {reference} for {done.base}"]
    lines += [f"scaling B A is {done.weights:.2%} of the weights that it is added to"]
    if done.output:
        moved = f"{done.output.relative:.2g} of its size, {done.output.divergence:.2g} nats a token"
        lines += [f"before the first step the output moves by {moved}"]
    else:
        lines += [f"how far the output moves was not looked at: {done.why}"]
    if done.keep_output:
        lines += [
            f"the start was taken off the base: load {done.folder}/base and the adapter together"
        ]
    return "\n".join(lines)
