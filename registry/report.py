"""Results as JSON objects and as tables for a terminal. Pure: nothing is printed here. docs/json.md is the contract."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from registry.evidence import Match
from registry.fingerprints import PROJECTIONS, Adapter, Clustering, Fingerprint

if TYPE_CHECKING:
    from registry.database.admin import Status
    from registry.database.store import FamilySummary, Summary
    from registry.identify import Identification
    from registry.ingest import Ingested
    from registry.inspect import Inspection

SCHEMA_VERSION = 1
SHOWN = 5  # names of a long list
COUNTS = {1e12: "T", 1e9: "B", 1e6: "M", 1e3: "k"}


# --- JSON -----------------------------------------------------------------------------------------------------


def answer(**content: Any) -> dict[str, Any]:
    """A JSON answer; every one says which version of docs/json.md it follows."""
    return {"schema_version": SCHEMA_VERSION, **{name: plain(value) for name, value in content.items()}}


def plain(value: Any) -> Any:
    """Records, times and tuples as JSON knows them."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def fingerprint_json(fingerprint: Fingerprint) -> dict[str, Any]:
    """A fingerprint, its vectors by projection and rank; labels run over the layers that have the projection."""
    own = fingerprint.matrices
    return {
        "kind": fingerprint.kind,
        "adapter": adapter_json(fingerprint.adapter),
        "digest": fingerprint.digest,
        "fingerprint_version": fingerprint.version,
        "architecture": fingerprint.architecture,
        "dtype": fingerprint.dtype,
        "stored": fingerprint.stored,
        "parameters": fingerprint.parameters,
        "layers": fingerprint.layers,
        "hidden_size": fingerprint.hidden_size,
        "rank": fingerprint.rank,
        "projections": {p: p in fingerprint.projections for p in PROJECTIONS},
        "matrices": {p: sum(m.projection == p for m in own) for p in PROJECTIONS},
        "std": dict(zip(PROJECTIONS, fingerprint.std, strict=True)),
        "std_vector": fingerprint.std_vector,
        "clustering": {str(c.rank): c.vector for c in fingerprint.clusterings},
        "labels": {str(c.rank): by_projection(fingerprint, c.labels) for c in fingerprint.clusterings},
        "labels_k3": {str(c.rank): by_projection(fingerprint, c.labels3) for c in fingerprint.clusterings},
        "inertia": {str(c.rank): c.inertia for c in fingerprint.clusterings},
        "margin": {str(c.rank): c.margin for c in fingerprint.clusterings},
        "undetermined": {str(c.rank): places(fingerprint, c.undetermined) for c in fingerprint.clusterings},
        "spectrum_error": fingerprint.error,
        "nonfinite": fingerprint.nonfinite,
        "short_spectra": fingerprint.short,
        "unknown": fingerprint.unknown,
    }


def adapter_json(adapter: Adapter | None) -> dict[str, Any] | None:
    """What only an adapter has; None for a model."""
    if adapter is None:
        return None
    magnitude = dict(zip(PROJECTIONS, adapter.magnitude, strict=True)) if adapter.magnitude else None
    return {**asdict(adapter), "magnitude": magnitude}


def by_projection(fingerprint: Fingerprint, labels: Sequence[int]) -> dict[str, list[int]]:
    """Labels of all matrices, sorted into the projections."""
    pairs = list(zip(fingerprint.matrices, labels, strict=True))
    return {p: [label for m, label in pairs if m.projection == p] for p in PROJECTIONS}


def places(fingerprint: Fingerprint, positions: Sequence[int] | None) -> list[dict[str, Any]] | None:
    """Where matrices stand in the model; None for what was not recorded."""
    if positions is None:
        return None
    own = (fingerprint.matrices[i] for i in positions)
    return [{"layer": m.layer, "projection": m.projection, "expert": m.expert} for m in own]


def identification_json(found: "Identification") -> dict[str, Any]:
    """The verdict with its numbers."""
    return {
        "source": found.source,
        "kind": found.fingerprint.kind,
        "verdict": found.verdict.verdict,
        "model": found.verdict.model,
        "family": found.verdict.family,
        "chance": found.verdict.chance,
        "evidence": found.verdict.evidence,
        "matches": found.matches,
        "families": found.families,
        "digest": found.fingerprint.digest,
        "fingerprint_version": found.fingerprint.version,
    }


