"""The journey of a fingerprint in a file of its own into the registry, without any weights."""

import platform
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from registry.checkpoints.source_facts import SourceFacts
from registry.database.connecting.transactions import answer_of
from registry.database.stored import fingerprints
from registry.database.stored.names import check_names, check_source, storable_base, trouble
from registry.database.stored.origin import Origin
from registry.errors import FingerprintTooShallow, NothingToMerge
from registry.fingerprints import serialised
from registry.fingerprints.from_source import Options
from registry.workflows.ingest import Ingested, ingest, ingested_as, store
from registry.workflows.resolve import expanded, is_fingerprint_file, json_of

FORMAT = "fingerprint"
"""As which a source is stored that has no weights."""


def is_file(source: str | Path) -> bool:
    """Return whether a source is a fingerprint in a file, not weights."""
    return is_fingerprint_file(expanded(str(source)))


def ingest_source(
    engine: Engine,
    source: str | Path,
    tool_version: str,
    options: Options,
    *,
    family: str | None = None,
    name: str | None = None,
) -> Ingested:
    """Store weights, or the fingerprint that a file holds. Raises RegistryError."""
    if is_file(source):
        return ingest_file(engine, str(source), tool_version, options, family=family, name=name)
    return ingest(engine, source, tool_version, family=family, name=name, **options)


def ingest_file(
    engine: Engine,
    source: str,
    tool_version: str,
    options: Options,
    *,
    family: str | None = None,
    name: str | None = None,
) -> Ingested:
    """Store the fingerprint that a file holds, as if its weights had been read here.

    It is called what the file calls it, of an exported one the name and family that it had, else
    after the file. The file is its source.

    Raises RegistryError, and then nothing was stored; BrokenFingerprintFile, FingerprintTooShallow.
    """
    check_names(name, family)
    check_source(source)
    base = options.get("base")
    if base:
        raise NothingToMerge(source=source, base=str(base))
    path = expanded(source)
    content = json_of(path, source)
    fingerprint = serialised.from_json(content, source)
    rank = answer_of(engine, partial(fingerprints.rank_to_keep, fingerprint=fingerprint))
    if rank > fingerprint.rank:
        raise FingerprintTooShallow(path=source, rank=rank)

    place = str(path.resolve())
    facts = SourceFacts(place, platform.node() or None, path.stat().st_size, FORMAT)
    origin = Origin(
        source=source,
        revision=None,
        base=storable_base(text_of(content, "declared_base")),
        name=name or named(content, "name", "models.name") or path.stem,
        family=family or named(content, "family", "families.name"),
        tool_version=tool_version,
        facts=facts,
    )
    return ingested_as(store(engine, origin, fingerprint), fingerprint)


def named(content: dict[str, Any], key: str, column: str) -> str | None:
    """Return the name that a file gives, if it is fit for one."""
    name = text_of(content, key)
    return None if name is None or trouble(column, name) else name


def text_of(content: dict[str, Any], key: str) -> str | None:
    """Return a text of a file; None for anything else."""
    value = content.get(key)
    return value if isinstance(value, str) else None
