"""How much the search finds of what is there, measured on the registry's own vectors.

A sample of registered models is looked up by the indexes, and among all models without them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from registry.database.stored.wire import HEAD
from registry.fingerprints.record import VERSION

NEIGHBOURS = 10  # by std vector, of each model of the sample
SHORTLIST = 128  # by outline, as a verdict asks for
RELATIVE = 0.5  # cosine of outlines from which a model is looked for: unrelated ones stay below
BORDER = 1e-3  # of a cosine: models that differ by less may stand in either order
SAME = 1e-9  # of a distance, relative: likewise
PART = 100_000  # std vectors read at a time
SAMPLE = text(
    "SELECT f.model_id, f.search_group, f.std, o.search_group AS outline_group"
    " FROM registry_tables.fingerprints AS f"
    " JOIN registry_tables.outlines AS o ON o.model_id = f.model_id"
    " JOIN registry_tables.models AS m ON m.id = f.model_id"
    " WHERE m.kind = 'model' AND m.fingerprint_version = :version"
    " ORDER BY hashint4(f.model_id + :seed) LIMIT :count"
)
BY_STD = text("SELECT distance FROM registry_tables.near_std(:std, :group, :k) ORDER BY distance")
BY_OUTLINE = text(
    "SELECT n.model_id FROM registry_tables.outlines AS o"
    " JOIN registry_tables.fingerprints AS f ON f.model_id = o.model_id"
    " CROSS JOIN LATERAL registry_tables.near_outlines("
    "o.start, o.stream, o.token, f.std, f.projections, 'model', :version, :k) AS n"
    " WHERE o.model_id = :model_id"
)
RELATIVES = text(
    "SELECT s.model_id, o.model_id AS relative,"
    " -least(o.start <#> s.start, o.stream <#> s.stream, o.token <#> s.token) AS cosine"
    " FROM registry_tables.outlines AS o JOIN registry_tables.outlines AS s"
    " ON s.model_id = ANY(:models) AND s.search_group = o.search_group"
    " WHERE least(o.start <#> s.start, o.stream <#> s.stream, o.token <#> s.token) < -:relative"
)
IDS = text(
    "SELECT coalesce(min(model_id), 0), coalesce(max(model_id), 0)"
    " FROM registry_tables.fingerprints"
)
STD_VECTORS = text(
    "SELECT search_group, string_agg(array_send(std), '') FROM registry_tables.fingerprints"
    " WHERE model_id >= :first AND model_id < :past AND search_group = ANY(:groups)"
    " GROUP BY search_group"
)


@dataclass(frozen=True)
class Recall:
    """What one search finds of what is there.

    Attributes:
        search: `std vectors` or `outlines`.
        models: Those that were looked up.
        expected: Neighbours, or relatives, that they have.
        missed: How many of these the search does not give.
        worst: Share of one model's that is found where it is lowest; 1 without any.
    """

    search: str
    models: int
    expected: int
    missed: int
    worst: float

    @classmethod
    def of(cls, search: str, pairs: Sequence[tuple[int, int]]) -> "Recall":
        """Return the recall, given what is expected and missed for each model."""
        expected = sum(pair[0] for pair in pairs)
        missed = sum(pair[1] for pair in pairs)
        worst = min((1 - lost / there for there, lost in pairs if there), default=1.0)
        return cls(search, len(pairs), expected, missed, worst)

    @property
    def recall(self) -> float:
        """Share that is found; 1 where there is nothing to find."""
        return 1 - self.missed / self.expected if self.expected else 1.0


def check(session: Session, count: int, seed: int = 0) -> list[Recall]:
    """Return how much of what is there the searches find, for a sample of registered models.

    Takes seconds where there are a million, for it reads all.
    """
    parameters = {"version": VERSION, "count": count, "seed": seed}
    sample = session.execute(SAMPLE, parameters).all()
    return [
        Recall.of("std vectors", std_pairs(session, sample)),
        Recall.of("outlines", outline_pairs(session, sample)),
    ]


def std_pairs(session: Session, sample: Sequence[Row[Any]]) -> list[tuple[int, int]]:
    """Return for each model how many neighbours are nearest, and how many others were given."""
    nearest = [np.empty(0)] * len(sample)
    for group, vectors in std_vectors(session, {row.search_group for row in sample}):
        for place, row in enumerate(sample):
            if row.search_group == group:
                distances = distances_from(np.array(row.std), vectors)
                both = np.concatenate([nearest[place], distances])
                nearest[place] = np.sort(both)[:NEIGHBOURS]

    pairs = []
    for row, expected in zip(sample, nearest, strict=True):
        asked = {"std": row.std, "group": row.search_group, "k": NEIGHBOURS}
        given = np.array(session.scalars(BY_STD, asked).all())[: len(expected)]
        farther = given > expected[: len(given)] * (1 + SAME) + np.finfo(float).eps
        pairs.append((len(expected), int(farther.sum()) + len(expected) - len(given)))
    return pairs


def std_vectors(session: Session, groups: set[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield search groups with std vectors of theirs, n x 7, part by part."""
    first, last = session.execute(IDS).one()
    form = np.dtype([("head", f"V{HEAD}"), ("entries", [("size", ">i4"), ("value", ">f8")], 7)])
    for begin in range(first, last + 1, PART):
        part = {"first": begin, "past": begin + PART, "groups": sorted(groups)}
        for group, sent in session.execute(STD_VECTORS, part):
            yield group, np.frombuffer(sent, form)["entries"]["value"].astype(float)


def distances_from(std: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return cosine distances of a vector from others, 1 where one of the two is zero."""
    length = float(np.linalg.norm(std))
    lengths = np.linalg.norm(others, axis=1)
    distances = np.ones(len(others))
    if length == 0:
        return distances
    there = lengths > 0
    units = others[there] / lengths[there, None]
    distances[there] = ((units - std / length) ** 2).sum(axis=1) / 2
    return distances


def outline_pairs(session: Session, sample: Sequence[Row[Any]]) -> list[tuple[int, int]]:
    """Return for each model how many relatives belong into its shortlist, and how many are missed.

    Of more than SHORTLIST, those whose cosine is above that of the last by more than BORDER.
    """
    relatives: dict[int, list[tuple[float, int]]] = {row.model_id: [] for row in sample}
    asked = {"models": list(relatives), "relative": RELATIVE}
    for model_id, relative, cosine in session.execute(RELATIVES, asked):
        relatives[model_id].append((cosine, relative))

    pairs = []
    for model_id, ranked in relatives.items():
        ranked.sort(reverse=True)
        last = ranked[SHORTLIST - 1][0] + BORDER if len(ranked) >= SHORTLIST else RELATIVE
        expected = {relative for cosine, relative in ranked if cosine > last}
        looked_up = {"model_id": model_id, "version": VERSION, "k": SHORTLIST}
        given = set(session.scalars(BY_OUTLINE, looked_up))
        pairs.append((len(expected), len(expected - given)))
    return pairs
