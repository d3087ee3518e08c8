"""What is shown of one registered model without reading all of its fingerprint."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.architectures.roles import PROJECTIONS
from registry.database.compared_models import judged_fingerprint
from registry.database.curation_answers import Remarks, remarks_on
from registry.database.edges import STANDS
from registry.database.models import Summary, find, summary
from registry.database.nearest import Match, nearest
from registry.database.schema import (
    AdapterRow,
    ClusteringRow,
    EdgeRow,
    FingerprintRow,
    HistogramRow,
    MatrixRow,
)
from registry.database.sources import Source, sources_of
from registry.database.trees import Edge, Event, edges_where, log
from registry.database.verdicts import kept_verdict
from registry.errors import LayerNotFound, NoVerdict
from registry.lineage.verdict import Verdict

NEAREST = 10
CHILDREN = 20
EVENTS = 10


@dataclass(frozen=True)
class Vectors:
    """The vectors of a model, by projection that was found.

    Attributes:
        std: Standard deviations of all weights of a projection.
        clusterings: Clustering vectors by rank.
    """

    projections: tuple[str, ...]
    std: dict[str, float]
    clusterings: dict[int, dict[str, float]]


@dataclass(frozen=True)
class Adaptation:
    """What only an adapter has: its method, and the rank of its delta."""

    method: str
    rank: int


@dataclass(frozen=True)
class ModelContent:
    """A registered model with all that its page shows.

    Attributes:
        verdict, judged_at: None where no verdict was stored.
        parents: What it was made from, as the tree stands.
        children: The first of what was made from it; child_count of them there are.
        nearest: By the papers' vectors, itself left out.
        layers: The numbers of its layers.
        has_histograms: Whether densities can be drawn.
    """

    model: Summary
    remarks: Remarks
    verdict: Verdict | None
    judged_at: datetime | None
    parents: tuple[Edge, ...]
    children: tuple[Edge, ...]
    child_count: int
    vectors: Vectors
    adaptation: Adaptation | None
    nearest: tuple[Match, ...]
    layers: tuple[int, ...]
    sources: tuple[Source, ...]
    events: tuple[Event, ...]
    has_histograms: bool


@dataclass(frozen=True)
class LayerMatrix:
    """A matrix of a layer.

    Attributes:
        expert: From 0; None where it serves every token.
        singular_values: The largest, falling.
    """

    projection: str
    expert: int | None
    tensor: str
    rows: int
    cols: int
    mean: float
    std: float
    skewness: float | None
    kurtosis: float | None
    digest: str
    singular_values: tuple[float, ...]


@dataclass(frozen=True)
class Layer:
    """A layer of a model; previous and next are None at the ends."""

    model: str
    number: int
    previous: int | None
    next: int | None
    matrices: tuple[LayerMatrix, ...]


def model_content(session: Session, name: str) -> ModelContent:
    """Return a registered model. Raises ModelNotFound, ModelAmbiguous."""
    row = find(session, name)
    model = summary(row)
    verdict, judged_at = verdict_on(session, model.name)
    is_child, is_parent = EdgeRow.child_id == row.id, EdgeRow.parent_id == row.id
    count = select(func.count()).select_from(EdgeRow).where(is_parent, STANDS)
    return ModelContent(
        model=model,
        remarks=remarks_on(session, model.name),
        verdict=verdict,
        judged_at=judged_at,
        parents=edges_where(session, is_child, STANDS),
        children=edges_where(session, is_parent, STANDS, most=CHILDREN),
        child_count=session.scalar(count) or 0,
        vectors=vectors_of(session, row.id),
        adaptation=adaptation_of(session, row.id),
        nearest=near(session, model),
        layers=layers_of(session, row.id),
        sources=tuple(sources_of(session, model.name)),
        events=tuple(log(session, model.name, EVENTS)),
        has_histograms=has_histograms(session, row.id),
    )


def verdict_on(session: Session, name: str) -> tuple[Verdict | None, datetime | None]:
    """Return the newest verdict on a model and its time; None for both where there is none."""
    try:
        stored = kept_verdict(session, name)
    except NoVerdict:
        return None, None
    return stored.verdict, stored.judged_at


def vectors_of(session: Session, number: int) -> Vectors:
    """Return the vectors of a model."""
    row = session.get_one(FingerprintRow, number)
    places = {name: place for place, name in enumerate(PROJECTIONS) if name in row.projections}
    query = select(ClusteringRow.rank, ClusteringRow.shares)
    query = query.where(ClusteringRow.model_id == number).order_by(ClusteringRow.rank)
    clusterings = {}
    for rank, shares in session.execute(query):
        clusterings[rank] = {name: shares[place] for name, place in places.items()}
    std = {name: row.std[place] for name, place in places.items()}
    return Vectors(tuple(places), std, clusterings)


def adaptation_of(session: Session, number: int) -> Adaptation | None:
    """Return what only an adapter has; None for a model."""
    row = session.get(AdapterRow, number)
    return Adaptation(row.method, row.rank) if row else None


def near(session: Session, model: Summary) -> tuple[Match, ...]:
    """Return the models nearest by std vector; none to one that is not compared."""
    if not model.compared:
        return ()
    fingerprint, _ = judged_fingerprint(session, model.name)
    matches = nearest(session, fingerprint, NEAREST + 1)
    return tuple(match for match in matches if match.model != model.name)[:NEAREST]


def layers_of(session: Session, number: int) -> tuple[int, ...]:
    """Return the numbers of a model's layers."""
    query = select(MatrixRow.layer).where(MatrixRow.model_id == number).distinct()
    return tuple(session.scalars(query.order_by(MatrixRow.layer)))


def has_histograms(session: Session, number: int) -> bool:
    """Return whether a model's histograms are stored."""
    query = select(HistogramRow.projection).where(HistogramRow.model_id == number).limit(1)
    return session.scalar(query) is not None


def layer(session: Session, name: str, number: int) -> Layer:
    """Return a layer of a model. Raises ModelNotFound, ModelAmbiguous, LayerNotFound."""
    model = find(session, name)
    layers = layers_of(session, model.id)
    if number not in layers:
        raise LayerNotFound(name=model.name, layer=number, layers=spans(layers))
    place = layers.index(number)
    query = select(MatrixRow).where(MatrixRow.model_id == model.id, MatrixRow.layer == number)
    matrices = [matrix_of(row) for row in session.scalars(query.order_by(MatrixRow.position))]
    return Layer(
        model=model.name,
        number=number,
        previous=layers[place - 1] if place else None,
        next=layers[place + 1] if place + 1 < len(layers) else None,
        matrices=tuple(matrices),
    )


def matrix_of(row: Any) -> LayerMatrix:
    """Return a row as the record that leaves this room."""
    return LayerMatrix(
        projection=row.projection,
        expert=row.expert,
        tensor=row.tensor,
        rows=row.rows,
        cols=row.cols,
        mean=row.mean,
        std=row.std,
        skewness=row.skewness,
        kurtosis=row.kurtosis,
        digest=row.digest,
        singular_values=row.singular_values,
    )


def spans(layers: tuple[int, ...]) -> str:
    """Return which layers there are, in words."""
    return f"{layers[0]} to {layers[-1]}" if layers else "none"


def edge_content(session: Session, number: int) -> Edge | None:
    """Return an edge by its number, as it stands or once was believed; None where there is none."""
    edges = edges_where(session, EdgeRow.id == number, most=1)
    return edges[0] if edges else None


def is_current(session: Session, number: int) -> bool:
    """Return whether an edge stands."""
    query = select(EdgeRow.id).where(EdgeRow.id == number, STANDS)
    return session.scalar(query) is not None
