"""Models out of the registry into a file, a group of rows at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from registry.catalogues.reading import read
from registry.catalogues.writer import Writer
from registry.database.stored.models import find
from registry.errors import FamilyNotFound, NothingToExport

MOST_MODELS = 10_000  # of a group of rows
MOST_MATRICES = 20_000  # of a group of rows: 3 KB each
ALL = text("SELECT id FROM registry_tables.models ORDER BY id")
OF_FAMILY = text("""
    SELECT m.id FROM registry_tables.models AS m
    JOIN registry_tables.families AS f ON f.id = m.family_id WHERE f.name = :family
""")
TREE = text("""
    WITH RECURSIVE above AS (
        SELECT unnest(CAST(:ids AS integer[])) AS id
        UNION
        SELECT e.parent_id FROM registry_tables.edges AS e JOIN above ON above.id = e.child_id
        WHERE e.superseded_at IS NULL
    ), below AS (
        SELECT unnest(CAST(:ids AS integer[])) AS id
        UNION
        SELECT e.child_id FROM registry_tables.edges AS e JOIN below ON below.id = e.parent_id
        WHERE e.superseded_at IS NULL
    )
    SELECT id FROM above UNION SELECT id FROM below
""")
MATRICES = text("""
    SELECT m.id, (SELECT count(*) FROM registry_tables.matrices AS x WHERE x.model_id = m.id)
    FROM registry_tables.models AS m WHERE m.id = ANY(:ids) ORDER BY m.id
""")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        models: How many.
        digest: Of the content.
        bytes: Of the file.
    """

    models: int
    digest: str
    bytes: int


def chosen(session: Session, names: Sequence[str], families: Sequence[str]) -> list[int]:
    """Return the ids of named models and of whole families with their trees; of none, all.

    A family's tree are its models, those that these come from, and those that come from them.
    Raises ModelNotFound, ModelAmbiguous, FamilyNotFound, NothingToExport.
    """
    if not names and not families:
        ids = list(session.scalars(ALL))
        if not ids:
            raise NothingToExport
        return ids

    kin: set[int] = set()
    for family in families:
        members = list(session.scalars(OF_FAMILY, {"family": family}))
        if not members:
            raise FamilyNotFound(family=family)
        kin.update(members)
    tree = session.scalars(TREE, {"ids": sorted(kin)}) if kin else ()
    named = {find(session, name).id for name in names}
    return sorted(named.union(tree))


def export(session: Session, ids: Sequence[int], path: Path, tool_version: str) -> Exported:
    """Write models to a file."""
    with Writer(path, tool_version) as writer:
        for group in groups(session, ids):
            writer.write(read(session, group))
    return Exported(writer.models, writer.digest.hexdigest(), path.stat().st_size)


def groups(session: Session, ids: Sequence[int]) -> Iterator[list[int]]:
    """Yield the ids in groups of not too many models, and of not too many matrices."""
    for begin in range(0, len(ids), MOST_MODELS):
        part = list(ids[begin : begin + MOST_MODELS])
        group: list[int] = []
        matrices = 0
        for number, count in session.execute(MATRICES, {"ids": part}):
            if group and matrices + count > MOST_MATRICES:
                yield group
                group = []
                matrices = 0
            group.append(number)
            matrices += count
        yield group
