"""Registered models and the database: as tables and as JSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from registry.fingerprints.record import Fingerprint
from registry.report.fingerprints import fingerprint_json, fingerprint_table
from registry.report.tables import short_count, table

if TYPE_CHECKING:
    from registry.database.admin import Status
    from registry.database.models import FamilySummary, Summary
    from registry.workflows.ingest import Ingested


def timing_table(seconds: Mapping[str, float]) -> RenderableType:
    """Where the time went: of all threads together, and on the wall."""
    rows = [(stage, f"{spent:.3f}") for stage, spent in seconds.items() if spent]
    return table("stage", "seconds", rows=rows, right=("seconds",))


def show_table(model: "Summary", fingerprint: Fingerprint) -> RenderableType:
    """A registered model."""
    origin = f"family {model.family}; from {model.source}" + (
        f" at {model.revision}" if model.revision else ""
    )
    declared = f"; says it was made from {model.declared_base}" if model.declared_base else ""
    when = f"ingested {model.ingested_at:%Y-%m-%d %H:%M} by registry {model.tool_version}"
    return Group(fingerprint_table(fingerprint, model.name), Text(f"{origin}{declared}\n{when}"))


def models_table(models: Sequence["Summary"]) -> RenderableType:
    """All registered models."""
    columns: dict[str, Callable[[Summary], Any]] = {
        "model": lambda m: m.name,
        "family": lambda m: m.family,
        "architecture": lambda m: (
            m.architecture if m.kind == "model" else f"{m.architecture} {m.kind}"
        ),
        "parameters": lambda m: short_count(m.parameters),
        "layers": lambda m: m.layers,
        "hidden": lambda m: m.hidden_size,
        "digest": lambda m: m.digest[:12],
    }
    rows = [[cell(m) for cell in columns.values()] for m in models]
    return table(*columns, rows=rows, right=("parameters", "layers", "hidden"))


def families_table(families: Sequence["FamilySummary"]) -> RenderableType:
    """All families."""
    rows = [(f.name, len(f.models), ", ".join(f.models)) for f in families]
    return table("family", "count", "models", rows=rows, right=("count",))


def status_table(status: "Status") -> RenderableType:
    """What is known of the database."""
    return table(
        "database",
        "",
        rows=[(name, value) for name, value in asdict(status).items() if value is not None],
    )


def ingested_line(ingested: "Ingested") -> str:
    """Return what became of one source, as a sentence."""
    model = ingested.model
    if ingested.new:
        size = f"{short_count(model.parameters)} parameters, {model.layers} layers x {model.hidden_size}"
        return f"registered {model.name} in family {model.family}: {model.architecture}, {size}"
    change = {
        "deepened": f"its spectra have {ingested.fingerprint.rank} values now instead of {ingested.rank_before}",
        "completed": "what an older registry did not record was added",
        "unchanged": "nothing was changed",
    }[ingested.outcome.value]
    return f"{model.name} is registered already with these weights; {change}"


def ingested_json(ingested: "Ingested") -> dict[str, Any]:
    """Return what became of one source, as `registry ingest --json` gives it."""
    outcome = {"outcome": ingested.outcome.value, "new": ingested.new, "deeper": ingested.deeper}
    return {**outcome, **asdict(ingested.model)}


def show_json(found: tuple["Summary", Fingerprint]) -> dict[str, Any]:
    """A registered model with its fingerprint."""
    model, fingerprint = found
    return {**asdict(model), **fingerprint_json(fingerprint)}
