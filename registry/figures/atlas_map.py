"""The map of all models, or a window of it, as it is drawn. Imports no matplotlib."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

OTHERS = "other families"
SERIES = 7  # families with a marker of their own; the last of them stands for all others


class MapPlace(NamedTuple):
    """A model on the map.

    Attributes:
        kind: model or adapter.
        x, y: From 0 to 1.
        cluster: Number of its cluster; None of a model outside any.
    """

    name: str
    family: str
    kind: str
    x: float
    y: float
    cluster: int | None


class MapCluster(NamedTuple):
    """A group of neighbours on the map.

    Attributes:
        name: The commonest family of its models.
        x, y: Its middle.
        models: How many there are.
        share: Of these, the share that is of that family.
    """

    number: int
    name: str
    x: float
    y: float
    models: int
    share: float


@dataclass(frozen=True)
class AtlasMap:
    """The models of a window, and the clusters whose middles lie in it.

    Attributes:
        models: How many the window holds; those beyond `places` are too many to draw.
        window: Left, bottom, right and top.
    """

    places: tuple[MapPlace, ...]
    clusters: tuple[MapCluster, ...]
    models: int
    window: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)

    @property
    def is_whole(self) -> bool:
        """Whether all models of the window are among the places."""
        return len(self.places) >= self.models

    @cached_property
    def legend(self) -> tuple[str, ...]:
        """The families that are told apart, the commonest first; OTHERS if there are more."""
        counts = Counter(place.family for place in self.places)
        families = sorted(counts, key=lambda family: (-counts[family], family))
        if len(families) <= SERIES:
            return tuple(families)
        return (*families[: SERIES - 1], OTHERS)

    def series(self, family: str) -> int:
        """Return where a family stands in the legend."""
        shown = self.legend
        return shown.index(family) if family in shown else shown.index(OTHERS)
