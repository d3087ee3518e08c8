"""A fingerprint and an inspection: as a table and as JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType

from registry.architectures.roles import PROJECTIONS
from registry.fingerprints.record import Adapter, Clustering, Fingerprint, Tensor
from registry.report.ledgers import ledger_table, tower_tables
from registry.report.tables import lines, short_count, short_list, table

if TYPE_CHECKING:
    from registry.architectures.inspection import Inspection
    from registry.fingerprints.shards import MeasuredShard, Shard


def fingerprint_table(fingerprint: Fingerprint, title: str) -> RenderableType:
    """Return a fingerprint for reading: a row for every projection that is there."""
    size = f"{fingerprint.layers} layers x {fingerprint.hidden_size}"
    parameters = f"{short_count(fingerprint.parameters)} parameters"
    facts = [
        f"{title}: {made_of(fingerprint)}, {size}, {parameters}, {fingerprint.dtype}",
        f"digest {fingerprint.digest[:16]}, fingerprint version {fingerprint.version}",
    ]

    ranks = [f"cluster r={clustering.rank}" for clustering in fingerprint.clusterings]
    numbers = ["matrices", "std", "std/max", *ranks]

    covered = [name for name in PROJECTIONS if name in fingerprint.projections]
    rows = [projection_row(fingerprint, projection) for projection in covered]
    drawn = table("projection", *numbers, rows=rows, right=numbers)
    return Group(lines(*facts), drawn, lines(*notes(fingerprint)))


def projection_row(fingerprint: Fingerprint, projection: str) -> list[Any]:
    """Return a projection's cells: matrices, std, its share of the largest, clustering shares."""
    position = PROJECTIONS.index(projection)
    std = fingerprint.std[position]
    relative = std / max(fingerprint.std)

    count = matrix_count(fingerprint, projection)
    cells = [projection, count, f"{std:.6g}", f"{relative:.3f}"]

    for clustering in fingerprint.clusterings:
        share = clustering.vector[position]
        cells.append(f"{share:.3f}")
    return cells


def matrix_count(fingerprint: Fingerprint, projection: str) -> int:
    """Return how many matrices a projection has."""
    return sum(matrix.projection == projection for matrix in fingerprint.matrices)


def made_of(fingerprint: Fingerprint) -> str:
    """Return the architecture; of an adapter its method and rank as well."""
    adapter = fingerprint.adapter
    if adapter is None:
        return fingerprint.architecture
    return f"{adapter.method} adapter of rank {adapter.rank} for {fingerprint.architecture}"


def notes(fingerprint: Fingerprint) -> list[str]:
    """Return what a reader should know before trusting the numbers."""
    remarks = []
    if fingerprint.nonfinite:
        remarks.append(f"{fingerprint.nonfinite} NaN or infinite weights were left out")
    if fingerprint.short:
        remarks.append(
            f"{len(fingerprint.short)} matrices have fewer singular values than the largest rank;"
            " all of theirs are used"
        )

    uncertain = [clustering for clustering in fingerprint.clusterings if clustering.undetermined]
    remarks += [uncertain_labels(fingerprint, clustering) for clustering in uncertain]
    if fingerprint.error is None:
        remarks.append(
            "how exact the singular values are was not recorded;"
            " ingest the model with a larger --rank"
        )

    adapter = fingerprint.adapter
    if adapter and adapter.initialisation:
        remarks.append(
            f"it began with {adapter.initialisation}, which took a part out of the base: the LoRA"
            " delta is not the difference from the declared base; --merge-into gives the merged"
            " weights"
        )
    if adapter:
        remarks += left_out("full tensors beside the LoRA deltas were left out", adapter.beside)
        remarks += left_out("LoRA deltas are zero and were left out", adapter.untouched)
    missing = [name for name in PROJECTIONS if name not in fingerprint.projections]
    if missing and not adapter:
        remarks.append(f"not found: {', '.join(missing)}")
    remarks += left_out(
        "tensors of unknown names were left out of the vectors", fingerprint.unknown
    )
    remarks += left_out("matrices hold nothing but zeros and were left out", fingerprint.zero)
    return remarks


def left_out(what: str, names: Sequence[str]) -> list[str]:
    """Return a note on what was left out, with its first names; none where nothing was."""
    if not names:
        return []
    return [f"{len(names)} {what}: {', '.join(names[:3])}"]


def uncertain_labels(fingerprint: Fingerprint, clustering: Clustering) -> str:
    """Return which labels the errors of the singular values leave open."""
    names = []
    for position in clustering.undetermined or ():
        matrix = fingerprint.matrices[position]
        names.append(f"layer {matrix.layer} {matrix.projection}")

    return (
        f"labels at rank {clustering.rank} that are not certain within the errors of the singular"
        f" values: {short_list(names)}"
    )


