"""Characteristics, laws of distances and LoRA starts, for reading and as JSON. Pure."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from registry.report.tables import table

if TYPE_CHECKING:
    from registry.characteristic.dsv import Measured
    from registry.characteristic.groups import Characteristic, Comparison
    from registry.characteristic.laws import Law, Pareto

NUMBERS = ("distances", "mean", "alpha", "95 %", "KS")


def characteristic_json(
    name: str, found: "Characteristic", paper: dict[str, Any] | None
) -> dict[str, Any]:
    """A characteristic with what decided."""
    return {
        "model": name,
        "rank": found.rank,
        "usable": found.usable,
        "groups": [asdict(group) for group in found.groups],
        "comparisons": [comparison_json(each) for each in found.comparisons],
        "paper": paper,
    }


def comparison_json(each: "Comparison") -> dict[str, Any]:
    """One comparison."""
    return {
        "referenced": each.referenced,
        "projection": each.projection,
        "member": each.member,
        **law_json(each.law),
    }


def law_json(law: "Law") -> dict[str, Any]:
    """A law, its shape as the paper calls it."""
    return {**asdict(law), "alpha": law.pareto.shape, "power_over_normal": law.power_over_normal}


def characteristic_table(
    name: str, found: "Characteristic", paper: dict[str, Any] | None
) -> RenderableType:
    """Groups, and the numbers behind them."""
    lines = [f"{name}: {len(found.groups)} groups at rank {found.rank}"]
    lines += [
        f"  {group.referenced}: {', '.join(group.members) or 'no members'}"
        for group in found.groups
    ]
    if paper and "groups" in paper:
        lines += [f"paper, table 3: {'; '.join(grouped(own) for own in paper['groups'])}"]
    if not found.usable:
        lines += ["with one group there is no characteristic to shape anything by"]
    rows = [
        (
            f"{each.referenced}-{each.projection}",
            "member" if each.member else "",
            *law_row(each.law),
        )
        for each in found.comparisons
    ]
    columns = ("distances of", "", "law", *NUMBERS)
    return Group(Text("\n".join(lines)), table(*columns, rows=rows, right=NUMBERS))


def grouped(group: Sequence[str]) -> str:
    """A group of the paper's."""
    return f"{group[0]}: {', '.join(group[1:]) or 'no members'}"


def law_row(law: "Law") -> tuple[str, ...]:
    """A law's numbers."""
    interval = "{:.2f} to {:.2f}".format(*law.interval)
    return (
        law.law,
        str(law.count),
        f"{law.mean:.3g}",
        f"{law.pareto.shape:.2f}",
        interval,
        f"{law.ks:.2f}",
    )


def distances_json(
    name: str,
    rank: int,
    measured: Sequence["Measured"],
    fits: Sequence["Pareto"],
    paper: dict[str, Any] | None,
) -> dict[str, Any]:
    """The laws of some sets of distances; law is null where there are too few."""
    rows = [
        {"a": each.a, "b": each.b, "why": each.why, "law": law_json(each.law) if each.law else None}
        for each in measured
    ]
    return {
        "model": name,
        "rank": rank,
        "distances": rows,
        "scipy_fits": list(fits),
        "paper": paper,
    }


def distances_table(
    name: str,
    rank: int,
    measured: Sequence["Measured"],
    fits: Sequence["Pareto"],
    paper: dict[str, Any] | None,
) -> RenderableType:
    """The laws of some sets of distances, and how scipy fits the first."""
    rows = [
        (
            each.name,
            *(
                law_row(each.law)
                if each.law
                else (each.why, str(each.count), *[""] * (len(NUMBERS) - 1))
            ),
        )
        for each in measured
    ]
    lines = [f"{name}: cosine distances of singular-value vectors at rank {rank}"]
    if paper and "alpha" in paper:
        lines += [f"paper, table 1: alpha {paper['alpha']} for all, at rank 16"]
    starts = [
        (
            fit.start,
            f"{fit.shape:.3f}",
            f"{fit.location:.3g}",
            f"{fit.scale:.3g}",
            f"{fit.likelihood:.1f}",
        )
        for fit in fits
    ]
    told = ("alpha", "location", "scale", "log-likelihood")
    drawn = [table("distances of", "law", *NUMBERS, rows=rows, right=NUMBERS)]
    if starts:
        drawn += [
            table(
                f"scipy.stats.genpareto of {measured[0].name}, from", *told, rows=starts, right=told
            )
        ]
    return Group(Text("\n".join(lines)), *drawn)
