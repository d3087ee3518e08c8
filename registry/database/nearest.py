"""Which registered models are nearest, in SQL, so that analysts get the same answer."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Double,
    Integer,
    Select,
    bindparam,
    cast,
    distinct,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.orm import Session

from registry.architectures.roles import PROJECTIONS
from registry.database.near_models import Likeness, NamedModel, Spread, StartLikeness
from registry.database.schema import (
    BranchRow,
    ClusteringRow,
    Family,
    FingerprintRow,
    Half,
    MatrixRow,
    Model,
    OutlineRow,
    SpaceRow,
)
from registry.database.wire import halves, rectangle
from registry.fingerprints.record import VERSION, Branch, Fingerprint, Space
from registry.lineage.adapter_base import CandidateBase
from registry.lineage.features import KINDS, Sketches
from registry.lineage.judgement import CandidateCounts
from registry.lineage.training_recipe import VALUES
from registry.lineage.vector_distances import log_ratio_distance

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
    """A registered model beside an unknown one.

    std_distance, clustering_distance: cosine distances of the vectors of paper 2509.19122.
    spread_distance: of the std vectors too, in the way that names families best
    (lineage.vector_distances).
    """

    model: str
    family: str
    digest: str
    std_distance: float
    clustering_distance: float
    spread_distance: float


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
    rows = answer.mappings().all()
    query: Any = select(Model.name, FingerprintRow.std).join(
        FingerprintRow, FingerprintRow.model_id == Model.id
    )
    own = Model.fingerprint_version == fingerprint.version
    std = dict(
        session.execute(query.where(own, Model.name.in_([row["model"] for row in rows]))).all()
    )
    return [
        Match(**row, spread_distance=log_ratio_distance(fingerprint.std, std[row["model"]]))
        for row in rows
    ]


def spreads(session: Session, kind: str) -> list[Spread]:
    """Return the std vectors of all models, or adapters, by name."""
    query: Any = select(Model.name, Model.declared_base, Model.digest, FingerprintRow.std)
    query = query.join(FingerprintRow, FingerprintRow.model_id == Model.id)
    own = (Model.fingerprint_version == VERSION, Model.kind == kind)
    return [Spread(*row) for row in session.execute(query.where(*own).order_by(Model.name))]


def comparable(session: Session, fingerprint: Fingerprint) -> CandidateCounts:
    """Return how many models of the same kind and version there are, and of how many families."""
    families = (
        alike(select(func.count().label("models")), fingerprint)
        .group_by(Model.family_id)
        .subquery()
    )
    counts = select(cast(func.coalesce(func.sum(families.c.models), 0), Integer), func.count())
    return CandidateCounts(*session.execute(counts.select_from(families)).one())


def alike(query: Select[Any], fingerprint: Fingerprint) -> Select[Any]:
    """A query of models, kept to those of the same kind and fingerprint version."""
    own = Model.fingerprint_version == fingerprint.version
    return query.select_from(Model).where(own, Model.kind == fingerprint.kind)


def same_weights(session: Session, fingerprint: Fingerprint) -> list[str]:
    """Models with the same weights, once cast to bf16, by name."""
    digests = {fingerprint.digest, fingerprint.cast_digest} - {None}
    equal = or_(Model.digest.in_(digests), Model.cast_digest.in_(digests))
    return list(
        session.scalars(alike(select(Model.name), fingerprint).where(equal).order_by(Model.id))
    )


def by_outline(session: Session, fingerprint: Fingerprint, k: int) -> list[Likeness]:
    """The k models with the nearest outline of any kind, and its cosine, the nearest first."""
    sketches = Sketches.of(fingerprint.branches)
    outlines = {kind: sketches.outline(kind) for kind in KINDS} | {"start": fingerprint.start}
    distances = [  # of unit vectors, which a product tells apart as well as a cosine, and sooner
        getattr(OutlineRow, name).op("<#>", return_type=Double())(
            bindparam(None, outline, type_=Half(256))
        )
        for name, outline in outlines.items()
        if outline is not None
    ]
    if not distances:
        return []
    least = func.least(*distances).label("least")
    near = (
        select(OutlineRow.model_id, least).order_by(least, OutlineRow.model_id).limit(k).subquery()
    )
    query = alike(select(Model.name, -near.c.least), fingerprint).join(
        near, near.c.model_id == Model.id
    )
    return [
        Likeness(name, cosine)
        for name, cosine in session.execute(query.order_by(near.c.least, Model.id))
        if cosine
    ]


def sketches_of(session: Session, names: Sequence[str]) -> dict[str, Sketches]:
    """Return the branches' sketches of some models; read in binary, for decimals take a second."""
    nothing = literal((0.0,) * 256, Half(256))
    sent = [
        func.halfvec_send(func.coalesce(column, nothing))
        for column in (BranchRow.stream, BranchRow.token)
    ]
    gathered: list[ColumnElement[Any]] = [
        func.array_agg(each) for each in (BranchRow.layer, BranchRow.branch)
    ]
    gathered += [func.string_agg(each, literal(b"")) for each in sent]
    query = (
        select(Model.name, *gathered)
        .join(Model, Model.id == BranchRow.model_id)
        .group_by(Model.name)
    )
    rows = session.execute(query.where(Model.name.in_(names), Model.fingerprint_version == VERSION))
    found = {
        name: Sketches.placed(layers, branches, list(map(rectangle, sent)))
        for name, layers, branches, *sent in rows
    }
    return {name: found.get(name) or Sketches.of(()) for name in names}


