"""What JSON of a catalogue must read back as: the records that verdicts and edges are made of."""

import json
from dataclasses import fields
from functools import cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pyarrow as pa

from registry.catalogues.flat import Flats
from registry.database.lineage.standings import signs_of
from registry.database.lineage.verdicts import changes_of, direction_of, evidence_of, relative_of
from registry.database.tables.schema import VerdictRow
from registry.fingerprints.serialised import SHA256, Malformed


def demand(condition: object, otherwise: str) -> None:
    """Raise Malformed with a reason unless the condition holds."""
    if not condition:
        raise Malformed(otherwise)


def check_documents(flats: Flats) -> None:
    """Check that verdicts and edges read back as the records that were stored."""
    verdict = flats["verdict"]
    for row in pa.StructArray.from_arrays(verdict.columns, list(verdict.part.columns)).to_pylist():
        check_evidence(row)
        check_relatives(row)
    edges = flats["edges"]
    for row in pa.StructArray.from_arrays(edges.columns, list(edges.part.columns)).to_pylist():
        demand(row["changes"] is not None, "an edge says nothing of changes")
        check_evidence(row)


def check_relatives(row: dict[str, Any]) -> None:
    """Check what a verdict says of the models that it names."""
    relatives, direction = (
        None if row[name] is None else document(row[name]) for name in ("relatives", "direction")
    )
    signs = document(row["signs"])
    digests = [*(row["parents"] or ()), *signs]
    try:
        known = [typed(relative_of(content)) for content in relatives or ()]
        digests += [content["digest"] for content in relatives or () if content["digest"]]
        direction_of(direction)
        signs_of({str(place): value for place, value in enumerate(signs.values())})
        for relative in known:
            for change in relative.changes:
                typed(change)
        demand(all(map(SHA256.fullmatch, digests)), "a relative's digest is not a SHA-256")
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise Malformed("a verdict names relatives that are none") from exc


def check_evidence(row: dict[str, Any]) -> None:
    """Check the evidence and the changes of a verdict or an edge."""
    evidence = document(row["evidence"])
    changes = None if row["changes"] is None else document(row["changes"])
    stored = VerdictRow(evidence=evidence, changes=changes, how=tuple(row.get("how") or ()))
    try:
        for record in (*changes_of(stored), *evidence_of(stored)):
            typed(record)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise Malformed("a verdict has evidence or changes that are none") from exc


def document(text: str) -> Any:
    """Return what a JSON document says. Raises Malformed for one that the database refuses."""
    demand("\\u0000" not in text, "a JSON document holds a null character")
    try:
        content = json.loads(text, parse_constant=refuse)
        content and json.dumps(content).encode()
    except (ValueError, RecursionError) as exc:
        raise Malformed("a JSON document is none") from exc
    return content


def refuse(word: str) -> float:
    """Raise ValueError for NaN and Infinity, which are not JSON."""
    raise ValueError(word)


def typed(record: Any) -> Any:
    """Return a record whose fields are of their types. Raises TypeError."""
    for name, kinds in kinds_of(record.__class__).items():
        value = getattr(record, name)
        if not isinstance(value, kinds):
            raise TypeError(name)
    return record


@cache
def kinds_of(record: Any) -> dict[str, tuple[type, ...]]:
    """Return the types that each field of a record may have."""
    kinds = {}
    hints = get_type_hints(record)
    for field in fields(record):
        hint = hints[field.name]
        options = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        plain = tuple(get_origin(option) or option for option in options)
        kinds[field.name] = (*plain, int) if float in plain else plain
    return kinds
