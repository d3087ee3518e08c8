"""The map of all models as it is stored: where models stand, and its tiles."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.orm import Session

from registry.database.stored.models import find
from registry.database.tables.atlas_tables import ClusterRow, PlaceRow
from registry.database.tables.schema import Family, Model
from registry.database.tables.text_limits import fitting
from registry.numerics.atlas import OUTSIDE
from registry.numerics.tiles import DEEPEST, Tile, codes_of, tile_at, zooms_of

SHOWN = 48  # models that each tile adds to what wider ones show
NAMED = 6  # clusters that each tile adds
MOST_SHOWN = 2000  # of one tile
CLOSE = 2  # zoom from which a model is looked at
ALONE = text("LOCK TABLE registry_tables.places IN SHARE ROW EXCLUSIVE MODE")
STORE = text("""
    INSERT INTO registry_tables.places
        (model_id, x, y, cluster, code, zoom, landmark, missing)
    SELECT u.* FROM unnest(
        CAST(:ids AS integer[]), CAST(:xs AS double precision[]), CAST(:ys AS double precision[]),
        CAST(:clusters AS integer[]), CAST(:codes AS bigint[]), CAST(:zooms AS smallint[]),
        CAST(:landmarks AS boolean[]), CAST(:missing AS text[])
    ) AS u (id, x, y, cluster, code, zoom, landmark, missing)
    JOIN registry_tables.models AS m ON m.id = u.id
    FOR KEY SHARE OF m
""")
GROUPS = text("""
    SELECT g.cluster, g.family, sum(g.models) OVER (PARTITION BY g.cluster)::integer, g.models,
        sum(g.x) OVER (PARTITION BY g.cluster), sum(g.y) OVER (PARTITION BY g.cluster)
    FROM (
        SELECT p.cluster, f.name AS family, count(*)::integer AS models, sum(p.x) AS x,
            sum(p.y) AS y
        FROM registry_tables.places AS p
        JOIN registry_tables.models AS m ON m.id = p.model_id
        JOIN registry_tables.families AS f ON f.id = m.family_id
        WHERE p.cluster IS NOT NULL
        GROUP BY p.cluster, f.name
    ) AS g
    ORDER BY 3 DESC, g.cluster, g.models DESC, g.family
""")


class Missing(StrEnum):
    """Why a model has no place on the map."""

    VERSION = "version"
    """Its fingerprint is of another version."""
    BASE = "base"
    """It is an adapter whose base is not known, or has no place."""
    NUMBERS = "numbers"
    """Nothing was measured that it could be placed by."""


@dataclass(frozen=True, eq=False)
class NewPlaces:
    """Places to be stored.

    Attributes:
        ids: Numbers of n models, in the order in which they are shown.
        places: n x 2, from 0 to 1.
        clusters: OUTSIDE where a model is in none.
        landmarks: Whether the map was laid out by it.
        missing: By number, models without a place.
    """

    ids: np.ndarray
    places: np.ndarray
    clusters: np.ndarray
    landmarks: np.ndarray
    missing: Mapping[int, Missing]


class KnownPlaces(NamedTuple):
    """Places that are stored: of n models, and of the landmarks among them."""

    ids: np.ndarray
    places: np.ndarray
    clusters: np.ndarray
    landmarks: np.ndarray


class Place(NamedTuple):
    """A model on the map."""

    name: str
    family: str
    kind: str
    x: float
    y: float
    cluster: int | None


class Cluster(NamedTuple):
    """A group of neighbours, by its commonest family: so many models, and that family's share."""

    number: int
    family: str
    x: float
    y: float
    models: int
    share: float


@dataclass(frozen=True)
class MapTile:
    """A tile of the map.

    Attributes:
        models: How many models stand in it; `places` has those that are shown.
        clusters: Those whose middle lies in it, that are named at its zoom.
    """

    tile: Tile
    models: int
    places: tuple[Place, ...]
    clusters: tuple[Cluster, ...]


def known_places(session: Session) -> KnownPlaces:
    """Return all places that are stored, landmarks first, then by number."""
    row = PlaceRow
    query = select(row.model_id, row.x, row.y, row.cluster, row.landmark)
    query = query.where(row.missing.is_(None)).order_by(row.landmark.desc(), row.model_id)
    rows = session.execute(query).all()
    clusters = [OUTSIDE if place.cluster is None else place.cluster for place in rows]
    return KnownPlaces(
        ids=np.array([place.model_id for place in rows], int),
        places=np.array([(place.x, place.y) for place in rows], float).reshape(-1, 2),
        clusters=np.array(clusters, int),
        landmarks=np.array([place.landmark for place in rows], bool),
    )


def missing_counts(session: Session) -> dict[Missing, int]:
    """Return how many models have no place, by what is missing."""
    query = select(PlaceRow.missing, func.count()).where(PlaceRow.missing.is_not(None))
    rows = session.execute(query.group_by(PlaceRow.missing).order_by(PlaceRow.missing))
    return {Missing(str(word)): count for word, count in rows}