def inspection_table(inspection: "Inspection") -> RenderableType:
    """Return what a checkpoint holds: a row for every projection, and what was left out."""
    what = inspection.architecture
    if inspection.kind != "model":
        what += f" {inspection.kind}"
    if inspection.declared_base:
        what += f", declared base {inspection.declared_base}"

    dtypes = [f"{count} {dtype}" for dtype, count in inspection.dtypes.items()]
    size = f"{inspection.bytes / 1e9:.2f} GB"
    facts = [
        f"{inspection.name}: {what}",
        f"{inspection.tensors} tensors, {size}, {', '.join(dtypes)}",
        f"{inspection.layers} layers, tensor naming scheme: {inspection.naming or 'unknown'}",
    ]

    rows = []
    for projection in inspection.projections:
        name, count = projection.projection, projection.matrices
        shapes = [f"{height} x {width}" for height, width in projection.shapes]
        rows.append((name, count, projection.layers, ", ".join(shapes)))
    numbers = ("matrices", "layers")
    drawn = table("projection", *numbers, "shapes", rows=rows, right=numbers)

    unknown = f"unknown: {short_list(inspection.unknown)}"
    left = [unknown]
    if inspection.left_aside:
        left.append(f"other files of weights, not read: {short_list(inspection.left_aside)}")
    return Group(
        lines(*facts),
        drawn,
        lines("what became of every tensor"),
        ledger_table(inspection.ledger),
        *tower_tables(inspection),
        lines(*left),
    )


def fingerprint_json(fingerprint: Fingerprint) -> dict[str, Any]:
    """Return a fingerprint, its vectors by projection and rank.

    Labels run over the layers that have the projection.
    """
    present, matrices = {}, {}
    for projection in PROJECTIONS:
        present[projection] = projection in fingerprint.projections
        matrices[projection] = matrix_count(fingerprint, projection)

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
        "projections": present,
        "matrices": matrices,
        "std": dict(zip(PROJECTIONS, of_found(fingerprint, fingerprint.std), strict=True)),
        "std_vector": of_found(fingerprint, fingerprint.std_vector),
        **clusterings_json(fingerprint),
        "spectrum_error": fingerprint.error,
        "nonfinite": fingerprint.nonfinite,
        "short_spectra": fingerprint.short,
        "unknown": fingerprint.unknown,
        "zero": fingerprint.zero,
        "tied": fingerprint.tied,
        "tensors": tensors_json(fingerprint.tensors),
        "ledger": [asdict(line) for line in fingerprint.ledger],
    }


def of_found(fingerprint: Fingerprint, vector: Sequence[float]) -> list[float | None]:
    """Return a vector of seven numbers with None, not 0, for a projection that was not found."""
    numbers: list[float | None] = []
    for projection, number in zip(PROJECTIONS, vector, strict=True):
        numbers.append(number if projection in fingerprint.projections else None)
    return numbers


def tensors_json(tensors: Sequence[Tensor]) -> dict[str, int]:
    """Return how many tensors outside the projections there are of each group."""
    counted = Counter(tensor.group for tensor in tensors)
    return dict(sorted(counted.items()))


def clusterings_json(fingerprint: Fingerprint) -> dict[str, dict[str, Any]]:
    """Return what is known of every clustering, by its rank."""
    answer: dict[str, dict[str, Any]] = {
        "clustering": {},
        "labels": {},
        "labels_k3": {},
        "inertia": {},
        "margin": {},
        "undetermined": {},
    }
    for clustering in fingerprint.clusterings:
        rank = str(clustering.rank)
        answer["clustering"][rank] = of_found(fingerprint, clustering.vector)
        answer["labels"][rank] = by_projection(fingerprint, clustering.labels)
        answer["labels_k3"][rank] = by_projection(fingerprint, clustering.labels3)
        answer["inertia"][rank] = clustering.inertia
        answer["margin"][rank] = clustering.margin
        answer["undetermined"][rank] = places(fingerprint, clustering.undetermined)
    return answer


def adapter_json(adapter: Adapter | None) -> dict[str, Any] | None:
    """Return what only an adapter has; None for a model."""
    if adapter is None:
        return None

    magnitude = None
    if adapter.magnitude:
        magnitude = dict(zip(PROJECTIONS, adapter.magnitude, strict=True))
    return {**asdict(adapter), "magnitude": magnitude}


def by_projection(fingerprint: Fingerprint, labels: Sequence[int]) -> dict[str, list[int]]:
    """Return the labels of all matrices, sorted into the projections."""
    sorted_labels: dict[str, list[int]] = {}
    for projection in PROJECTIONS:
        sorted_labels[projection] = []

    for matrix, label in zip(fingerprint.matrices, labels, strict=True):
        sorted_labels[matrix.projection].append(label)
    return sorted_labels


def places(
    fingerprint: Fingerprint, positions: Sequence[int] | None
) -> list[dict[str, Any]] | None:
    """Return layer, projection and expert of some matrices; None for what was not recorded."""
    if positions is None:
        return None

    described = []
    for position in positions:
        matrix = fingerprint.matrices[position]
        place = {
            "layer": matrix.layer,
            "projection": matrix.projection,
            "expert": matrix.expert,
        }
        described.append(place)
    return described


def shard_json(source: str, shard: "Shard", measured: "MeasuredShard") -> dict[str, Any]:
    """Return as JSON what became of one share of a model."""
    return {"source": source, "shard": shard.number, "of": shard.of, **asdict(measured)}


def shard_lines(shard: "Shard", measured: "MeasuredShard") -> list[str]:
    """Return for reading what became of one share of a model."""
    line = f"share {shard.number} of {shard.of}: {measured.measured} parts measured"
    if measured.known:
        line += f", {measured.known} had been measured before"
    rest = f"{measured.kept} of the model's {measured.parts} parts are kept in {measured.folder!r}"
    return [line, rest]
