"""What the content of a catalogue must have in common with what a registry stores.

A file's digest says that it is whole, not that it is honest: whoever writes another content writes
its digest beside it.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from registry.architectures.ledger_line import Fate
from registry.architectures.roles import PROJECTIONS
from registry.catalogues.columns import MODEL
from registry.catalogues.documents import check_documents, demand
from registry.catalogues.fields import NUMBERS
from registry.catalogues.flat import Flat, Flats
from registry.catalogues.opened import Batch
from registry.catalogues.records import fingerprint_of
from registry.database.tables.schema import Base
from registry.database.tables.text_limits import LIMITS
from registry.fingerprints import serialised
from registry.fingerprints.record import RANKS
from registry.fingerprints.serialised import LARGEST_NUMBER, Malformed
from registry.lineage.verdict import Relation

TABLES = Base.metadata.tables
OWN = {
    "model.family": "families.name",
    "edges.parent": "models.name",
    "edges.parent_digest": "models.digest",
}
"""Columns of a catalogue that stand in another table, which says how long they may be."""
DIGESTS = ("digest", "cast_digest", "parent_digest")
WORDS = {
    "model.kind": ("model", "adapter"),
    "branches.branch": ("attention", "mlp"),
    "spaces.side": ("reads", "writes"),
    "ledgers.fate": tuple(map(str, Fate)),
    "histograms.projection": PROJECTIONS,
    "matrices.projection": PROJECTIONS,
    "claims.claim": ("base_model", "relation", "licence", "architecture"),
    "verdict.verdict": tuple(map(str, Relation)),
    "edges.relation": tuple(map(str, Relation)),
    "edges.direction": ("shown", "claimed", "presumed"),
}
"""Columns that hold one of a few words."""
UNIQUE = {
    "clusterings": ("rank",),
    "matrices": ("position",),
    "branches": ("layer", "branch"),
    "spaces": ("layer", "side"),
    "histograms": ("projection",),
    "tensors": ("position",),
    "ledgers": ("position",),
    "tags": ("tag",),
    "sources": ("name", "source", "revision", "host"),
    "claims": ("place", "claim", "value", "made_by"),
}
"""What two rows of one model may not have in common."""
HALVES = {
    "outline.start": 256,
    "outline.stream": 256,
    "outline.token": 256,
    "outline.own": 64,
    "branches.stream": 256,
    "branches.token": 256,
    "branches.own": 576,
    "branches.scores": 576,
    "spaces.sketch": 136,
}
NO_VERSION = 10_000
SEVEN = ("fingerprint.std", "clusterings.shares")


def problem_of(batch: Batch, *, whole: bool) -> str | None:
    """Return what is wrong with models; None where nothing is.

    Args:
        batch: Of a file that has its digests.
        whole: Whether every model must have its matrices.
    """
    try:
        for flat in batch.flats.values():
            check_columns(flat)
            check_unique(flat)
        check_models(batch.flats)
        check_documents(batch.flats)
        check_places(batch.flats)
        check_records(batch, whole=whole)
    except Malformed as exc:
        return str(exc)
    return None


def check_columns(flat: Flat) -> None:
    """Check every column of a table by what its type and name ask for."""
    table = TABLES[f"registry_tables.{flat.part.table if flat.part.name != MODEL else 'models'}"]
    for name, kind in flat.part.columns.items():
        column = flat.column(name)
        place = f"{flat.part.name}.{name}"
        own = OWN.get(place, f"{table.name}.{name}")
        demand(not column.null_count or nullable(own), f"{place} is missing somewhere")
        if kind in NUMBERS and kind != "real[]":
            check_numbers(column, kind, place)
        if kind in ("text", "text[]"):
            check_texts(column, kind, place, own)
        if place in WORDS:
            known = pc.is_in(column, pa.array(WORDS[place]))
            demand(not len(column) or pc.all(known).as_py(), f"{place} has an unknown word")
        if name in DIGESTS:
            matches = pc.match_substring_regex(column.drop_null(), "^[0-9a-f]{64}$")
            demand(pc.all(matches, min_count=0).as_py(), f"{place} has one that is not a SHA-256")
        if kind in ("halfvec", "real[]"):
            check_sketches(column, place)
        if place in SEVEN:
            lengths = pc.list_value_length(column)
            demand(pc.all(pc.equal(lengths, 7), min_count=0).as_py(), f"{place} has not 7 numbers")


def nullable(name: str) -> bool:
    """Return whether a column, by its table and name, may be null; one of no table may."""
    table, _, column = name.partition(".")
    stored = TABLES[f"registry_tables.{table}"].columns.get(column)
    return stored is None or bool(stored.nullable)


def check_numbers(column: pa.Array, kind: str, place: str) -> None:
    """Check that numbers are finite, and whole numbers not negative."""
    if kind.endswith("[]"):
        column = column.flatten()
        demand(not column.null_count, f"{place} has a list with nothing in it")
    if kind in ("double", "double[]"):
        values = column.drop_null().to_numpy()
        demand(np.isfinite(values).all(), f"{place} holds a number that is not finite")
        largest = np.abs(values).max(initial=0)
        demand(largest <= LARGEST_NUMBER, f"{place} holds a number above {LARGEST_NUMBER:.0e}")
    elif kind not in ("boolean", "timestamptz") and len(column):
        least = pc.min(column).as_py()
        demand(least is None or least >= 0, f"{place} holds a number below zero")


def check_texts(column: pa.Array, kind: str, place: str, limited: str) -> None:
    """Check that texts are such as the database takes, and not longer than it stores."""
    if kind == "text[]":
        column = column.flatten()
        demand(not column.null_count, f"{place} has a list with nothing in it")
    if not len(column):
        return
    demand(not pc.any(pc.match_substring(column, "\0")).as_py(), f"{place} holds a null character")
    limit = LIMITS.get(limited)
    longest = pc.max(pc.utf8_length(column)).as_py() or 0
    most = limit.characters if limit else 64
    named = place in ("model.name", "model.family")  # refused by themselves, with the model
    demand(named or longest <= most, f"{place} holds a text of {longest:,} characters")


def check_sketches(column: pa.Array, place: str) -> None:
    """Check that sketches have the numbers that they should, all finite."""
    content = column.drop_null()
    sizes = pc.binary_length(content).to_numpy()
    if place in HALVES:
        demand((sizes == 2 * HALVES[place]).all(), f"{place} has one of another length")
    demand((sizes % 4 == 0).all(), f"{place} has one of another length")
    form = "<f2" if place in HALVES else "<f4"
    values = np.frombuffer(b"".join(content.to_pylist()), form)
    demand(np.isfinite(values).all(), f"{place} holds a number that is not finite")


def check_unique(flat: Flat) -> None:
    """Check that no two rows of a model are the same one."""
    names = UNIQUE.get(flat.part.name)
    if names is None or not len(flat.owners):
        return
    keys = pa.table([pa.array(flat.owners), *map(flat.column, names)], ["owner", *names])
    count = keys.group_by(["owner", *names]).aggregate([]).num_rows
    demand(count == len(flat.owners), f"{flat.part.name} has the same row twice")


def check_models(flats: Flats) -> None:
    """Check what every model has: one fingerprint, spreads, a clustering of every rank."""
    demand((flats["fingerprint"].counts == 1).all(), "a model has no fingerprint")
    versions = flats[MODEL].column("fingerprint_version").to_numpy()
    demand((versions < NO_VERSION).all(), "a fingerprint is of a version that is none")
    is_adapter = pc.equal(flats[MODEL].column("kind"), "adapter").to_numpy(zero_copy_only=False)
    demand((flats["adapter"].counts == is_adapter).all(), "an adapter is none, or a model is one")
    fingerprint = flats["fingerprint"]
    std = fingerprint.column("std").flatten().to_numpy().reshape(-1, 7)
    demand((std >= 0).all() and (std > 0).any(axis=1).all(), "std is not positive")
    ranks = fingerprint.column("rank").to_numpy()
    demand(np.isin(ranks, RANKS).all(), f"rank is not one of {RANKS}")
    clusterings = flats["clusterings"]
    expected = np.searchsorted(RANKS, ranks, side="right")
    demand((clusterings.counts == expected).all(), "a clustering is missing, or one too many")
    owners = clusterings.owners
    position = np.arange(len(owners)) - clusterings.ends[owners]
    wanted = np.array(RANKS)[np.minimum(position, len(RANKS) - 1)]
    found = clusterings.column("rank").to_numpy()
    demand((found == wanted).all(), "a clustering is of another rank")
    for name, most in (("labels", 1), ("labels3", 2)):
        labels = clusterings.column(name).flatten()
        demand((pc.max(labels).as_py() or 0) <= most, f"{name} has one above {most}")
    projections = fingerprint.column("projections").flatten()
    demand(pc.all(pc.is_in(projections, pa.array(PROJECTIONS))).as_py(), "no such projection")


def check_places(flats: Flats) -> None:
    """Check that claims are made at sources that there are."""
    claims = flats["claims"]
    counts = flats["sources"].counts[claims.owners]
    places = claims.column("place").fill_null(-1).to_numpy()
    demand((places < counts).all(), "a claim is made at a source that is not there")


def check_records(batch: Batch, *, whole: bool) -> None:
    """Check models with matrices as a fingerprint in a file of its own is checked."""
    counts = batch.flats["matrices"].counts
    demand(not whole or counts.all(), "a model has no matrices")
    for place in np.flatnonzero(counts).tolist():
        row = batch.rows.slice(place, 1).to_pylist()[0]
        try:
            fingerprint = fingerprint_of(row)
            serialised.check(fingerprint)
        except (TypeError, ValueError) as exc:
            raise Malformed(f"{row['name']!r} is no fingerprint") from exc
