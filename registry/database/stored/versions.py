"""Models whose fingerprints are of another version than this package computes: none is compared."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.database.stored.models import CURRENT, Summary, find, summary
from registry.database.tables.schema import FingerprintRow, Model
from registry.errors import FingerprintNewer
from registry.fingerprints.record import VERSION


class OldModel(NamedTuple):
    """A registered model whose fingerprint is of an older version.

    rank, nonfinite: of that fingerprint.
    """

    model: Summary
    rank: int
    nonfinite: int


def not_compared(session: Session) -> dict[int, int]:
    """Return how many models have fingerprints of other versions, by version."""
    query = select(Model.fingerprint_version, func.count())
    query = query.where(~CURRENT)
    query = query.group_by(Model.fingerprint_version)
    query = query.order_by(Model.fingerprint_version)
    return dict(session.execute(query).all())


def old_models(session: Session, names: Sequence[str] = ()) -> list[OldModel]:
    """Return the models whose fingerprints are of older versions, by name.

    Args:
        names: Names or starts of digests, where not all models are meant.

    Raises ModelNotFound, ModelAmbiguous, and FingerprintNewer for a named one of a newer version.
    """
    query = select(Model, FingerprintRow.rank, FingerprintRow.nonfinite)
    query = query.join(FingerprintRow, FingerprintRow.model_id == Model.id)
    query = query.where(Model.fingerprint_version < VERSION)
    if names:
        named = {find_upgradable(session, name).id for name in names}
        query = query.where(Model.id.in_(named))

    old = []
    for model, rank, nonfinite in session.execute(query.order_by(Model.name)):
        old.append(OldModel(summary(model), rank, nonfinite))
    return old


def find_upgradable(session: Session, name: str) -> Model:
    """Return the row of a model; raise FingerprintNewer where a newer registry stored it."""
    model = find(session, name)
    if model.fingerprint_version > VERSION:
        version = model.fingerprint_version
        raise FingerprintNewer(name=model.name, version=version, expected=VERSION)
    return model
