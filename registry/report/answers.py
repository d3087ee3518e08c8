"""Results as JSON objects; docs/json.md is the contract. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from registry.architectures.roles import PROJECTIONS
from registry.fingerprints.record import Adapter, Fingerprint

if TYPE_CHECKING:
    from registry.database.models import Summary
    from registry.lineage.verdict import Verdict
    from registry.workflows.identify import Identification
    from registry.workflows.ingest import Ingested

SCHEMA_VERSION = 2


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
        **verdict_json(found.verdict),
        "matches": found.matches,
        "families": found.families,
        "digest": found.fingerprint.digest,
        "fingerprint_version": found.fingerprint.version,
    }


def verdict_json(verdict: "Verdict") -> dict[str, Any]:
    """A verdict with its numbers."""
    return asdict(verdict)


def explained_json(model: "Summary", verdict: "Verdict", judged_at: datetime) -> dict[str, Any]:
    """A verdict that was stored."""
    return {"name": model.name, "judged_at": judged_at, **verdict_json(verdict)}


def ingested_json(done: "Ingested") -> dict[str, Any]:
    """What became of one source."""
    return {"new": done.new, "deeper": done.deeper, **asdict(done.model)}


def show_json(found: tuple["Summary", Fingerprint]) -> dict[str, Any]:
    """A registered model with its fingerprint."""
    model, fingerprint = found
    return {**asdict(model), **fingerprint_json(fingerprint)}
