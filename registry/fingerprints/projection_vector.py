"""A vector of seven numbers, one for each projection of a decoder layer."""

from typing import NamedTuple, SupportsIndex, overload

from registry.architectures.roles import PROJECTIONS


class ProjectionVector(NamedTuple):
    """Seven numbers in the papers' order, read by name or by position.

    `vector["query"]`, `vector.query` and `vector[0]` are the same number. It is a tuple: it equals
    a plain one of the same numbers, becomes a JSON list, and numpy and the database take it as a
    row. A projection that the model lacks is 0.

    Raises KeyError for a name that is no projection.
    """

    query: float
    key: float
    value: float
    output: float
    gate: float
    up: float
    down: float

    @overload
    def __getitem__(self, key: SupportsIndex) -> float: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[float, ...]: ...
    @overload
    def __getitem__(self, key: str) -> float: ...

    def __getitem__(self, key: SupportsIndex | slice | str) -> float | tuple[float, ...]:
        """Return the number of one projection, or a plain tuple of several."""
        if isinstance(key, str):
            key = position(key)
        return tuple.__getitem__(self, key)


def position(name: str) -> int:
    """Return the place of a projection among the seven. Raises KeyError."""
    if name not in PROJECTIONS:
        raise KeyError(f"no projection is called {name!r}; they are {', '.join(PROJECTIONS)}")
    return PROJECTIONS.index(name)
