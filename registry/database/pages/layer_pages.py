"""One layer of a registered model: the moments and singular values of its matrices."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.database.stored.models import find
from registry.database.tables.schema import MatrixRow
from registry.errors import LayerNotFound


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


def layers_of(session: Session, number: int) -> tuple[int, ...]:
    """Return the numbers of a model's layers."""
    query = select(MatrixRow.layer).where(MatrixRow.model_id == number).distinct()
    return tuple(session.scalars(query.order_by(MatrixRow.layer)))


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