def ingested_json(done: "Ingested") -> dict[str, Any]:
    """What became of one source."""
    return {"new": done.new, "deeper": done.deeper, **asdict(done.model)}


def ingested_line(done: "Ingested") -> str:
    """What became of one source, as a sentence."""
    model = done.model
    if done.deeper:
        spectra = f"its spectra have {done.fingerprint.rank} values now instead of {done.rank_before}"
        return f"{model.name} is registered already with these weights; {spectra}"
    if not done.new:
        return f"{model.name} is registered already with these weights; nothing was changed"
    size = f"{short_count(model.parameters)} parameters, {model.layers} layers x {model.hidden_size}"
    return f"registered {model.name} in family {model.family}: {model.architecture}, {size}"


def show_json(found: tuple["Summary", Fingerprint]) -> dict[str, Any]:
    """A registered model with its fingerprint."""
    model, fingerprint = found
    return {**asdict(model), **fingerprint_json(fingerprint)}


# --- tables ---------------------------------------------------------------------------------------------------


def table(*columns: str, rows: Sequence[Sequence[Any]], right: Sequence[str] = ()) -> Table:
    """A plain table; `right` names the columns of numbers."""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        drawn.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(str(cell)) for cell in row))
    return drawn


def fingerprint_table(fingerprint: Fingerprint, title: str) -> RenderableType:
    """A fingerprint for reading: one row per projection."""
    facts = (
        f"{title}: {named(fingerprint)}, {fingerprint.layers} layers x {fingerprint.hidden_size}, "
        f"{short_count(fingerprint.parameters)} parameters, {fingerprint.dtype}\n"
        f"digest {fingerprint.digest[:16]}, fingerprint version {fingerprint.version}"
    )
    scale = max(fingerprint.std)
    rows = [
        (p, sum(m.projection == p for m in fingerprint.matrices), f"{std:.6g}", f"{std / scale:.3f}",
         *(f"{c.vector[i]:.3f}" for c in fingerprint.clusterings))
        for i, (p, std) in enumerate(zip(PROJECTIONS, fingerprint.std, strict=True)) if p in fingerprint.projections
    ]  # fmt: skip
    ranks = [f"cluster r={c.rank}" for c in fingerprint.clusterings]
    numbers = ["matrices", "std", "std/max", *ranks]
    drawn = table("projection", *numbers, rows=rows, right=numbers)
    return Group(Text(facts), drawn, Text("\n".join(notes(fingerprint))))


def named(fingerprint: Fingerprint) -> str:
    """The architecture; of an adapter how it was made as well."""
    adapter = fingerprint.adapter
    made = f"{adapter.method} adapter of rank {adapter.rank} for " if adapter else ""
    return made + fingerprint.architecture


def notes(fingerprint: Fingerprint) -> list[str]:
    """What a reader should know before trusting the numbers."""
    said = [f"{fingerprint.nonfinite} NaN or infinite weights were left out"] if fingerprint.nonfinite else []
    if fingerprint.short:
        said.append(
            f"{len(fingerprint.short)} matrices have fewer singular values than the largest rank and use what they have"
        )
    said += [doubt(fingerprint, c) for c in fingerprint.clusterings if c.undetermined]
    if fingerprint.error is None:
        said.append("how exact the singular values are was not recorded; ingest the model with a larger --rank")
    adapter = fingerprint.adapter
    if adapter and adapter.beside:
        said.append(
            f"{len(adapter.beside)} full tensors beside the updates were left out: {', '.join(adapter.beside[:3])}"
        )
    if adapter and adapter.untouched:
        said.append(f"{len(adapter.untouched)} updates are zero and were left out: {', '.join(adapter.untouched[:3])}")
    if fingerprint.unknown:
        said.append(
            f"{len(fingerprint.unknown)} matrices of unknown names were left out: {', '.join(fingerprint.unknown[:3])}"
        )
    return said


