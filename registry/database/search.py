"""Which registered models are nearest: the search itself is SQL, so that analysts get the same answer."""

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.orm import Session

from registry.database.schema import ClusteringRow, FingerprintRow, Model
from registry.evidence import Match
from registry.fingerprints import Fingerprint

NEAREST = text(
    "SELECT model, family, digest, std_distance, clustering_distance"
    " FROM nearest_fingerprints(:std, :shares, :projections, :kind, :version, :k)"
).bindparams(
    bindparam("std", type_=FingerprintRow.std.type),
    bindparam("shares", type_=ClusteringRow.shares.type),
    bindparam("projections", type_=FingerprintRow.projections.type),
)


def nearest(session: Session, fingerprint: Fingerprint, k: int) -> list[Match]:
    """The k nearest of the same kind, fingerprint version and projections, nearest first."""
    answer = session.execute(
        NEAREST,
        {
            "std": fingerprint.std,
            "shares": fingerprint.clusterings[0].vector,
            "projections": fingerprint.projections,
            "kind": fingerprint.kind,
            "version": fingerprint.version,
            "k": k,
        },
    )
    return [Match(*row) for row in answer]


def comparable(session: Session, fingerprint: Fingerprint) -> int:
    """How many registered models the fingerprint can be compared with."""
    query = (
        select(func.count())
        .select_from(FingerprintRow)
        .join(Model)
        .where(
            Model.fingerprint_version == fingerprint.version,
            Model.kind == fingerprint.kind,
            FingerprintRow.projections == fingerprint.projections,
        )
    )
    return session.scalar(query) or 0
