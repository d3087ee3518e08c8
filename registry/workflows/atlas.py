"""The journey from registered models to a map of them, and of those that come later onto it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.database.connecting.transactions import answer_of, in_transaction
from registry.database.pages import atlas, atlas_vectors
from registry.database.pages.atlas import KnownPlaces, Missing, NewPlaces
from registry.database.pages.atlas_vectors import EVERY, LANDMARKS, WITHOUT_PLACE, Vectors
from registry.numerics.atlas import Landmarks, Placed, laid_out, placed

SMALL = 2000  # models whose map takes seconds: it is drawn anew each time that one comes
GROWN = 0.1  # share of models that came since, from which the map is drawn anew
BESIDE = 0.004  # of the map, from an adapter to its base
TURN = 2.399963  # radians between adapters of one base (the golden angle): none hides another
LONGEST_LINE = 20  # adapters of adapters


class Spot(NamedTuple):
    """A place on the map, and the number of its cluster."""

    x: float
    y: float
    cluster: int


@dataclass(frozen=True)
class MapDrawn:
    """What drawing the map came to.

    Attributes:
        placed: How many models are on it.
        new: Of these, how many were not before.
        anew: Whether all of it was laid out again.
        clusters: How many groups have a name.
        missing: How many models have no place, by what is missing.
    """

    placed: int
    new: int
    anew: bool
    clusters: int
    missing: Mapping[Missing, int]


@dataclass(frozen=True, eq=False)
class MapState:
    """What is on the map, and what is not."""

    known: KnownPlaces
    waiting: Vectors
    bases: Mapping[int, int | None]
    old: list[int]

    @property
    def needs_layout(self) -> bool:
        """Whether models that came since would be placed amid too few."""
        count = len(self.known.ids)
        new = len(self.waiting.ids)
        if not self.known.landmarks.any():
            return True
        return new > 0 and (count + new <= SMALL or new > GROWN * count)


def draw_map(engine: Engine, *, anew: bool = False) -> MapDrawn:
    """Put all models that are not on the map onto it, or draw it anew. Raises RegistryError.

    It is laid out anew where that is asked for, where it is small, and where many came since.
    """
    state = answer_of(engine, state_of)
    if anew or state.needs_layout:
        new = new_map(answer_of(engine, every_vector), state)
        in_transaction(engine, lambda session: atlas.store_anew(session, new))
    else:
        landmarks = answer_of(engine, lambda session: stored_landmarks(session, state.known))
        new = further_places(landmarks, state)
        in_transaction(engine, lambda session: atlas.store_further(session, new, state.known))
    is_new = ~np.isin(new.ids, state.known.ids)
    return answer_of(
        engine,
        lambda session: MapDrawn(
            placed=atlas.count_of_places(session),
            new=int(is_new.sum()),
            anew=anew or state.needs_layout,
            clusters=atlas.count_of_clusters(session),
            missing=atlas.missing_counts(session),
        ),
    )


def state_of(session: Session) -> MapState:
    """Return what is on the map, and what is not."""
    return MapState(
        known=atlas.known_places(session),
        waiting=atlas_vectors.vectors(session, WITHOUT_PLACE),
        bases=atlas_vectors.bases(session),
        old=atlas_vectors.of_other_versions(session),
    )


def every_vector(session: Session) -> Vectors:
    """Return the vectors of all models."""
    return atlas_vectors.vectors(session, EVERY)


def stored_landmarks(session: Session, known: KnownPlaces) -> Landmarks:
    """Return what the map was laid out by, those that are still registered."""
    vectors = atlas_vectors.vectors(session, LANDMARKS)
    order = np.flatnonzero(known.landmarks)
    order = order[np.argsort(known.ids[order])]
    both, ours, theirs = np.intersect1d(known.ids[order], vectors.ids, return_indices=True)
    rows = order[ours]
    return Landmarks(both, vectors.vectors[theirs], known.places[rows], known.clusters[rows])


def new_map(models: Vectors, state: MapState) -> NewPlaces:
    """Return all places, laid out anew."""
    measured, missing = with_numbers(models)
    landmarks = laid_out(measured.vectors)
    is_landmark = np.zeros(len(measured.ids), bool)
    is_landmark[landmarks.rows] = True
    order = np.argsort(~is_landmark, kind="stable")
    ordered = Vectors(measured.ids[order], measured.vectors[order])
    on_map = placed(ordered.vectors, landmarks)
    spots = dict(zip(ordered.ids.tolist(), spots_of(on_map), strict=True))
    adapters = list(state.bases)
    return joined(ordered.ids, is_landmark[order], spots, adapters, state, missing)


def further_places(landmarks: Landmarks, state: MapState) -> NewPlaces:
    """Return the places of models that came since the map was laid out."""
    measured, missing = with_numbers(state.waiting)
    on_map = placed(measured.vectors, landmarks)
    known = dict(zip(state.known.ids.tolist(), spots_of(state.known), strict=True))
    spots = known | dict(zip(measured.ids.tolist(), spots_of(on_map), strict=True))
    adapters = [number for number in state.bases if number not in known]
    nothing = np.zeros(len(measured.ids), bool)
    return joined(measured.ids, nothing, spots, adapters, state, missing)


def with_numbers(models: Vectors) -> tuple[Vectors, dict[int, Missing]]:
    """Return the models that anything was measured of, and the others."""
    has_any = models.vectors.any(1)
    missing = dict.fromkeys(models.ids[~has_any].tolist(), Missing.NUMBERS)
    return Vectors(models.ids[has_any], models.vectors[has_any]), missing


def joined(
    models: np.ndarray,
    is_landmark: np.ndarray,
    spots: Mapping[int, Spot],
    adapters: Sequence[int],
    state: MapState,
    missing: dict[int, Missing],
) -> NewPlaces:
    """Return the places of models and, beside their bases, of adapters.

    Args:
        models: Their numbers, in the order in which they are shown.
        is_landmark: Of each of them.
        spots: Of these, and of all that an adapter may stand beside.
        adapters: Those to be placed.
        state: Whose base each has, and which models are of another version.
        missing: Models without a place.
    """
    wanted = [(number, spots[number]) for number in models.tolist()]
    for number in adapters:
        spot = spots.get(base_of(number, state.bases) or 0)
        if spot is None:
            missing[number] = Missing.BASE
        else:
            wanted.append((number, Spot(*beside_base(spot, number), spot.cluster)))
    missing |= dict.fromkeys(state.old, Missing.VERSION)
    return NewPlaces(
        ids=np.array([number for number, _ in wanted], int),
        places=np.array([(spot.x, spot.y) for _, spot in wanted], float).reshape(-1, 2),
        clusters=np.array([spot.cluster for _, spot in wanted], int),
        landmarks=np.append(is_landmark, np.zeros(len(wanted) - len(models), bool)),
        missing=missing,
    )


def spots_of(known: KnownPlaces | Placed) -> list[Spot]:
    """Return places with their clusters."""
    pairs = zip(known.places.tolist(), known.clusters.tolist(), strict=True)
    return [Spot(x, y, cluster) for (x, y), cluster in pairs]


def base_of(number: int, bases: Mapping[int, int | None]) -> int | None:
    """Return the model at the end of a line of adapters; None where it is not known."""
    for _ in range(LONGEST_LINE):
        base = bases.get(number)
        if base is None or base not in bases:
            return base
        number = base
    return None


def beside_base(base: Spot, number: int) -> tuple[float, float]:
    """Return the place of an adapter: beside its base, in a direction of its own."""
    turn = number * TURN
    x, y = base.x + BESIDE * math.cos(turn), base.y + BESIDE * math.sin(turn)
    return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)