def count(session: Session, kind: str) -> int:
    """How many models, or adapters, are registered."""
    own = (Model.fingerprint_version == VERSION, Model.kind == kind)
    return session.scalar(select(func.count()).select_from(Model).where(*own)) or 0


def by_start(session: Session, start: tuple[float, ...], k: int) -> list[StartLikeness]:
    """The k models whose tensors begin most alike: name and family, and the cosine."""
    distance: ColumnElement[float] = OutlineRow.start.op("<=>", return_type=Double())(
        bindparam(None, start, type_=Half(256))
    )
    query = (
        select(Model.name, Family.name, 1 - distance)
        .join(OutlineRow, OutlineRow.model_id == Model.id)
        .join(Family)
    )
    query = query.where(OutlineRow.start.is_not(None), Model.fingerprint_version == VERSION)
    return [
        StartLikeness(NamedModel(name, family), cosine)
        for name, family, cosine in session.execute(query.order_by(distance).limit(k))
    ]


def by_branch(session: Session, branch: Branch, k: int) -> dict[NamedModel, float]:
    """Return the models with a layer most like this one, and the cosine in the better axes."""
    best: dict[NamedModel, float] = {}
    for kind in KINDS:
        sketch = getattr(branch, kind)
        if sketch is None:
            continue
        column = getattr(BranchRow, kind)
        distance: ColumnElement[float] = column.op("<=>", return_type=Double())(
            bindparam(None, sketch, type_=Half(256))
        )
        query = (
            select(Model.name, Family.name, 1 - distance)
            .join(BranchRow, BranchRow.model_id == Model.id)
            .join(Family)
        )
        query = query.where(
            BranchRow.branch == branch.branch,
            Model.fingerprint_version == VERSION,
            distance.is_not(None),
        )
        for name, family, cosine in session.execute(query.order_by(distance).limit(k)):
            named = NamedModel(name, family)
            best[named] = max(cosine, best.get(named, -1.0))
    return best


def bases(session: Session, adapter: Fingerprint) -> list[CandidateBase]:
    """The models that have every matrix which an adapter changes, in its shape."""
    places = sorted({(m.layer, m.projection, m.rows, m.cols) for m in adapter.matrices})
    own = tuple_(MatrixRow.layer, MatrixRow.projection, MatrixRow.rows, MatrixRow.cols)
    fitting = select(MatrixRow.model_id).where(own.in_(places)).group_by(MatrixRow.model_id)
    fitting = fitting.having(func.count(distinct(own)) == len(places))
    query = (
        select(
            Model.name,
            Family.name,
            SpaceRow.layer,
            SpaceRow.side,
            func.halfvec_send(SpaceRow.sketch),
        )
        .join(SpaceRow, SpaceRow.model_id == Model.id)
        .join(Family, Family.id == Model.family_id)
        .where(
            Model.kind == "model",
            Model.fingerprint_version == adapter.version,
            Model.id.in_(fitting),
        )
    )
    spaces: dict[tuple[str, str], list[Space]] = defaultdict(list)
    for model, family, layer, side, sent in session.execute(query):
        spaces[model, family].append(Space(layer, side, halves(sent)))
    return [CandidateBase(*named, tuple(found)) for named, found in sorted(spaces.items())]


def profiles(session: Session, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return what lineage.training_recipe.recipe_profile gives, averaged by the server."""
    scale = MatrixRow.std * func.sqrt(func.greatest(MatrixRow.rows, MatrixRow.cols))
    logs = [func.avg(func.ln(MatrixRow.singular_values[i + 1] / scale)) for i in range(VALUES)]
    whole = MatrixRow.singular_values[VALUES] > 0  # values fall
    query = select(Model.name, MatrixRow.projection, *logs).join(
        Model, Model.id == MatrixRow.model_id
    )
    query = query.where(
        Model.name.in_(names), Model.fingerprint_version == VERSION, whole, MatrixRow.std > 0
    )
    found = {name: np.full((len(PROJECTIONS), VALUES), np.nan) for name in names}
    for name, projection, *means in session.execute(
        query.group_by(Model.name, MatrixRow.projection)
    ):
        found[name][PROJECTIONS.index(projection)] = means
    return found
