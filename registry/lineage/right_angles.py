"""Where a model stands among others that were made from one: at right angles to them.

Every number here is a product of differences of models, so that only their linear sketches are
needed. What two runs change has little in common: at the model that both began from, the ways to
them are at right angles (docs/method.md, Direction).
"""

import math
from dataclasses import dataclass

import numpy as np

from registry.lineage.mixtures import relative_to, with_model

NEAR = 1e-3  # of the squared distance to the origin: models that are apart by less are copies of it
RIGHT = 0.25  # cosine up to which an angle is taken for a right one
ACUTE = 0.15  # cosine above which one is acute
OPPOSITE = 0.25  # cosine, less than nothing, from which two stand on opposite sides of a mixture
BETWEEN = 0.25  # of the squared way from the model on: what a way through it may turn back at most
RECOVERED = 0.45  # the same on the way back to other shapes: what training regains of a cut
BESIDE = 3  # models made from the origin apart, beside which a model must stand
LEAST_BESIDE = 2  # times as many as are behind: what runs have in common can look like a way
FARTHER = 2  # of these, that must be farther from the origin than the model


@dataclass(frozen=True)
class Standing:
    """How a model stands to others, seen from one that it may come from.

    Attributes:
        beside: How many others are at a right angle to it.
        farther: How many of these are farther from the origin.
        behind: How many others are reached through the model, so that it is their origin.
    """

    beside: int
    farther: int
    behind: int

    @property
    def is_child(self) -> bool:
        """Whether it is one of several models that were made from the origin.

        What the origin itself was made from is reached as straight; a model counts as made from it
        only where others are farther.
        """
        leads_to_few = LEAST_BESIDE * self.behind <= self.beside
        return self.beside >= BESIDE and self.farther >= FARTHER and leads_to_few

    @property
    def is_near_child(self) -> bool:
        """Whether it is, and most of the others are farther from the origin."""
        return self.is_child and self.farther > self.beside / 2


def standing(gram: np.ndarray, origin: int) -> Standing:
    """Return how a model stands to its candidates, seen from one of them.

    Args:
        gram: Products of (model - candidate), candidates x candidates.
        origin: Place of the candidate that the model may come from.
    """
    products = gram[origin]
    length = float(products[origin])
    if not length:
        return Standing(0, 0, 0)
    squares = np.diag(gram)
    ways = np.clip(squares - 2 * products + length, 0, None)
    apart = (ways > NEAR * length) & (squares > NEAR * length)
    apart[origin] = False

    others = np.flatnonzero(apart)
    at_origin = (length - products[others]) / np.sqrt(length * ways[others])
    at_model = products[others] / np.sqrt(length * squares[others])
    beside = (np.abs(at_origin) < RIGHT) & (at_model > ACUTE)
    behind = (np.abs(at_model) < ACUTE) & (at_origin > RIGHT)
    farther = beside & (ways[others] > length)
    return Standing(int(beside.sum()), int(farther.sum()), int(behind.sum()))


def is_reached_through(gram: np.ndarray, place: int, origin: int) -> bool:
    """Return whether the way from the origin to a candidate leads through the model.

    So it does if the candidate was made from the model: what changed after is no way back.
    """
    length = float(gram[origin, origin])
    onward = float(gram[place, place])
    product = float(gram[origin, place])
    whole = onward - 2 * product + length
    if min(length, onward) <= NEAR * whole or whole <= NEAR * length:
        return False
    at_origin = (length - product) / math.sqrt(length * whole)
    return product < BETWEEN * onward and at_origin > RIGHT


def is_reached_past(gram: np.ndarray, place: int, through: int) -> bool:
    """Return whether the way from the model to a candidate leads through another, at a right angle.

    So it does if it was made from that one, and that one from the model.
    """
    both = [through, place]
    products = relative_to(with_model(gram[np.ix_(both, both)]), 0)  # through, place, model
    lengths = math.sqrt(max(0.0, float(products[2, 2] * products[1, 1])))
    is_right = abs(float(products[2, 1])) < RIGHT * lengths
    return is_right and is_reached_through(products, 1, 2)


def may_be_origin(products: np.ndarray, place: int, one: int) -> bool:
    """Return whether a candidate may be what both sides of a mixture were made from.

    From the middle of two runs their common origin lies at a right angle, as does what was made
    from the middle. Seen from their origin the two runs are at a right angle, too.

    Args:
        products: Of (mixture - candidate), candidates x candidates.
        place: The candidate that lies at a right angle.
        one: A candidate on one side of the mixture.
    """
    lengths = np.sqrt(np.clip(products.diagonal(), 1e-300, None))
    opposite = products[one] < -OPPOSITE * lengths[one] * lengths
    opposite[place] = False
    from_place = relative_to(products, place)
    ways = np.sqrt(np.clip(from_place.diagonal(), 1e-300, None))
    at_right_angles = np.abs(from_place[one]) < ACUTE * ways[one] * ways
    return bool((opposite & at_right_angles).any())


def is_farther(gram: np.ndarray, place: int, origin: int) -> bool:
    """Return whether a candidate is farther from the origin than the model, by what they differ."""
    return bool(gram[origin, place] < RECOVERED * gram[place, place])


def standing_of_candidate(gram: np.ndarray, place: int, origin: int) -> Standing:
    """Return how a candidate stands to the others and to the model, seen from the origin."""
    return standing(relative_to(with_model(gram), place), origin)
