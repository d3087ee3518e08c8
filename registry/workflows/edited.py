"""A derived model beside its parent, both with weights at hand: which edit it was.

Reads again what writes to the residual stream, and only where nothing else changed.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from registry.architectures.projection_tensors import ProjectionTensor
from registry.architectures.roles import PROJECTIONS, WRITING
from registry.fingerprints.grades import EXCERPTS
from registry.fingerprints.record import Fingerprint, Matrix
from registry.lineage.edited_weights import EditedWeights, refined
from registry.lineage.verdict import Relation, Verdict
from registry.numerics.change_directions import ChangeImage, change_image
from registry.workflows.subject import Subject


class Place(NamedTuple):
    """Where a matrix stands: its layer counted from 0, its projection, its expert."""

    layer: int
    projection: str
    expert: int | None


class Held(NamedTuple):
    """The tensor that holds a matrix, and which of its parts it is."""

    tensor: ProjectionTensor
    part: int


def with_edit(verdict: Verdict, one: Subject, other: Subject) -> Verdict:
    """Return a verdict whose edit is told by the weights, where both are at hand.

    Raises RegistryError where they cannot be read.
    """
    if verdict.verdict != Relation.DERIVED or verdict.grade in EXCERPTS:
        return verdict
    if not is_readable(one) or not is_readable(other):
        return verdict
    later = places_of(one.fingerprint(verdict.grade))
    earlier = places_of(other.fingerprint(verdict.grade))
    changed = changed_places(later, earlier)
    if not changed:
        return verdict
    images = list(images_of(changed, one, other))
    if not images:
        return verdict
    return refined(verdict, EditedWeights(images, parts_of(changed, len(one.layers))))


def is_readable(model: Subject) -> bool:
    """Return whether a model's weights lie on this machine."""
    return model.checkpoint is not None and not model.checkpoint.remote


def places_of(fingerprint: Fingerprint) -> dict[Place, Matrix]:
    """Return the matrices of a fingerprint by where they stand."""
    layers = sorted({matrix.layer for matrix in fingerprint.matrices})
    numbers = {layer: number for number, layer in enumerate(layers)}
    places = {}
    for matrix in fingerprint.matrices:
        places[Place(numbers[matrix.layer], matrix.projection, matrix.expert)] = matrix
    return places


def changed_places(later: dict[Place, Matrix], earlier: dict[Place, Matrix]) -> list[Place]:
    """Return which matrices changed, where these write to the stream and all others are equal.

    None where models have other matrices, or where as many changed otherwise.
    """
    if later.keys() != earlier.keys():
        return []
    changed = []
    for place, matrix in later.items():
        before = earlier[place]
        if (matrix.rows, matrix.cols) != (before.rows, before.cols):
            return []
        if (matrix.cast_digest or matrix.digest) == (before.cast_digest or before.digest):
            continue
        if place.projection not in WRITING:
            return []
        changed.append(place)
    return changed


def images_of(changed: list[Place], one: Subject, other: Subject) -> Iterator[ChangeImage]:
    """Yield where each matrix changed to, reading one pair at a time. Raises RegistryError."""
    later, earlier = held_matrices(one), held_matrices(other)
    for place in changed:
        now, before = later.get(place), earlier.get(place)
        if now is None or before is None:
            continue
        image = change_image(values_of(now), values_of(before))
        if image is not None:
            yield image


def held_matrices(model: Subject) -> dict[Place, Held]:
    """Return where a checkpoint holds the matrices that write to the stream."""
    held = {}
    for tensor in model.layout.projections:
        layer = model.layers.index(tensor.layer)
        for part, (projection, expert) in enumerate(zip(tensor.parts, tensor.experts, strict=True)):
            if projection in WRITING:
                held[Place(layer, projection, expert)] = Held(tensor, part)
    return held


def values_of(held: Held) -> np.ndarray:
    """Read a matrix, outputs x inputs."""
    return held.tensor.cut(held.tensor.entry.array())[held.part]


def parts_of(changed: list[Place], layer_count: int) -> tuple[str | int, ...]:
    """Return the projections that changed, then the layers where others kept their values."""
    names = {place.projection for place in changed}
    layers = sorted({place.layer for place in changed})
    projections = [name for name in PROJECTIONS if name in names]
    return (*projections, *(layers if len(layers) < layer_count else ()))
