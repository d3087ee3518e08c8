"""LoRA adapters: compared, or initialised; as tables and as JSON. Pure."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Group, RenderableType

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
from registry.report.tables import lines, short_count, table

if TYPE_CHECKING:
    from registry.lora_init.initialisation import Initialised

TEST_NUMBERS = ("within", "between", "p-value")
RUN_NUMBERS = ("step", "norm", "moved", "cosine to the last")


@dataclass(frozen=True)
class AdapterReport:
    """What `registry lora` prints.

    Attributes:
        base: Name and fingerprint of the base model.
        nearest: The registered adapters most like the first: name, base and std distance.
    """

    adapters: tuple[ComparedAdapter, ...]
    base: tuple[str, Fingerprint] | None
    nearest: tuple[tuple[str, str | None, float], ...]

    @property
    def trained(self) -> list[ComparedAdapter]:
        """Return the adapters whose LoRA delta is not zero."""
        return [adapter for adapter in self.adapters if adapter.delta]


def deltas(adapters: Sequence[ComparedAdapter]) -> list[Fingerprint]:
    """Return the fingerprints of LoRA deltas."""
    return [adapter.delta for adapter in adapters if adapter.delta]


def adapters_json(report: AdapterReport) -> dict[str, Any]:
    """Return vectors, distances, tests and paths; null for what an adapter does not cover."""
    adapters = [adapter_json(adapter) for adapter in report.adapters]
    tests = [asdict(test) for test in label_tests(report.adapters)]

    like = []
    for name, base, distance in report.nearest:
        like.append({"model": name, "base": base, "std_distance": distance})

    return {
        "adapters": adapters,
        "base": base_json(report.base),
        "distances": distances_json(report.trained),
        "tests": tests,
        "trajectories": trajectories_json(report.adapters),
        "like": like,
    }


def trajectories_json(adapters: Sequence[ComparedAdapter]) -> dict[str, list[dict[str, Any]]]:
    """Return the path of every training run, checkpoint by checkpoint."""
    answer = {}
    for run, points in trajectories(adapters).items():
        answer[run] = [asdict(point) for point in points]
    return answer


def adapter_json(adapter: ComparedAdapter) -> dict[str, Any]:
    """Return where an adapter is from, and the vectors of its delta and of the merged model."""
    return {
        "name": adapter.name,
        "source": adapter.source,
        "data": adapter.data,
        "base": adapter.base,
        "trained": bool(adapter.delta),
        "update": vectors_or_none(adapter.delta),
        "merged": vectors_or_none(adapter.merged),
    }


def vectors_or_none(fingerprint: Fingerprint | None) -> dict[str, Any] | None:
    """Return std and clustering vectors; None without a fingerprint."""
    if fingerprint is None:
        return None
    return vectors_json(fingerprint)


def base_json(base: tuple[str, Fingerprint] | None) -> dict[str, Any] | None:
    """Return the base model's name and vectors."""
    if base is None:
        return None
    name, fingerprint = base
    return {"name": name, **vectors_json(fingerprint)}


def vectors_json(fingerprint: Fingerprint) -> dict[str, Any]:
    """Return std and clustering vectors, by projection that is covered."""
    std, clustering = {}, {}
    shares = fingerprint.clusterings[0].vector

    for i, projection in enumerate(PROJECTIONS):
        if projection in fingerprint.projections:
            std[projection] = fingerprint.std[i]
            clustering[projection] = shares[i]
    return {"std": std, "clustering": clustering}


def distances_json(trained: Sequence[ComparedAdapter]) -> dict[str, Any]:
    """Return the distances between all adapters, for each of the two vectors."""
    answer: dict[str, Any] = {"adapters": [adapter.name for adapter in trained]}
    for vector in DISTANCES:
        answer[vector] = nested_list(distance_matrix(deltas(trained), vector))
    return answer


def nested_list(distances: np.ndarray) -> list[list[float | None]]:
    """Return a matrix as lists.

    NaN, where two adapters have too few projections in common, is None.
    """
    rows = []
    for row in distances.tolist():
        numbers = [number_or_none(value) for value in row]
        rows.append(numbers)
    return rows


def number_or_none(value: float) -> float | None:
    """Return a number, None for NaN."""
    return None if math.isnan(value) else value


def adapters_table(report: AdapterReport) -> RenderableType:
    """Return vectors, distances, tests and paths for reading."""
    parts = [adapter_table(adapter, report.base) for adapter in report.adapters]

    if len(report.trained) > 1:
        parts += [distance_table(report.trained, vector) for vector in DISTANCES]

    tests = tests_table(report.adapters)
    if tests:
        parts.append(tests)

    for run, points in trajectories(report.adapters).items():
        parts.append(run_table(run, points))

    if report.nearest:
        parts.append(nearest_table(report))
    return Group(*parts)


