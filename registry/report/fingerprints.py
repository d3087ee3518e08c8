"""A fingerprint and an inspection: as a table and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from registry.architectures.roles import PROJECTIONS
from registry.fingerprints.record import Adapter, Clustering, Fingerprint
from registry.report.tables import short_count, short_list, table

if TYPE_CHECKING:
    from registry.architectures.inspection import Inspection


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
    said = (
        [f"{fingerprint.nonfinite} NaN or infinite weights were left out"]
        if fingerprint.nonfinite
        else []
    )
    if fingerprint.short:
        said.append(
            f"{len(fingerprint.short)} matrices have fewer singular values than the largest rank and use what they have"
        )
    said += [doubt(fingerprint, c) for c in fingerprint.clusterings if c.undetermined]
    if fingerprint.error is None:
        said.append(
            "how exact the singular values are was not recorded; ingest the model with a larger --rank"
        )
    adapter = fingerprint.adapter
    if adapter and adapter.beside:
        said.append(
            f"{len(adapter.beside)} full tensors beside the updates were left out: {', '.join(adapter.beside[:3])}"
        )
    if adapter and adapter.untouched:
        said.append(
            f"{len(adapter.untouched)} updates are zero and were left out: {', '.join(adapter.untouched[:3])}"
        )
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


def inspection_table(found: "Inspection") -> RenderableType:
    """What a checkpoint holds."""
    size = f"{found.tensors} tensors, {found.bytes / 1e9:.2f} GB, {', '.join(f'{n} {t}' for t, n in found.dtypes.items())}"
    base = f", says it was made from {found.declared_base}" if found.declared_base else ""
    what = found.architecture if found.kind == "model" else f"{found.architecture} {found.kind}"
    facts = Text(
        f"{found.name}: {what}{base}\n{size}\n{found.layers} layers, names as {found.naming}"
    )
    rows = [
        (p.projection, p.matrices, p.layers, ", ".join(f"{r} x {c}" for r, c in p.shapes))
        for p in found.projections
    ]
    drawn = table(
        "projection", "matrices", "layers", "shapes", rows=rows, right=("matrices", "layers")
    )
    return Group(
        facts,
        drawn,
        Text(f"ignored: {short_list(found.ignored)}\nunknown: {short_list(found.unknown)}"),
    )


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
        "labels": {
            str(c.rank): by_projection(fingerprint, c.labels) for c in fingerprint.clusterings
        },
        "labels_k3": {
            str(c.rank): by_projection(fingerprint, c.labels3) for c in fingerprint.clusterings
        },
        "inertia": {str(c.rank): c.inertia for c in fingerprint.clusterings},
        "margin": {str(c.rank): c.margin for c in fingerprint.clusterings},
        "undetermined": {
            str(c.rank): places(fingerprint, c.undetermined) for c in fingerprint.clusterings
        },
        "spectrum_error": fingerprint.error,
        "nonfinite": fingerprint.nonfinite,
        "short_spectra": fingerprint.short,
        "unknown": fingerprint.unknown,
    }


def adapter_json(adapter: Adapter | None) -> dict[str, Any] | None:
    """What only an adapter has; None for a model."""
    if adapter is None:
        return None
    magnitude = (
        dict(zip(PROJECTIONS, adapter.magnitude, strict=True)) if adapter.magnitude else None
    )
    return {**asdict(adapter), "magnitude": magnitude}


def by_projection(fingerprint: Fingerprint, labels: Sequence[int]) -> dict[str, list[int]]:
    """Labels of all matrices, sorted into the projections."""
    pairs = list(zip(fingerprint.matrices, labels, strict=True))
    return {p: [label for m, label in pairs if m.projection == p] for p in PROJECTIONS}


def places(
    fingerprint: Fingerprint, positions: Sequence[int] | None
) -> list[dict[str, Any]] | None:
    """Where matrices stand in the model; None for what was not recorded."""
    if positions is None:
        return None
    own = (fingerprint.matrices[i] for i in positions)
    return [{"layer": m.layer, "projection": m.projection, "expert": m.expert} for m in own]