def store_anew(session: Session, new: NewPlaces) -> None:
    """Replace the map."""
    session.execute(ALONE)
    session.execute(delete(PlaceRow))
    store(session, new, zooms_of(codes_of(new.places), SHOWN))


def store_further(session: Session, new: NewPlaces, known: KnownPlaces) -> None:
    """Add models to the map, drawn after those that are on it."""
    session.execute(ALONE)
    again = PlaceRow.missing.is_not(None) | PlaceRow.model_id.in_(new.ids.tolist())
    session.execute(delete(PlaceRow).where(again))
    codes = codes_of(np.concatenate([known.places, new.places]))
    store(session, new, zooms_of(codes, SHOWN)[len(known.ids) :])


def store(session: Session, new: NewPlaces, zooms: np.ndarray) -> None:
    """Store places of models that are still registered, and name the clusters again."""
    without = list(new.missing)
    nothing: list[None] = [None] * len(without)
    clusters = [None if cluster == OUTSIDE else cluster for cluster in new.clusters.tolist()]
    values = {
        "ids": [*new.ids.tolist(), *without],
        "xs": [*new.places[:, 0].tolist(), *nothing],
        "ys": [*new.places[:, 1].tolist(), *nothing],
        "clusters": [*clusters, *nothing],
        "codes": [*codes_of(new.places).tolist(), *nothing],
        "zooms": [*zooms.tolist(), *nothing],
        "landmarks": [*new.landmarks.tolist(), *([False] * len(without))],
        "missing": [*([None] * len(new.ids)), *map(str, new.missing.values())],
    }
    session.execute(STORE, values)
    name_clusters(session)


def name_clusters(session: Session) -> None:
    """Name every cluster by its commonest family; the largest are named first."""
    session.execute(delete(ClusterRow))
    rows: dict[int, dict[str, Any]] = {}
    for number, family, models, of_family, x, y in session.execute(GROUPS):
        rows.setdefault(
            number,
            {
                "id": number,
                "family": fitting("clusters.family", family),
                "models": models,
                "share": of_family / models,
                "x": x / models,
                "y": y / models,
            },
        )
    if not rows:
        return
    places = np.array([(row["x"], row["y"]) for row in rows.values()])
    codes = codes_of(places)
    zooms = zooms_of(codes, NAMED)
    for row, code, zoom in zip(rows.values(), codes.tolist(), zooms.tolist(), strict=True):
        row |= {"code": code, "zoom": zoom}
    session.execute(insert(ClusterRow), list(rows.values()))


def count_of_places(session: Session) -> int:
    """Return how many models have a place."""
    query = select(func.count()).select_from(PlaceRow).where(PlaceRow.missing.is_(None))
    return session.scalar(query) or 0


def count_of_clusters(session: Session) -> int:
    """Return how many clusters have a name."""
    return session.scalar(select(func.count()).select_from(ClusterRow)) or 0


def is_drawn(session: Session) -> bool:
    """Return whether any model has a place."""
    return session.scalar(select(PlaceRow.model_id).limit(1)) is not None


def map_tile(session: Session, tile: Tile, most: int | None = MOST_SHOWN) -> MapTile:
    """Return what a tile of the map shows.

    Args:
        most: Places at most, those of wide tiles first; of more than MOST_SHOWN, or of None, which
            is all, also those that only narrower tiles show.
    """
    first, last = tile.codes
    within = PlaceRow.code.between(first, last)
    models = session.scalar(select(func.count()).select_from(PlaceRow).where(within)) or 0

    row = PlaceRow
    query = select(Model.name, Family.name, Model.kind, row.x, row.y, row.cluster)
    query = query.select_from(row).join(Model, Model.id == row.model_id)
    query = query.join(Family, Family.id == Model.family_id).where(within)
    if most is not None and most <= MOST_SHOWN:
        query = query.where(row.zoom.in_(range(tile.zoom + 1)))
    query = query.limit(most)
    places = session.execute(query.order_by(row.zoom, row.model_id))

    group = ClusterRow
    named = select(group.id, group.family, group.x, group.y, group.models, group.share)
    named = named.where(group.code.between(first, last), group.zoom <= tile.zoom)
    clusters = session.execute(named.order_by(group.models.desc(), group.id))
    return MapTile(
        tile=tile,
        models=models,
        places=tuple(map(place_in, places)),
        clusters=tuple(Cluster(*cluster) for cluster in clusters),
    )


def tile_of(session: Session, name: str) -> Tile | None:
    """Return a tile that shows a model; None of one without a place.

    Raises ModelNotFound, ModelAmbiguous.
    """
    row = session.get(PlaceRow, find(session, name).id)
    if row is None or row.x is None or row.y is None:
        return None
    zoom = min(max(row.zoom or 0, CLOSE), DEEPEST)
    return tile_at(zoom, row.x, row.y)


def place_in(row: Any) -> Place:
    """Return the place in a row of an answer."""
    return Place(*row)
