"""Results for reading in a terminal. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from registry.architectures.roles import PROJECTIONS
from registry.fingerprints.record import Clustering, Fingerprint
from registry.report.answers import places

if TYPE_CHECKING:
    from registry.architectures.inspection import Inspection
    from registry.database.admin import Status
    from registry.database.models import FamilySummary, Summary
    from registry.database.nearest import Match
    from registry.lineage.verdict import Evidence, Verdict
    from registry.workflows.identify import Identification
    from registry.workflows.ingest import Ingested

SHOWN = 5  # names of a long list
LEAST_SHOWN = 1e-15  # a probability below is not told apart
COUNTS = {1e12: "T", 1e9: "B", 1e6: "M", 1e3: "k"}


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
    told = verdict_table(found.source, found.verdict)
    if not found.matches:
        return told
    return Group(told, matches_table("nearest by std vector", found.matches), families_line(found.families))


def verdict_table(source: str, verdict: "Verdict") -> RenderableType:
    """A verdict and its evidence, line by line."""
    rows = [row_of(line) for line in verdict.evidence]
    numbers = ("value", "95 % below", "p-value")
    lines = Text("\n".join(f"  {line}" for line in (*verdict.how, *chances(verdict))))
    head = Text(f"{source}: {headline(verdict)}", style="bold")
    return Group(head, *([lines] if lines else []), table("evidence", *numbers, rows=rows, right=numbers))


def headline(verdict: "Verdict") -> str:
    """The verdict in words."""
    named = {
        "same weights": f"same weights as {verdict.model}",
        "quantised copy": f"quantised copy of {verdict.model}",
        "derived": f"derived from {verdict.model}",
        "same family": f"same family as {verdict.model} (family {verdict.family})",
    }
    return named.get(verdict.verdict, verdict.verdict)


def chances(verdict: "Verdict") -> list[str]:
    """What chance alone would give."""
    if verdict.chance is None or verdict.verdict == "same weights":
        return []
    whoever = f"one of {verdict.candidates} independent models" if verdict.candidates > 1 else "an independent model"
    return [f"{whoever} would agree as well with probability {probability(verdict.chance)}"]


def row_of(line: "Evidence") -> tuple[str, ...]:
    """One line of evidence."""
    numbers = ("" if each is None else f"{each:.3g}" for each in (line.value, line.null))
    return (line.sentence, *numbers, "" if line.p_value is None else probability(line.p_value))


def probability(value: float) -> str:
    """A probability; of a tiny one no more than that it is."""
    return f"< {LEAST_SHOWN:g}" if value < LEAST_SHOWN else f"{value:.2g}"


def verified_table(source: str, base: str, outcome: str, verdict: "Verdict") -> RenderableType:
    """What became of a claim."""
    return Group(Text(f"that {source} comes from {base} is {outcome}", style="bold"), verdict_table(source, verdict))


def explained_table(model: "Summary", verdict: "Verdict", judged_at: datetime) -> RenderableType:
    """A verdict that was stored."""
    when = Text(f"as judged at {judged_at:%Y-%m-%d %H:%M}, when {model.name} was ingested")
    return Group(when, verdict_table(model.name, verdict))


def matches_table(title: str, matches: Sequence["Match"]) -> Table:
    """Distances of the nearest models."""
    rows = [(m.model, m.family, f"{m.std_distance:.3g}", f"{m.clustering_distance:.3g}") for m in matches]
    numbers = ("std distance", "clustering distance")
    return table(title, "family", *numbers, rows=rows, right=numbers)


def families_line(families: Sequence["Match"]) -> Text:
    """The families in the order of their nearest member."""
    return Text("nearest families: " + ", ".join(f"{m.family} ({m.spread_distance:.2g})" for m in families))


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
