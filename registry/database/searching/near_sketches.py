"""Which registered models have sketches near those of a fingerprint."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Double,
    Select,
    bindparam,
    distinct,
    func,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.orm import Session

from registry.database.connecting.engines import BINARY
from registry.database.searching.near_models import Likeness, NamedModel, StartLikeness
from registry.database.stored.models import CURRENT
from registry.database.stored.wire import halves, rectangle
from registry.database.tables.column_types import Half
from registry.database.tables.schema import (
    BranchRow,
    Family,
    FingerprintRow,
    MatrixRow,
    Model,
    OutlineRow,
    SpaceRow,
)
from registry.fingerprints.outline import Outline, outline
from registry.fingerprints.record import Branch, Fingerprint, Space
from registry.lineage.adapter_base import CandidateBase, direction_agreement, fit_null
from registry.lineage.features import KINDS, Sketches
from registry.lineage.own_alignment import OwnSketches

SKETCH = Half(256)
ZEROS = literal((0.0,) * 256, SKETCH)
COSINE_DISTANCE = "<=>"  # pgvector's operator
NEAR_OUTLINES = text(
    "SELECT m.name, n.cosine FROM registry_tables.near_outlines("
    ":start, :stream, :token, :std, :projections, :kind, :version, :k) AS n"
    " JOIN registry_tables.models AS m ON m.id = n.model_id ORDER BY n.cosine DESC NULLS LAST, m.id"
).bindparams(
    *(bindparam(name, type_=SKETCH) for name in ("start", "stream", "token")),
    bindparam("std", type_=FingerprintRow.std.type),
    bindparam("projections", type_=FingerprintRow.projections.type),
)
NEAR_OWN = text(
    "SELECT m.name FROM registry_tables.near_own(:own, :kind, :version, :k) AS n"
    " JOIN registry_tables.models AS m ON m.id = n.model_id ORDER BY n.distance, m.id"
).bindparams(bindparam("own", type_=OutlineRow.own.type))
SEVERAL = 2  # models that begin alike: more than one
NO_CHANCE = 0.35  # cosine of two images of 256 numbers: 5.6 standard deviations
SELDOM = 0.05  # p-value of an adapter's fit up to which its base is looked for again


def distance_to(column: Any, sketch: Sequence[float]) -> ColumnElement[float]:
    """Return the cosine distance of a column of sketches from one sketch."""
    parameter = bindparam(None, sketch, type_=SKETCH)
    distance: ColumnElement[float] = column.op(COSINE_DISTANCE, return_type=Double())(parameter)
    return distance


def by_outline(
    session: Session, fingerprint: Fingerprint, k: int, vectors: Outline | None = None
) -> list[Likeness]:
    """Return the k models with the nearest outline of any kind, and its cosine, nearest first.

    Where `registry db index` has built indexes, they may miss some (docs/method.md, Search).

    Args:
        vectors: The fingerprint's outline, where it is at hand.
    """
    vectors = vectors or outline(fingerprint)
    parameters = {
        "start": vectors.start,
        "stream": vectors.stream,
        "token": vectors.token,
        "std": fingerprint.std,
        "projections": fingerprint.projections,
        "kind": fingerprint.kind,
        "version": fingerprint.version,
        "k": k,
    }
    likenesses = []
    for name, cosine in session.execute(NEAR_OUTLINES, parameters):
        if cosine:  # None where the two have no outline of one kind
            likenesses.append(Likeness(name, cosine))
    return likenesses


def with_cosine(table: Any, distance: ColumnElement[float]) -> Select[str, str, float]:
    """Return a query of models, families and cosines, for the distance of a table's column."""
    query = select(Model.name, Family.name, 1 - distance)
    query = query.join(table, table.model_id == Model.id)
    return query.join(Family)


def by_start(session: Session, start: tuple[float, ...], k: int) -> list[StartLikeness]:
    """Return the k models whose tensors begin most alike, and the cosine, nearest first."""
    distance = distance_to(OutlineRow.start, start)
    query = with_cosine(OutlineRow, distance)
    query = query.where(OutlineRow.start.is_not(None))
    query = query.where(CURRENT)
    query = query.order_by(distance).limit(k)

    likenesses = []
    for name, family, cosine in session.execute(query):
        named = NamedModel(name, family)
        likenesses.append(StartLikeness(named, cosine))
    return likenesses


def alike_from_start(session: Session, start: tuple[float, ...]) -> list[NamedModel]:
    """Return models whose tensors begin so that chance does not explain it, the nearest first."""
    likenesses = by_start(session, start, SEVERAL)
    return [likeness.named for likeness in likenesses if likeness.cosine > NO_CHANCE]


def by_own_axes(
    session: Session, fingerprint: Fingerprint, k: int, vectors: Outline | None = None
) -> list[str]:
    """Return the k models whose outlines in their own axes are nearest, nearest first.

    Rotations, another vocabulary and another width leave these outlines about as they are.

    Args:
        vectors: The fingerprint's outline, where it is at hand.
    """
    vector = (vectors or outline(fingerprint)).own
    if vector is None:
        return []

    parameters = {
        "own": vector,
        "kind": fingerprint.kind,
        "version": fingerprint.version,
        "k": k,
    }
    return list(session.scalars(NEAR_OWN, parameters))


