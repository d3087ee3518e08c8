"""Whether a model is a linear merge of others, from which and with what shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from registry.lineage.fits import Fit
from registry.lineage.mixtures import at_right_angles, mixture_of
from registry.lineage.relatives import COPY
from registry.lineage.weight_views import OUTSIDE

EXPLAINED = 0.25  # of the squared distance to the nearest parent that a merge may leave at most
UNLIKELY = 0.3  # of what runs in directions of their own would leave of their origin
LEAST_SHARE = 0.05  # of a parent, below which it counts as none
FEWEST_PARENTS = 2
MOST_PARENTS = 32  # candidates among which parents are looked for
SLIGHT_CHANGE = 1e-5  # of the weights' energy, below which there is nothing to explain
SINGULAR = 1e-8  # of the largest eigenvalue of products
NEEDLESS = 0.01  # of the squared distance to the nearest: what a parent must at least explain


@dataclass(frozen=True)
class Merge:
    """The fit of a model by others, whose shares sum to one.

    Attributes:
        names: The parents, that with the largest share first.
        shares: Theirs, in all weights.
        left: Squared distance that the fit leaves, of that to the nearest parent.
        by_layer: The parents' shares in what stands in no layer, if anything does, then in every
            layer; empty where they are the same everywhere.
    """

    names: tuple[str, ...]
    shares: tuple[float, ...]
    left: float
    by_layer: tuple[tuple[float, ...], ...] = ()


def merge_of(every: Sequence[Fit]) -> Merge | None:
    """Return the merge that a model is of several candidates; None where it is none.

    Shares are the same in all layers if that explains it, else fitted layer by layer.
    """
    candidates = distinct(every) if every else []
    if len(candidates) < FEWEST_PARENTS or not candidates[0].linear:
        return None
    nearest = candidates[0].square
    if nearest < SLIGHT_CHANGE * candidates[0].energy:
        return None

    vectors = np.stack([fit.vector for fit in candidates])
    everywhere = [Group(vectors @ vectors.T, 1.0)]
    for groups in (everywhere, layer_by_layer(vectors, candidates[0].layers)):
        if least_left(groups) > EXPLAINED * nearest:
            continue
        merge = merge_in(candidates, groups)
        if merge is not None:
            return merge
    return None


class Group(NamedTuple):
    """Weights in which every parent has one share.

    Attributes:
        gram: Products of (model - candidate), candidates x candidates.
        weight: How much the group's shares count for those of the model.
    """

    gram: np.ndarray
    weight: float


def layer_by_layer(vectors: np.ndarray, layers: np.ndarray) -> list[Group]:
    """Return a group for each layer, all of one weight, and one of weight 0 for all else."""
    order = np.argsort(layers.astype(np.int16), kind="stable")  # small numbers sort the fastest
    numbers, starts = np.unique(layers[order], return_index=True)
    groups = []
    for layer, columns in zip(
        numbers, np.split(vectors[:, order], starts[1:], axis=1), strict=True
    ):
        groups.append(Group(columns @ columns.T, float(layer != OUTSIDE)))
    return groups


def least_left(groups: Sequence[Group]) -> float:
    """Return a squared distance below which no mixture comes, whatever shares it takes.

    Shares s that sum to one leave at least 1 / (1^T G^-1 1), if they may be negative, too. Of
    products that are singular nothing is known.
    """
    grams = np.stack([group.gram for group in groups])
    values, vectors = np.linalg.eigh(grams)
    regular = values[:, 0] > SINGULAR * values[:, -1]
    along = vectors[regular].sum(1)  # of each eigenvector with a vector of ones
    return float((1 / (along**2 / values[regular]).sum(1)).sum())


def distinct(every: Sequence[Fit]) -> list[Fit]:
    """Return the likeliest parents, nearest first; of copies of one another the first given.

    They are the nearest in any one layer, and the nearest altogether.
    """
    nearest = sorted(every, key=square_of)
    in_one_layer = [every[place] for place in sorted(nearest_by_layer(every))]
    kept: list[Fit] = []
    for fit in [*in_one_layer, *nearest]:
        copies = [place for place, other in enumerate(kept) if is_copy(fit, other)]
        if copies and every.index(fit) < every.index(kept[copies[0]]):
            kept[copies[0]] = fit
        elif not copies and len(kept) < MOST_PARENTS:
            kept.append(fit)
    return sorted(kept, key=square_of)


def nearest_by_layer(every: Sequence[Fit]) -> set[int]:
    """Return the places of the candidates that are nearest to the model in some layer."""
    layers = every[0].layers - OUTSIDE  # that of what stands in none comes to 0
    squares = np.stack([np.bincount(layers, fit.vector**2) for fit in every])
    present = np.bincount(layers) > 0
    return set(squares[:, present].argmin(0).tolist())


def square_of(fit: Fit) -> float:
    """Return the squared distance of model and candidate, to sort by."""
    return fit.square


def is_copy(fit: Fit, other: Fit) -> bool:
    """Return whether two candidates are one, seen from the model."""
    difference = fit.vector - other.vector
    return float(difference @ difference) < COPY * fit.square


@dataclass(frozen=True)
class Fitted:
    """A model fitted by some parents in every group of its weights.

    Attributes:
        parents: Places of the parents among the candidates.
        shares: Groups x parents.
        overall: The parents' shares in all groups together.
        left: Squared distance that is left, of that to the nearest candidate.
    """

    parents: np.ndarray
    shares: np.ndarray
    overall: np.ndarray
    left: float


def merge_in(candidates: Sequence[Fit], groups: Sequence[Group]) -> Merge | None:
    """Return the merge with shares of their own in every group of numbers, if there is one.

    Parents go one by one, the least first, while the others explain as much.
    """
    nearest = candidates[0].square
    fitted = fit_parents(groups, np.arange(len(candidates)), nearest)
    while fitted.left < EXPLAINED and len(fitted.parents) > FEWEST_PARENTS:
        least = int(np.argmin(fitted.overall))
        fewer = fit_parents(groups, np.delete(fitted.parents, least), nearest)
        needed = fewer.left > fitted.left + NEEDLESS
        if needed and fitted.overall[least] > LEAST_SHARE:
            break
        fitted = fewer
    squares = np.array([candidates[place].square for place in fitted.parents])
    by_chance = at_right_angles(squares) / nearest
    no_merge = fitted.left > min(EXPLAINED, UNLIKELY * by_chance)
    if no_merge or fitted.overall.min() < LEAST_SHARE:
        return None

    order = np.argsort(-fitted.overall, kind="stable")
    names = tuple(candidates[place].name for place in fitted.parents[order])
    shares = tuple(fitted.overall[order].tolist())
    by_layer: tuple[tuple[float, ...], ...] = ()
    if len(groups) > 1:
        by_layer = tuple(map(tuple, fitted.shares[:, order].tolist()))
    return Merge(names, shares, fitted.left, by_layer)


def fit_parents(groups: Sequence[Group], parents: np.ndarray, nearest: float) -> Fitted:
    """Fit a model by some of its candidates, in every group of its weights."""
    mixtures = [mixture_of(group.gram[np.ix_(parents, parents)]) for group in groups]
    left = sum(mixture.left for mixture in mixtures) / nearest
    shares = np.stack([mixture.shares for mixture in mixtures])
    overall = np.average(shares, axis=0, weights=[group.weight for group in groups])
    return Fitted(parents, shares, overall, left)