def doubt(fingerprint: Fingerprint, clustering: Clustering) -> str:
    """Which labels the errors of the spectra leave open."""
    own = places(fingerprint, clustering.undetermined) or []
    names = short_list([f"layer {m['layer']} {m['projection']}" for m in own])
    return f"labels at rank {clustering.rank} that are not certain within the errors of the spectra: {names}"


def timing_table(seconds: Mapping[str, float]) -> RenderableType:
    """Where the time went: of all threads together, and on the wall."""
    rows = [(stage, f"{spent:.3f}") for stage, spent in seconds.items() if spent]
    return table("stage", "seconds", rows=rows, right=("seconds",))


def show_table(model: "Summary", fingerprint: Fingerprint) -> RenderableType:
    """A registered model."""
    origin = f"family {model.family}; from {model.source}" + (f" at {model.revision}" if model.revision else "")
    declared = f"; says it was made from {model.declared_base}" if model.declared_base else ""
    when = f"ingested {model.ingested_at:%Y-%m-%d %H:%M} by registry {model.tool_version}"
    return Group(fingerprint_table(fingerprint, model.name), Text(f"{origin}{declared}\n{when}"))


def models_table(models: Sequence["Summary"]) -> RenderableType:
    """All registered models."""
    columns: dict[str, Callable[[Summary], Any]] = {
        "model": lambda m: m.name,
        "family": lambda m: m.family,
        "architecture": lambda m: m.architecture if m.kind == "model" else f"{m.architecture} {m.kind}",
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


def identification_table(found: "Identification") -> RenderableType:
    """The verdict, the evidence, the nearest models and families."""
    verdict = found.verdict
    named = {
        "same weights": f" as {verdict.model}",
        "same family": f" as {verdict.model} (family {verdict.family})",
    }
    headline = Text(f"{found.source}: {verdict.verdict}{named.get(verdict.verdict, '')}", style="bold")
    evidence = Text("\n".join(f"  {line}" for line in verdict.evidence))
    if not found.matches:
        return Group(headline, evidence)
    return Group(headline, evidence, matches_table("nearest model", found.matches), families_line(found.families))


def matches_table(title: str, matches: Sequence[Match]) -> Table:
    """Distances of the nearest models."""
    rows = [(m.model, m.family, f"{m.std_distance:.3g}", f"{m.clustering_distance:.3g}") for m in matches]
    numbers = ("std distance", "clustering distance")
    return table(title, "family", *numbers, rows=rows, right=numbers)


def families_line(families: Sequence[Match]) -> Text:
    """The families in the order of their nearest member."""
    return Text("nearest families: " + ", ".join(f"{m.family} ({m.std_distance:.2g})" for m in families))


def inspection_table(found: "Inspection") -> RenderableType:
    """What a checkpoint holds."""
    size = (
        f"{found.tensors} tensors, {found.bytes / 1e9:.2f} GB, {', '.join(f'{n} {t}' for t, n in found.dtypes.items())}"
    )
    base = f", says it was made from {found.declared_base}" if found.declared_base else ""
    what = found.architecture if found.kind == "model" else f"{found.architecture} {found.kind}"
    facts = Text(f"{found.name}: {what}{base}\n{size}\n{found.layers} layers, names as {found.naming}")
    rows = [
        (p.projection, p.matrices, p.layers, ", ".join(f"{r} x {c}" for r, c in p.shapes)) for p in found.projections
    ]
    drawn = table("projection", "matrices", "layers", "shapes", rows=rows, right=("matrices", "layers"))
    return Group(facts, drawn, Text(f"ignored: {short_list(found.ignored)}\nunknown: {short_list(found.unknown)}"))


def short_list(names: Sequence[str]) -> str:
    """The first few names and how many there are."""
    more = f", ... ({len(names)})" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "none"


def status_table(status: "Status") -> RenderableType:
    """What is known of the database."""
    return table("database", "", rows=[(name, value) for name, value in asdict(status).items() if value is not None])


def short_count(count: int) -> str:
    """1,234,567 as 1.2M."""
    return next((f"{count / size:.1f}{unit}" for size, unit in COUNTS.items() if count >= size), str(count))
