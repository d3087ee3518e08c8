"""registry.lineage.edited_weights: the weights of both models tell what sketches leave open."""

import numpy as np
import pytest

from registry.lineage.edited_weights import EditedWeights, refined
from registry.lineage.verdict import Change, ChangeKind, EvidenceKind, Relation, Relative, Verdict
from registry.numerics.change_directions import change_image

PARTS = ("down", 1, 2)


def matrix(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((40, 64)).astype(np.float32)


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(100 + seed).standard_normal((40, 1)).astype(np.float32)
    return vector / np.linalg.norm(vector)


def removed(strength: float) -> EditedWeights:
    """A direction of its own taken out of each matrix."""
    images = []
    for seed in range(5):
        weights, direction = matrix(seed), unit(seed)
        later = weights - strength * direction @ (direction.T @ weights)
        images.append(change_image(later, weights))
    return EditedWeights(images, PARTS)


def added(rank: int) -> EditedWeights:
    """A random matrix of low rank added to each."""
    images = []
    for seed in range(5):
        draw = np.random.default_rng(50 + seed)
        update = draw.standard_normal((40, rank)) @ draw.standard_normal((rank, 64))
        images.append(change_image(matrix(seed) + update.astype(np.float32), matrix(seed)))
    return EditedWeights(images, PARTS)


@pytest.mark.parametrize(("strength", "left"), [(1.0, 0.0), (0.5, 0.25), (1.5, 0.25)])
def test_what_is_taken_out_runs_along_the_weights(strength, left):
    """Whether or not the direction is the same in all matrices."""
    edited = removed(strength)
    assert edited.removes
    assert edited.along == pytest.approx(1, abs=1e-3)
    assert edited.left == pytest.approx(left, abs=1e-3)


def test_what_was_learnt_does_not():
    """An update of low rank has nothing to do with what the matrix wrote."""
    edited = added(2)
    assert edited.rank == 2
    assert edited.along < 0.3
    assert not edited.removes


@pytest.mark.parametrize(
    ("kind", "edited", "named"),
    [
        (ChangeKind.LORA_LIKE, removed(1.0), ChangeKind.DIRECTION_REMOVED),
        (ChangeKind.FINE_TUNED, removed(1.0), ChangeKind.DIRECTION_REMOVED),
        (ChangeKind.DIRECTION_REMOVED, added(1), ChangeKind.LORA_LIKE),
        (ChangeKind.MATRICES_EDITED, added(1), ChangeKind.MATRICES_EDITED),
        (ChangeKind.FINE_TUNED, added(30), ChangeKind.FINE_TUNED),
        (ChangeKind.PRUNED, removed(1.0), ChangeKind.PRUNED),
    ],
)
def test_the_weights_have_the_last_word(kind, edited, named):
    """On what training or editing is called, of the verdict and of the relative that it names."""
    change = Change(kind, 1, ("down",))
    relatives = tuple(
        Relative(name, None, Relation.DERIVED, 0.9, 0.0, 10.0, changes=(change,))
        for name in ("base", "other")
    )
    verdict = Verdict(Relation.DERIVED, model="base", changes=(change,), relatives=relatives)
    told = refined(verdict, edited)
    base, other = told.relatives
    assert told.changes[0].kind == base.changes[0].kind == named
    assert other.changes == (change,)


def test_few_matrices_are_not_said_to_share():
    """One direction is shared by one matrix, which says nothing."""
    first, *_ = removed(1.0).images
    kinds = [line.kind for line in EditedWeights([first], PARTS).evidence]
    assert EvidenceKind.SHARED_DIRECTIONS not in kinds
