"""Grades of evidence: how much of a model a verdict was given on."""

from collections.abc import Iterable
from enum import StrEnum


class Grade(StrEnum):
    """What was read and measured; each grade takes more than those before it."""

    ATTENTION = "attention"  # that of two layers, in the axes that models share
    DIGESTS = "digests"  # these, and the digests of all tensors
    SKETCHES = "sketches"  # every tensor, but for most spectra
    FULL = "full"


EXCERPTS = frozenset({Grade.ATTENTION, Grade.DIGESTS})
"""Grades of which the sketches are those of some layers' attention."""


def least_grade(grades: Iterable[Grade]) -> Grade:
    """Return the grade of what was measured least."""
    return min(grades, key=list(Grade).index)
