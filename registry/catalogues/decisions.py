"""What is to become of the models of a batch, by what is registered."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import text
from sqlalchemy.orm import Session

from registry.catalogues.columns import MODEL
from registry.catalogues.flat import Flats
from registry.catalogues.outcomes import Outcome
from registry.database.stored.names import trouble
from registry.database.tables.text_limits import LIMITS

DIGITS = 8  # of a digest, behind the name of a model that is renamed

REGISTERED = text("""
    SELECT m.id, m.name, m.digest, m.fingerprint_version AS version, f.rank,
        (SELECT count(*) FROM registry_tables.histograms WHERE model_id = m.id) AS histograms,
        (SELECT count(*) FROM registry_tables.ledgers WHERE model_id = m.id) AS ledgers,
        (SELECT count(*) FROM registry_tables.outlines WHERE model_id = m.id) AS outline
    FROM registry_tables.models AS m JOIN registry_tables.fingerprints AS f ON f.model_id = m.id
    WHERE m.digest = ANY(:digests)
""")
NAMED = text("""
    SELECT id, name, digest, fingerprint_version AS version
    FROM registry_tables.models WHERE name = ANY(:names)
""")


class Decision(NamedTuple):
    """What is to become of one model.

    Attributes:
        outcome: As far as it is known before anything is stored.
        name: To register it as, or that it is registered as; None where it is left out.
        id: Of the registered model with its weights; None where there is none.
        fuller: Whether the file's fingerprint has more than the registered one.
        reason: Why it is left out.
    """

    outcome: Outcome
    name: str | None = None
    id: int | None = None
    fuller: bool = False
    reason: str | None = None


class Decider:
    """Decides on the models of one batch."""

    def __init__(self, session: Session, flats: Flats, *, rename: bool, empty: bool) -> None:
        """Look up what is registered of their digests and names, unless nothing was."""
        model = flats[MODEL]
        self.rename = rename
        self.names: list[str] = model.column("name").to_pylist()
        are_names = plain(model.column("name"), "models.name")
        self.plain = (are_names & plain(model.column("family"), "families.name")).tolist()
        self.families: list[str] = model.column("family").to_pylist()
        self.digests: list[str] = model.column("digest").to_pylist()
        self.versions: list[int] = model.column("fingerprint_version").to_pylist()
        self.ranks: list[int] = flats["fingerprint"].column("rank").to_pylist()
        self.parts = {name: flats[name].counts for name in ("histograms", "ledgers", "outline")}

        self.registered: dict[tuple[str, int], Any] = {}
        self.of_digest: dict[str, Any] = {}
        self.taken: dict[str, str] = {}
        if empty:
            return
        for row in session.execute(REGISTERED, {"digests": self.digests}):
            self.registered[row.digest, row.version] = row
            self.of_digest[row.digest] = row
        self.taken |= self.bearers(session, self.names)
        renamed = []
        if rename:
            renamed = [other_name(n, d) for n, d in zip(self.names, self.digests, strict=True)]
        self.taken |= self.bearers(session, renamed)

    def bearers(self, session: Session, names: Sequence[str]) -> dict[str, str]:
        """Return the digests of the models that bear some names."""
        rows = session.execute(NAMED, {"names": list(names)}) if names else ()
        return {row.name: row.digest for row in rows}

    def decisions(self) -> list[Decision]:
        """Return what is to become of each model."""
        return [self.decide(place) for place in range(len(self.names))]

    def decide(self, place: int) -> Decision:
        """Return what is to become of one model."""
        digest = self.digests[place]
        known = self.registered.get((digest, self.versions[place])) or self.of_digest.get(digest)
        if known is not None:
            fuller = self.is_fuller(place, known)
            return Decision(Outcome.KNOWN, known.name, known.id, fuller=fuller)

        name = self.names[place]
        problem = self.problem(place)
        if problem:
            return Decision(Outcome.REFUSED, reason=problem)
        outcome = Outcome.NEW
        if name in self.taken and self.rename:
            name = other_name(name, digest)
            outcome = Outcome.RENAMED
        if name in self.taken:
            return Decision(Outcome.CONFLICT, reason=self.taken[name])
        self.taken[name] = digest
        return Decision(outcome, name)

    def problem(self, place: int) -> str | None:
        """Return why a model's name, or its family's, is none; None where both are names."""
        if self.plain[place]:
            return None
        name, family = self.names[place], self.families[place]
        return trouble("models.name", name) or trouble("families.name", family)

    def is_fuller(self, place: int, known: Any) -> bool:
        """Return whether the file's fingerprint has parts that the registered one lacks."""
        version = self.versions[place]
        if known.version != version:
            return bool(known.version < version)
        if known.rank != self.ranks[place]:
            return bool(known.rank < self.ranks[place])
        return any(getattr(known, name) < counts[place] for name, counts in self.parts.items())


def plain(names: pa.Array, column: str) -> np.ndarray:
    """Return which texts are names for a column, as is seen at once of nearly all."""
    seen = pc.match_substring_regex(names, "^[!-~][ -~]*$")
    short = pc.less_equal(pc.utf8_length(names), LIMITS[column].characters)
    return np.asarray(pc.and_(seen, short).to_numpy(zero_copy_only=False), bool)


def other_name(name: str, digest: str) -> str:
    """Return the name of a model whose own name is taken."""
    most = LIMITS["models.name"].characters - DIGITS - 1
    return f"{name[:most]}~{digest[:DIGITS]}"


def places(decisions: Sequence[Decision], *outcomes: Outcome) -> np.ndarray:
    """Return which models have one of these outcomes."""
    chosen = [decision.outcome in outcomes for decision in decisions]
    return np.array(chosen, bool)
