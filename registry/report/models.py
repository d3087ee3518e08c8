"""Registered models and the database: as tables and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType

from registry.fingerprints.record import Fingerprint
from registry.report.fingerprints import fingerprint_json, fingerprint_table
from registry.report.tables import lines, number_text, short_count, table

if TYPE_CHECKING:
    from registry.database.keeping.admin import Status
    from registry.database.searching.found_models import Found
    from registry.database.stored.models import FamilySummary, Summary
    from registry.workflows.flush import Flushed
    from registry.workflows.ingest import Ingested
    from registry.workflows.resolve import Resolved


def timing_table(seconds: Mapping[str, float]) -> RenderableType:
    """Return the time per stage, summed over all threads, and `wall`."""
    rows = []
    for stage, spent in seconds.items():
        if spent:
            rows.append((stage, f"{spent:.3f}"))
    return table("stage", "seconds", rows=rows, right=("seconds",))


def show_table(
    model: "Summary", fingerprint: Fingerprint, remarks: Sequence[str] = ()
) -> RenderableType:
    """Return a registered model's fingerprint, where it is from, and remarks on it."""
    origin = f"family {model.family}; from {model.source}"
    if model.revision:
        origin += f" at {model.revision}"
    if model.declared_base:
        origin += f"; declared base {model.declared_base}"

    when = f"ingested {model.ingested_at:%Y-%m-%d %H:%M}; computed by registry {model.tool_version}"
    numbers = fingerprint_table(fingerprint, model.name)
    return Group(numbers, lines(origin, when, *remarks))


Tags = Mapping[tuple[str, int], tuple[str, ...]]
"""Tags of models, by name and fingerprint version."""


def tags_of(model: "Summary", tags: Tags) -> tuple[str, ...]:
    """Return the tags of a model."""
    return tags.get((model.name, model.fingerprint_version), ())


def model_json(model: "Summary", tags: Tags) -> dict[str, Any]:
    """Return a registered model as `registry list --json` gives it."""
    return {**asdict(model), "tags": tags_of(model, tags)}


def models_table(models: Sequence["Summary"], tags: Tags | None = None) -> RenderableType:
    """Return a row for every registered model; further columns show tags, and what is compared."""
    numbers = ("parameters", "layers", "hidden")
    columns = ["model", "family", "architecture", *numbers, "digest"]
    rows = [model_row(model) for model in models]
    labels = [", ".join(tags_of(model, tags or {})) for model in models]
    if any(labels):
        columns.append("tags")
        rows = [(*row, label) for row, label in zip(rows, labels, strict=True)]
    if not all(model.compared for model in models):
        columns.append("not compared")
        rows = [(*row, version_mark(model)) for row, model in zip(rows, models, strict=True)]
    return table(*columns, rows=rows, right=numbers)


def version_mark(model: "Summary") -> str:
    """Return the version of a fingerprint that is not compared, empty for one that is."""
    return "" if model.compared else f"version {model.fingerprint_version}"


def model_row(model: "Summary") -> tuple[Any, ...]:
    """Return a registered model's cells."""
    kind = "" if model.kind == "model" else f" {model.kind}"
    return (
        model.name,
        model.family,
        f"{model.architecture}{kind}",
        short_count(model.parameters),
        model.layers,
        model.hidden_size,
        model.digest[:12],
    )


def found_json(found: Sequence["Found"]) -> dict[str, Any]:
    """Return the models that a search finds, with what it was sorted by."""
    models = []
    for one in found:
        said = {"tags": one.tags, "verdict": one.verdict, "base": one.base}
        models.append({**asdict(one.model), **said, "std_distance": one.std_distance})
    return {"models": models}


def found_table(found: Sequence["Found"]) -> RenderableType:
    """Return a row for every model that a search finds."""
    numbers = ["parameters", "layers", "hidden"]
    columns = ["model", "family", "architecture", *numbers, "digest", "verdict"]
    rows: list[tuple[Any, ...]] = []
    for one in found:
        said = f"{one.verdict or ''} {one.base or ''}".strip()
        rows.append((*model_row(one.model), said))
    if any(one.std_distance is not None for one in found):
        columns.append("std distance")
        numbers.append("std distance")
        distances = [number_text(one.std_distance) for one in found]
        rows = [(*row, distance) for row, distance in zip(rows, distances, strict=True)]
    return table(*columns, rows=rows, right=numbers)


def families_table(families: Sequence["FamilySummary"]) -> RenderableType:
    """Return a row for every family."""
    rows = []
    for family in families:
        names = ", ".join(family.models)
        rows.append((family.name, len(family.models), names))
    return table("family", "count", "models", rows=rows, right=("count",))


def status_table(status: "Status") -> RenderableType:
    """Return what is known of the database."""
    rows = []
    for name, value in asdict(status).items():
        if value is not None:
            rows.append((name, value))
    return table("database", "", rows=rows)


def flushed_json(flushed: Sequence["Flushed"]) -> dict[str, Any]:
    """Return what became of the files that waited, as `registry flush --json` gives it."""
    stored = []
    left = []
    for file in flushed:
        if file.ingested:
            stored.append({"file": str(file.path), **ingested_json(file.ingested)})
        else:
            left.append({"file": str(file.path), "source": file.source, "error": str(file.error)})
    return {"models": stored, "left": left}


def ingested_line(ingested: "Ingested") -> str:
    """Return what became of one source, as a sentence."""
    model = ingested.model
    if ingested.new:
        parameters = f"{short_count(model.parameters)} parameters"
        size = f"{parameters}, {model.layers} layers x {model.hidden_size}"
        return f"registered {model.name} in family {model.family}: {model.architecture}, {size}"

    rank = ingested.fingerprint.rank
    changes = {
        "deepened": f"{rank} singular values are stored now instead of {ingested.rank_before}",
        "completed": "what an older registry did not record was added",
        "refreshed": f"version {model.fingerprint_version} of its fingerprint replaced the old one",
        "unchanged": "nothing was changed",
    }
    change = changes[ingested.outcome.value]
    line = f"{model.name} is registered already with these weights; {change}"
    return f"{line}; this source was added to it" if ingested.elsewhere else line


def ingested_json(ingested: "Ingested") -> dict[str, Any]:
    """Return what became of one source, as `registry ingest --json` gives it."""
    return {
        "outcome": ingested.outcome.value,
        "new": ingested.new,
        "deeper": ingested.deeper,
        "elsewhere": ingested.elsewhere,
        **asdict(ingested.model),
    }


def ambiguity(model: "Resolved") -> str:
    """Return which of its two meanings a name was taken for, as a sentence."""
    both = f"{model.given!r} is a file or folder here and a registered model"
    return f"{both}; the file or folder was taken, give the model's digest to mean the other."


def show_json(model: "Summary", fingerprint: Fingerprint) -> dict[str, Any]:
    """Return a registered model with its fingerprint."""
    return {**asdict(model), **fingerprint_json(fingerprint)}
