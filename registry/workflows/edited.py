"""A derived model beside its parent, both with weights at hand: which edit it was.

Reads again what writes to the residual stream, and only where nothing else changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from registry.architectures.projection_tensors import ProjectionTensor
from registry.architectures.roles import PROJECTIONS, WRITING
from registry.fingerprints.device import one_thread_each
from registry.fingerprints.grades import EXCERPTS
from registry.fingerprints.record import Fingerprint, Matrix
from registry.lineage.changes import SLIGHT
from registry.lineage.edited_weights import EditedWeights, refined
from registry.lineage.matrix_pairs import SPREAD
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
    with one_thread_each():
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
    """Return which matrices changed, where these write to the stream and no other moved.

    None where models have other matrices, or where others moved as well.
    """
    if later.keys() != earlier.keys():
        return []
    changed = []
    for place, matrix in later.items():
        before = earlier[place]
        if (matrix.rows, matrix.cols) != (before.rows, before.cols):
            return []
        if not has_moved(matrix, before):
            continue
        if place.projection not in WRITING:
            return []
        changed.append(place)
    return changed


def has_moved(later: Matrix, earlier: Matrix) -> bool:
    """Return whether values differ by more than a cast gives."""
    if (later.cast_digest or later.digest) == (earlier.cast_digest or earlier.digest):
        return False
    if later.sketch is None or earlier.sketch is None:
        return True
    change = np.linalg.norm(np.subtract(later.sketch, earlier.sketch))
    return bool(change > SPREAD * SLIGHT * np.linalg.norm(earlier.sketch))


def images_of(changed: list[Place], one: Subject, other: Subject) -> Iterator[ChangeImage]:
    """Yield where each matrix changed to, reading one pair at a time. Raises RegistryError."""
    later, earlier = Reader.of(one), Reader.of(other)
    for place in changed:
        if place in later.held and place in earlier.held:
            image = change_image(later.matrix(place), earlier.matrix(place))
            if image is not None:
                yield image


@dataclass
class Reader:
    """The matrices of a checkpoint that write to the stream, read a tensor at a time.

    Attributes:
        held: Where they are held.
        cut: The tensor that was read last, by name, and its matrices: experts come in stacks.
    """

    held: dict[Place, Held]
    cut: tuple[str, tuple[np.ndarray, ...]] = ("", ())

    @classmethod
    def of(cls, model: Subject) -> "Reader":
        """Find the matrices; nothing is read."""
        held = {}
        for tensor in model.layout.projections:
            layer = model.layers.index(tensor.layer)
            parts = zip(tensor.parts, tensor.experts, strict=True)
            for part, (projection, expert) in enumerate(parts):
                if projection in WRITING:
                    held[Place(layer, projection, expert)] = Held(tensor, part)
        return cls(held)

    def matrix(self, place: Place) -> np.ndarray:
        """Read a matrix, outputs x inputs. Raises RegistryError."""
        tensor, part = self.held[place]
        name, matrices = self.cut
        if name != tensor.entry.name:
            matrices = tensor.cut(tensor.entry.array())
            self.cut = (tensor.entry.name, matrices)
        return matrices[part]


def parts_of(changed: list[Place], layer_count: int) -> tuple[str | int, ...]:
    """Return the projections that changed, then the layers where others kept their values."""
    names = {place.projection for place in changed}
    layers = sorted({place.layer for place in changed})
    projections = [name for name in PROJECTIONS if name in names]
    return (*projections, *(layers if len(layers) < layer_count else ()))