def own_sketches(session: Session, names: Sequence[str]) -> dict[str, OwnSketches]:
    """Return the sketches of some models in their own axes, by name."""
    own = func.halfvec_send(BranchRow.own)
    scores = func.halfvec_send(BranchRow.scores)
    query = select(Model.name, BranchRow.layer, BranchRow.branch, own, scores)
    query = query.join(Model, Model.id == BranchRow.model_id)
    query = query.where(Model.name.in_(names))
    query = query.where(CURRENT)
    query = query.where(BranchRow.own.is_not(None))

    branches: dict[str, list[Branch]] = {name: [] for name in names}
    for name, layer, branch, *sent in session.execute(query):
        branches[name].append(Branch(layer, branch, (), None, *map(halves, sent)))
    return {name: OwnSketches.of(some) for name, some in branches.items()}


def by_branch(session: Session, branch: Branch, k: int) -> dict[NamedModel, float]:
    """Return the models with a layer most like this one, and the cosine in the better axes."""
    best: dict[NamedModel, float] = {}
    for kind in KINDS:
        sketch = getattr(branch, kind)
        if sketch is None:
            continue
        column = getattr(BranchRow, kind)
        distance = distance_to(column, sketch)
        query = with_cosine(BranchRow, distance)
        query = query.where(BranchRow.branch == branch.branch)
        query = query.where(CURRENT)
        query = query.where(distance.is_not(None))
        query = query.order_by(distance).limit(k)

        for name, family, cosine in session.execute(query):
            named = NamedModel(name, family)
            best[named] = max(cosine, best.get(named, -1.0))
    return best


def sketches_of(session: Session, names: Sequence[str]) -> dict[str, Sketches]:
    """Return the branches' sketches of some models, by name.

    They are read in binary: as decimals they take a second.
    """
    layers = func.array_agg(BranchRow.layer)
    branches = func.array_agg(BranchRow.branch)
    stream = strung_together(BranchRow.stream)
    token = strung_together(BranchRow.token)
    query = select(Model.name, layers, branches, stream, token)
    query = query.join(Model, Model.id == BranchRow.model_id)
    query = query.where(Model.name.in_(names))
    query = query.where(CURRENT)

    query = query.group_by(Model.name)
    sketches = dict.fromkeys(names, Sketches.of(()))
    rows = session.execute(query, execution_options={BINARY: True})
    for name, numbers, names_of_branches, *sent in rows:
        tables = list(map(rectangle, sent))
        sketches[name] = Sketches.placed(numbers, names_of_branches, tables)
    return sketches


def strung_together(column: Any) -> ColumnElement[bytes]:
    """Return the sketches of a group's rows in binary, zeros for one that is missing."""
    sent = func.halfvec_send(func.coalesce(column, ZEROS))
    return func.string_agg(sent, literal(b""))


def bases(session: Session, adapter: Fingerprint) -> list[CandidateBase]:
    """Return the models that have every matrix which an adapter changes, in its shape."""
    sketch = func.halfvec_send(SpaceRow.sketch)
    query = select(Model.name, Family.name, SpaceRow.layer, SpaceRow.side, sketch)
    query = query.join(SpaceRow, SpaceRow.model_id == Model.id)
    query = query.join(Family, Family.id == Model.family_id)
    query = query.where(Model.kind == "model")
    query = query.where(Model.fingerprint_version == adapter.version)
    query = query.where(Model.id.in_(fitting_models(adapter)))

    spaces: dict[NamedModel, list[Space]] = defaultdict(list)
    for name, family, layer, side, sent in session.execute(query):
        named = NamedModel(name, family)
        spaces[named].append(Space(layer, side, halves(sent)))

    candidates = []
    for named in sorted(spaces):
        candidate = CandidateBase(named.model, named.family, tuple(spaces[named]))
        candidates.append(candidate)
    return candidates


def adapters_of(session: Session, model: Fingerprint) -> list[str]:
    """Return the adapters that may have been trained on a model, by name, the best fit first.

    All their matrices are the model's in place and shape, and few unrelated ones fit as well.
    """
    shapes = {
        (matrix.layer, matrix.projection, matrix.rows, matrix.cols) for matrix in model.matrices
    }
    place = tuple_(MatrixRow.layer, MatrixRow.projection, MatrixRow.rows, MatrixRow.cols)
    misfits = select(MatrixRow.model_id).where(
        MatrixRow.model_id == Model.id, place.not_in(sorted(shapes))
    )
    query = select(Model.name, SpaceRow.layer, SpaceRow.side, func.halfvec_send(SpaceRow.sketch))
    query = query.join(SpaceRow, SpaceRow.model_id == Model.id)
    query = query.where(Model.kind == "adapter", Model.fingerprint_version == model.version)
    query = query.where(~misfits.exists())

    spaces: dict[str, list[Space]] = defaultdict(list)
    for name, layer, side, sent in session.execute(query):
        spaces[name].append(Space(layer, side, halves(sent)))
    fits = {name: direction_agreement(sketches, model.spaces) for name, sketches in spaces.items()}
    likely = [name for name, z in fits.items() if fit_null().p_value(z) < SELDOM]
    return sorted(likely, key=fits.__getitem__, reverse=True)


def fitting_models(adapter: Fingerprint) -> Select[Any]:
    """Return a query of the ids of models with all matrices that an adapter changes."""
    places = set()
    for matrix in adapter.matrices:
        places.add((matrix.layer, matrix.projection, matrix.rows, matrix.cols))

    place = tuple_(MatrixRow.layer, MatrixRow.projection, MatrixRow.rows, MatrixRow.cols)
    query = select(MatrixRow.model_id)
    query = query.where(place.in_(sorted(places)))
    query = query.group_by(MatrixRow.model_id)
    return query.having(func.count(distinct(place)) == len(places))
