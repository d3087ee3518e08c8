"""Many models at once: what triggers check and derive row by row is done for all of them together.

Where the role may (it is a superuser, as in the embedded server), triggers rest while models are
copied: every reference is to a row that the same transaction has stored, behind locks that keep
other writers out, and readers see nothing until all is there. Elsewhere it takes twice as long.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from registry.catalogues.columns import MODEL
from registry.catalogues.flat import Flats

FROM = 5_000  # models, for fewer it is not worth a lock
LOCK = text(
    "LOCK TABLE registry_tables.models, registry_tables.families, registry_tables.fingerprints"
    " IN SHARE ROW EXCLUSIVE MODE"
)
REST = text("SET LOCAL session_replication_role = replica")
WORK = text("SET LOCAL session_replication_role = origin")
RECOUNT = text("SELECT registry_tables.recount()")
GROUP = text("SELECT registry_tables.search_group(:kind, :version, CAST(:projections AS text[]))")
GROUPED = ("fingerprint", "outline")
"""Parts whose tables say which models can be neighbours; the latter whatever the projections."""


class Triggers:
    """Whether triggers rest while models are copied."""

    def __init__(self, session: Session, models: int) -> None:
        """Lock the tables for many models, where that is worth it and the role may do it."""
        self.session = session
        self.resting = models >= FROM and may_rest(session)
        self.groups: dict[Any, int] = {}

    @contextmanager
    def rest(self) -> Iterator[None]:
        """Have triggers rest within, if they may."""
        if not self.resting:
            yield
            return
        self.session.execute(REST)
        yield
        self.session.execute(WORK)

    def groups_of(self, flats: Flats, part: str) -> np.ndarray | None:
        """Return the search group of each model, for a table; None where a trigger finds it."""
        if not self.resting or part not in GROUPED:
            return None
        kinds = flats[MODEL].column("kind").to_pylist()
        versions = flats[MODEL].column("fingerprint_version").to_pylist()
        projections: list[Any] = [()] * len(kinds)
        if part == "fingerprint":
            projections = list(map(tuple, flats[part].column("projections").to_pylist()))
        keys = zip(kinds, versions, projections, strict=True)
        return np.fromiter(map(self.group, keys), np.int32, len(kinds))

    def group(self, key: Any) -> int:
        """Return the number of a search group, as the database computes it."""
        if key not in self.groups:
            kind, version, projections = key
            asked = {"kind": kind, "version": version, "projections": list(projections)}
            self.groups[key] = self.session.execute(GROUP, asked).scalar_one()
        return self.groups[key]

    def finish(self) -> None:
        """Count what was stored."""
        if self.resting:
            self.session.execute(RECOUNT)


def may_rest(session: Session) -> bool:
    """Lock the tables against other writers and return whether the role may set triggers aside."""
    try:
        with session.begin_nested():
            session.execute(LOCK)
            session.execute(REST)
            session.execute(WORK)
    except ProgrammingError:  # insufficient privilege
        return False
    return True
