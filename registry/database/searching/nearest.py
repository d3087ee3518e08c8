"""Which registered models are nearest, in SQL, so that analysts get the same answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Select, bindparam, func, or_, select, text
from sqlalchemy.orm import Session

from registry.architectures.roles import PROJECTIONS
from registry.database.searching.near_models import Spread
from registry.database.stored.models import CURRENT
from registry.database.tables.schema import ClusteringRow, FingerprintRow, MatrixRow, Model
from registry.fingerprints.record import VERSION, Fingerprint
from registry.lineage.judgement import CandidateCounts
from registry.lineage.training_recipe import VALUES
from registry.lineage.vector_distances import log_ratio_distance

NEAREST = (
    text(
        "SELECT n.model, n.family, n.digest, n.std_distance, n.clustering_distance, f.std"
        " FROM registry.nearest_fingerprints("
        ":std, :shares, :projections, :kind, :version, :k) AS n"
        " JOIN registry_tables.models AS m ON m.name = n.model"
        " JOIN registry_tables.fingerprints AS f ON f.model_id = m.id"
        " ORDER BY n.std_distance, n.clustering_distance, n.model"
    )
    .bindparams(
        bindparam("std", type_=FingerprintRow.std.type),
        bindparam("shares", type_=ClusteringRow.shares.type),
        bindparam("projections", type_=FingerprintRow.projections.type),
    )
    .columns(std=FingerprintRow.std.type)
)

COUNTS = text(
    "SELECT models, families FROM registry_tables.model_counts"
    " WHERE kind = :kind AND fingerprint_version = :version"
)


@dataclass(frozen=True)
class Match:
    """A registered model beside an unknown one.

    std_distance, clustering_distance: cosine distances of the vectors of paper 2509.19122; the
        second is None where the unknown model was not clustered.
    spread_distance: of the std vectors too, in the way that names families best
    (lineage.vector_distances).
    """

    model: str
    family: str
    digest: str
    std_distance: float
    clustering_distance: float | None
    spread_distance: float


@dataclass(frozen=True)
class Asked:
    """What the nearest models are sought by.

    Attributes:
        std: Std vector, 7 numbers.
        shares: Clustering vector; None where the model was not clustered.
        projections: That were found.
    """

    std: tuple[float, ...]
    shares: tuple[float, ...] | None
    projections: tuple[str, ...]
    kind: str


def nearest(session: Session, fingerprint: Fingerprint, k: int) -> list[Match]:
    """Return the k nearest of the same kind, fingerprint version and projections, nearest first."""
    shares = tuple(fingerprint.clusterings[0].vector) if fingerprint.clusterings else None
    asked = Asked(tuple(fingerprint.std), shares, fingerprint.projections, fingerprint.kind)
    return nearest_to(session, asked, fingerprint.version, k)


def nearest_to(session: Session, asked: Asked, version: int, k: int) -> list[Match]:
    """Return the k nearest of a fingerprint version to what is asked for, nearest first."""
    parameters = {
        "std": asked.std,
        "shares": asked.shares or asked.std,
        "projections": asked.projections,
        "kind": asked.kind,
        "version": version,
        "k": k,
    }
    matches = []
    for row in session.execute(NEAREST, parameters):
        match = Match(
            model=row.model,
            family=row.family,
            digest=row.digest,
            std_distance=row.std_distance,
            clustering_distance=row.clustering_distance if asked.shares else None,
            spread_distance=log_ratio_distance(asked.std, row.std),
        )
        matches.append(match)
    return matches


def spreads(session: Session, kind: str) -> list[Spread]:
    """Return the std vectors of all models, or adapters, by name."""
    query = select(Model.name, Model.declared_base, Model.digest, FingerprintRow.std)
    query = query.join(FingerprintRow, FingerprintRow.model_id == Model.id)
    query = query.where(CURRENT)
    query = query.where(Model.kind == kind)
    rows = session.execute(query.order_by(Model.name))
    return [Spread(*row) for row in rows]


def count(session: Session, kind: str) -> int:
    """Return how many models, or adapters, are registered."""
    return counts(session, kind, VERSION).models


def comparable(session: Session, fingerprint: Fingerprint) -> CandidateCounts:
    """Return how many models of the same kind and version there are, and of how many families."""
    return counts(session, fingerprint.kind, fingerprint.version)


def counts(session: Session, kind: str, version: int) -> CandidateCounts:
    """Return how many models of a kind and version there are, and of how many families.

    Triggers keep the count (migration 0013): counting a million takes longer than a verdict.
    """
    row = session.execute(COUNTS, {"kind": kind, "version": version}).one_or_none()
    return CandidateCounts(*row) if row else CandidateCounts(0, 0)


def of_same_kind(query: Select[Any], fingerprint: Fingerprint) -> Select[Any]:
    """Return a query of models, kept to those of the same kind and fingerprint version."""
    query = query.select_from(Model)
    query = query.where(Model.fingerprint_version == fingerprint.version)
    return query.where(Model.kind == fingerprint.kind)


def same_weights(session: Session, fingerprint: Fingerprint) -> list[str]:
    """Return the names of models with the same weights, once cast to bf16."""
    digests = {fingerprint.digest, fingerprint.cast_digest} - {None}
    stored = Model.digest.in_(digests)
    cast_to_bf16 = Model.cast_digest.in_(digests)

    query = of_same_kind(select(Model.name), fingerprint)
    query = query.where(or_(stored, cast_to_bf16))
    names = session.scalars(query.order_by(Model.id))
    return list(names)


def profiles(session: Session, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return what lineage.training_recipe.recipe_profile gives, averaged by the server.

    By name 7 x VALUES means of logarithms, NaN for a projection without values.
    """
    size = func.greatest(MatrixRow.rows, MatrixRow.cols)
    scale = MatrixRow.std * func.sqrt(size)
    means = []
    for position in range(VALUES):
        singular_value = MatrixRow.singular_values[position + 1]
        logarithm = func.ln(singular_value / scale)
        means.append(func.avg(logarithm))

    query = select(Model.name, MatrixRow.projection, *means)
    query = query.join(Model, Model.id == MatrixRow.model_id)
    query = query.where(Model.name.in_(names))
    query = query.where(CURRENT)
    query = query.where(MatrixRow.singular_values[VALUES] > 0)  # the last: they are sorted
    query = query.where(MatrixRow.std > 0)
    query = query.group_by(Model.name, MatrixRow.projection)

    shape = (len(PROJECTIONS), VALUES)
    profiles = {name: np.full(shape, np.nan) for name in names}
    for name, projection, *values in session.execute(query):
        row = PROJECTIONS.index(projection)
        profiles[name][row] = values
    return profiles
