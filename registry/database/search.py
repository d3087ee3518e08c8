"""Which registered models are nearest: the search itself is SQL, so that analysts get the same answer."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sqlalchemy import Select, bindparam, func, or_, select, text
from sqlalchemy.orm import Session

from registry.database.schema import BranchRow, ClusteringRow, FingerprintRow, Half, Model, OutlineRow
from registry.fingerprints import Branch, Fingerprint
from registry.lineage.traits import KINDS, Sketches

NEAREST = text(
    "SELECT model, family, digest, std_distance, clustering_distance"
    " FROM nearest_fingerprints(:std, :shares, :projections, :kind, :version, :k)"
).bindparams(
    bindparam("std", type_=FingerprintRow.std.type),
    bindparam("shares", type_=ClusteringRow.shares.type),
    bindparam("projections", type_=FingerprintRow.projections.type),
)


@dataclass(frozen=True)
class Match:
    """A registered model beside an unknown one: cosine distances of the two vectors of paper 2509.19122."""

    model: str
    family: str
    digest: str
    std_distance: float
    clustering_distance: float


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
    """How many registered models there are of the same kind and fingerprint version."""
    return session.scalar(alike(select(func.count()), fingerprint)) or 0


def alike(query: Select[tuple[int]], fingerprint: Fingerprint) -> Select[tuple[int]]:
    """A query of models, kept to those of the same kind and fingerprint version."""
    own = Model.fingerprint_version == fingerprint.version
    return query.select_from(Model).where(own, Model.kind == fingerprint.kind)


def relatives(session: Session, fingerprint: Fingerprint, k: int) -> list[int]:
    """The ids of models that may be relatives: those with the same weights, and the k nearest of every outline."""
    digests = {fingerprint.digest, fingerprint.cast_digest} - {None}
    same = or_(Model.digest.in_(digests), Model.cast_digest.in_(digests))
    found = list(session.scalars(alike(select(Model.id), fingerprint).where(same)))
    sketches = Sketches.of(fingerprint.branches)
    outlines = {kind: sketches.outline(kind) for kind in KINDS} | {"start": fingerprint.start}
    for name, outline in outlines.items():
        if outline is not None:
            column = getattr(OutlineRow, name)
            query = alike(select(Model.id), fingerprint).join(OutlineRow, OutlineRow.model_id == Model.id)
            distance = column.op("<=>")(bindparam(None, outline, type_=Half))
            found += session.scalars(query.where(column.is_not(None)).order_by(distance, Model.id).limit(k))
    return list(dict.fromkeys(found))


def sketches_of(session: Session, ids: Sequence[int]) -> dict[int, Sketches]:
    """The branches' sketches of some models, in the bytes that the server holds: decimals would take a second."""
    rows: dict[int, list[Branch]] = defaultdict(list)
    sent = [func.halfvec_send(column) for column in (BranchRow.stream, BranchRow.token)]
    query = select(BranchRow.model_id, BranchRow.layer, BranchRow.branch, *sent).where(BranchRow.model_id.in_(ids))
    for model, layer, branch, *sketches in session.execute(query):
        rows[model].append(Branch(layer, branch, *map(halves, sketches)))
    return {model: Sketches.of(rows[model]) for model in ids}


def halves(sent: bytes | None) -> Any:
    """The numbers of a halfvec in Postgres' binary form: a count, two empty bytes, big-endian halves."""
    return None if sent is None else np.frombuffer(sent, ">f2", offset=4).astype(float)
