"""Characteristics and laws of distances: as tables and as JSON. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType

from registry.report.tables import lines, table

if TYPE_CHECKING:
    from registry.characteristic.dsv import DistanceLaw
    from registry.characteristic.groups import Characteristic, Comparison
    from registry.characteristic.laws import Law
    from registry.characteristic.pareto import Pareto

LAW_COLUMNS = ("law", "distances", "mean", "alpha", "95 % interval", "KS")
LAW_NUMBERS = LAW_COLUMNS[1:]
FIT_NUMBERS = ("alpha", "location", "scale", "log-likelihood")


@dataclass(frozen=True)
class DistanceReport:
    """What `registry dsv` prints.

    Attributes:
        sets: Sets of distances and their laws.
        fits: scipy's fits to the distances of the first set.
        paper: What the paper publishes of this model, if it does.
    """

    model: str
    rank: int
    sets: "Sequence[DistanceLaw]"
    fits: "Sequence[Pareto]"
    paper: dict[str, Any] | None


def characteristic_json(
    model: str, characteristic: "Characteristic", paper: dict[str, Any] | None
) -> dict[str, Any]:
    """Return a characteristic with the comparisons that decided it."""
    groups = [asdict(group) for group in characteristic.groups]
    comparisons = [comparison_json(comparison) for comparison in characteristic.comparisons]

    return {
        "model": model,
        "rank": characteristic.rank,
        "usable": characteristic.usable,
        "groups": groups,
        "comparisons": comparisons,
        "paper": paper,
    }


def comparison_json(comparison: "Comparison") -> dict[str, Any]:
    """Return one comparison of two projections."""
    return {
        "referenced": comparison.referenced,
        "projection": comparison.projection,
        "member": comparison.member,
        **law_json(comparison.law),
    }


def law_json(law: "Law") -> dict[str, Any]:
    """Return a law; `alpha` is the paper's name for its shape."""
    return {**asdict(law), "alpha": law.pareto.shape, "power_over_normal": law.power_over_normal}


def characteristic_table(
    model: str, characteristic: "Characteristic", paper: dict[str, Any] | None
) -> RenderableType:
    """Return the groups of projections, and the numbers behind them."""
    groups = [group_text(group.referenced, group.members) for group in characteristic.groups]
    facts = [f"{model}: {len(groups)} groups at rank {characteristic.rank}"]
    facts += [f"  {group}" for group in groups]

    if paper and "groups" in paper:
        published = []
        for referenced, *members in paper["groups"]:
            published.append(group_text(referenced, members))
        facts.append(f"paper, table 3: {'; '.join(published)}")
    if not characteristic.usable:
        facts.append("one group only: this model cannot shape a LoRA initialisation")

    rows = []
    for comparison in characteristic.comparisons:
        pair = f"{comparison.referenced}-{comparison.projection}"
        member = "member" if comparison.member else ""
        rows.append((pair, member, *law_row(comparison.law)))

    drawn = table("distances of", "", *LAW_COLUMNS, rows=rows, right=LAW_NUMBERS)
    return Group(lines(*facts), drawn)


def group_text(referenced: str, members: Sequence[str]) -> str:
    """Return a group of projections as text."""
    return f"{referenced}: {', '.join(members) or 'no members'}"


def law_row(law: "Law") -> tuple[str, ...]:
    """Return a law's cells, in the order of LAW_COLUMNS."""
    low, high = law.interval
    return (
        law.law,
        str(law.count),
        f"{law.mean:.3g}",
        f"{law.pareto.shape:.2f}",
        f"{low:.2f} to {high:.2f}",
        f"{law.ks:.2f}",
    )


def distances_json(report: DistanceReport) -> dict[str, Any]:
    """Return the laws of all sets of distances; a law is null where there are too few."""
    sets = []
    for measured in report.sets:
        law = law_json(measured.law) if measured.law else None
        sets.append({"a": measured.a, "b": measured.b, "why": measured.why, "law": law})

    return {
        "model": report.model,
        "rank": report.rank,
        "distances": sets,
        "scipy_fits": list(report.fits),
        "paper": report.paper,
    }


def distances_table(report: DistanceReport) -> RenderableType:
    """Return the laws of all sets of distances, and how scipy fits the first."""
    facts = [f"{report.model}: cosine distances of singular-value vectors at rank {report.rank}"]
    if report.paper and "alpha" in report.paper:
        facts.append(f"paper, table 1: alpha {report.paper['alpha']} for all, at rank 16")

    rows = [measured_row(measured) for measured in report.sets]
    laws = table("distances of", *LAW_COLUMNS, rows=rows, right=LAW_NUMBERS)
    parts: list[RenderableType] = [lines(*facts), laws]

    if report.fits:
        title = f"scipy.stats.genpareto of {report.sets[0].name}, from"
        fits = [fit_row(fit) for fit in report.fits]
        parts.append(table(title, *FIT_NUMBERS, rows=fits, right=FIT_NUMBERS))
    return Group(*parts)


def measured_row(measured: "DistanceLaw") -> tuple[str, ...]:
    """Return the cells of one set of distances; without a law, why there is none."""
    if measured.law:
        return (measured.name, *law_row(measured.law))

    row = [""] * (1 + len(LAW_COLUMNS))
    row[:3] = measured.name, measured.why or "", str(measured.count)
    return tuple(row)


def fit_row(fit: "Pareto") -> tuple[str, ...]:
    """Return how scipy fits a set: where it started, and FIT_NUMBERS."""
    return (
        fit.start,
        f"{fit.shape:.3f}",
        f"{fit.location:.3g}",
        f"{fit.scale:.3g}",
        f"{fit.likelihood:.1f}",
    )