def adapter_table(adapter: ComparedAdapter, base: tuple[str, Fingerprint] | None) -> RenderableType:
    """Return the vectors of an adapter's LoRA delta, of its base and of the merged model."""
    title = adapter.name
    if adapter.base:
        title += f" on {adapter.base}"
    if adapter.delta is None:
        return lines(f"{title}: untrained adapter, B A is zero everywhere")

    shown = {"B A": adapter.delta}
    if base:
        shown["base"] = base[1]
    if adapter.merged:
        shown["merged"] = adapter.merged

    facts = []
    form = adapter.delta.adapter
    if form:
        facts.append(f"{form.method}, rank {form.rank}")
    if form and form.initialisation:
        facts.append("B A began as a part of the base and is not what training changed")
        if base and not adapter.merged:
            facts.append("the merged weights are not known")
    if adapter.data:
        facts.append(f"trained on {adapter.data}")

    heading = f"{title}: {', '.join(facts)}"
    return Group(lines(heading), vectors_table(shown))


def vectors_table(fingerprints: dict[str, Fingerprint]) -> RenderableType:
    """Return std and clustering vectors beside each other, a row for every covered projection."""
    columns = []
    for name in fingerprints:
        columns += [f"std {name}", f"cluster {name}"]

    rows = []
    for projection in PROJECTIONS:
        cells: list[str] = []
        for fingerprint in fingerprints.values():
            cells += entries(fingerprint, projection)
        if set(cells) != {"-"}:
            rows.append([projection, *cells])
    return table("projection", *columns, rows=rows, right=columns)


def entries(fingerprint: Fingerprint, projection: str) -> tuple[str, str]:
    """Return a projection's std and clustering share; dashes for one that is not covered."""
    if projection not in fingerprint.projections:
        return "-", "-"

    position = PROJECTIONS.index(projection)
    std = fingerprint.std[position]
    share = fingerprint.clusterings[0].vector[position]
    return f"{std:.3g}", f"{share:.3f}"


def distance_table(trained: Sequence[ComparedAdapter], vector: str) -> RenderableType:
    """Return the distances between all adapters, numbered, for one of the two vectors."""
    distances = distance_matrix(deltas(trained), vector)
    numbers = [str(i) for i in range(1, len(trained) + 1)]

    rows = []
    for number, adapter, row in zip(numbers, trained, distances, strict=True):
        label = adapter.data or adapter.name
        cells = [distance_text(value) for value in row]
        rows.append((f"{number} {label}", *cells))
    return table(f"{vector} distances", *numbers, rows=rows, right=numbers)


def distance_text(distance: float) -> str:
    """Return a distance to two digits, a dash for NaN."""
    return "-" if math.isnan(distance) else f"{distance:.2g}"


def tests_table(adapters: Sequence[ComparedAdapter]) -> RenderableType | None:
    """Return whether adapters of one data set or base are closer; None without labels."""
    rows = []
    for test in label_tests(adapters):
        means = f"{test.within:.3g}", f"{test.between:.3g}"
        rows.append((test.vector, test.label, *means, f"{test.p_value:.2g}"))
    if not rows:
        return None
    return table("vector", "of one", *TEST_NUMBERS, rows=rows, right=TEST_NUMBERS)


def run_table(run: str, points: Sequence[RunPoint]) -> RenderableType:
    """Return the path of one training run, checkpoint by checkpoint."""
    rows = []
    for point in points:
        moved = "" if point.moved is None else f"{point.moved:.3g}"
        rows.append((point.step, f"{point.norm:.3g}", moved, f"{point.likeness:.3f}"))
    return Group(lines(run), table(*RUN_NUMBERS, rows=rows, right=RUN_NUMBERS))


def nearest_table(report: AdapterReport) -> RenderableType:
    """Return the registered adapters most like the first."""
    first = report.adapters[0]
    title = f"registered, most like {first.name}"

    rows = []
    for name, base, distance in report.nearest:
        rows.append((name, base or "", f"{distance:.3g}"))
    return table(title, "base", "std distance", rows=rows)


def initialised_lines(initialised: "Initialised", reference: str) -> list[str]:
    """Return what was written and how far it moves the model, line by line."""
    size = f"{initialised.modules} modules, {short_count(initialised.parameters)} parameters"
    written = [
        f"wrote {initialised.folder}: {size}, shaped by {reference} for {initialised.base}",
        f"scaling B A is {initialised.weights:.2%} of the weights it is added to",
    ]

    if initialised.output:
        shift = initialised.output
        moved = f"{shift.relative:.2g} of its size, {shift.divergence:.2g} nats a token"
        written.append(f"before the first step the output moves by {moved}")
    else:
        written.append(f"how far the output moves was not measured: {initialised.why}")

    if initialised.keep_output:
        base = f"{initialised.folder}/base"
        written.append(f"B A was subtracted from the base: load {base} and the adapter together")
    return written
