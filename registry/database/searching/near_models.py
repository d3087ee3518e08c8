"""Records that the search for near models answers with."""

from typing import NamedTuple


class NamedModel(NamedTuple):
    """A registered model's name and family."""

    model: str
    family: str


class Likeness(NamedTuple):
    """A registered model's name, and the cosine of its sketch with another."""

    model: str
    cosine: float


class StartLikeness(NamedTuple):
    """A registered model, and the cosine of the image of its tensors' first values with another."""

    named: NamedModel
    cosine: float


class Spread(NamedTuple):
    """A registered model's std vector, and what it says it was made from."""

    name: str
    declared_base: str | None
    digest: str
    std: tuple[float, ...]
