"""All of a registry in one file, and out of it into an empty database.

The file is a zip with the stream of every table and, last, a manifest: the schema's revision, and
of each table the columns, the number of rows and the SHA-256. No pg_dump is needed, and Postgres
may be of another version there, or embedded.
"""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from registry.database.keeping.table_streams import Sum, Table, count, last_number, stream, tables
from registry.database.tables.schema import REVISION
from registry.errors import BrokenDump, DumpNewer, UnreadableFile

FORMAT = 1
MANIFEST = "manifest.json"
MOST_BYTES = 1 << 20  # of a manifest
CHUNK = 1 << 20
REVISION_DIGITS = 4
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    KeyError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True)
class DumpedTable:
    """What a manifest says of a table.

    Attributes:
        name: Of the table.
        columns: Types by name.
        rows: How many there are.
        digest: SHA-256 of the stream.
        last: The last number that the sequence gave; 0 before the first, or without one.
    """

    name: str
    columns: dict[str, str]
    rows: int
    digest: str
    last: int

    @property
    def sum(self) -> Sum:
        """What the table must come to."""
        return Sum(self.rows, self.digest)


@dataclass(frozen=True)
class Manifest:
    """What a dump holds.

    Attributes:
        format: Of the dump.
        revision: Of the schema.
        tool_version: That wrote it.
        tables: Each after those that it refers to.
    """

    format: int
    revision: str
    tool_version: str
    tables: tuple[DumpedTable, ...]

    @property
    def models(self) -> int:
        """How many models there are."""
        return sum(table.rows for table in self.tables if table.name == "models")

    @property
    def rows(self) -> int:
        """How many rows there are of all tables."""
        return sum(table.rows for table in self.tables)


def write(session: Session, path: Path, tool_version: str) -> Manifest:
    """Write all tables, as they are at one moment, to a file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        dumped = tuple(write_table(session, table, archive) for table in tables(session))
        manifest = Manifest(FORMAT, REVISION, tool_version, dumped)
        archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=1))
    return manifest


def write_table(session: Session, table: Table, archive: zipfile.ZipFile) -> DumpedTable:
    """Write one table; return what the manifest says of it."""
    digest = hashlib.sha256()
    with archive.open(table.name, "w", force_zip64=True) as member:
        for chunk in stream(session, table):
            digest.update(chunk)
            member.write(chunk)
    last = last_number(session, table) if table.identity else 0
    return DumpedTable(table.name, table.columns, count(session, table), digest.hexdigest(), last)


class Dump:
    """A dump that is whole: every table has the digest that the manifest states."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest, label: str) -> None:
        self.archive = archive
        self.manifest = manifest
        self.label = label

    def chunks(self, table: DumpedTable) -> Iterator[bytes]:
        """Yield the stream of a table. Raises BrokenDump."""
        with damage_told(self.label), self.archive.open(table.name) as member:
            while chunk := member.read(CHUNK):
                yield chunk

    def check(self) -> None:
        """Raise BrokenDump unless every table has its digest."""
        for table in self.manifest.tables:
            digest = hashlib.sha256()
            for chunk in self.chunks(table):
                digest.update(chunk)
            if digest.hexdigest() != table.digest:
                reason = f"the table {table.name} does not have its digest"
                raise BrokenDump(path=self.label, reason=reason)


@contextmanager
def opened(path: Path, label: str) -> Iterator[Dump]:
    """Yield a dump that is whole and of a schema that this package knows.

    Raises UnreadableFile, BrokenDump, DumpNewer.
    """
    try:
        file = path.open("rb")
    except OSError as exc:
        raise UnreadableFile(path=label, reason=exc.strerror or str(exc)) from exc
    with file:
        with damage_told(label):
            archive = zipfile.ZipFile(file)
        with archive:
            dump = Dump(archive, manifest_of(archive, label), label)
            dump.check()
            yield dump


@contextmanager
def damage_told(label: str) -> Iterator[None]:
    """Raise BrokenDump for what is said of a zip that is not what it should be."""
    try:
        yield
    except DAMAGE as exc:
        raise BrokenDump(path=label, reason=f"it cannot be read: {exc}") from exc
    except OSError as exc:
        raise UnreadableFile(path=label, reason=exc.strerror or str(exc)) from exc


def manifest_of(archive: zipfile.ZipFile, label: str) -> Manifest:
    """Return the manifest of a dump. Raises BrokenDump, DumpNewer."""
    with damage_told(label), archive.open(MANIFEST) as member:
        text = member.read(MOST_BYTES + 1)
    try:
        content = json.loads(text) if len(text) <= MOST_BYTES else None
        return manifest_from(content, label)
    except (TypeError, KeyError, AttributeError, ValueError, RecursionError) as exc:
        raise BrokenDump(path=label, reason="its manifest is none") from exc


def manifest_from(content: Any, label: str) -> Manifest:
    """Return what a manifest says. Raises DumpNewer, and others where it is none."""
    version, revision = content["format"], content["revision"]
    is_revision = isinstance(revision, str) and revision.isdecimal() and revision.isascii()
    if type(version) is not int or not is_revision or len(revision) != REVISION_DIGITS:
        raise ValueError(version, revision)
    if version > FORMAT or revision > REVISION:
        raise DumpNewer(path=label, version=version, revision=revision)
    dumped = tuple(DumpedTable(**table) for table in content["tables"])
    for table in dumped:
        counts = (table.rows, table.last)
        if not all(type(number) is int and 0 <= number < 1 << 63 for number in counts):
            raise ValueError(counts)
        if not isinstance(table.name, str) or not isinstance(table.columns, dict):
            raise TypeError(table.name)
    return Manifest(version, revision, str(content["tool_version"]), dumped)
