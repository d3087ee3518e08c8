"""Grades of evidence: how much of a model a verdict was given on."""

from collections.abc import Iterable
from enum import StrEnum


class Grade(StrEnum):
    """What was read and measured; each grade takes more than those before it."""

    LAYERS = "layers"  # all matrices of two layers, in the axes that models share
    SKETCHES = "sketches"  # every tensor, but for most spectra
    FULL = "full"


def least_grade(grades: Iterable[Grade]) -> Grade:
    """Return the grade of what was measured least."""
    return min(grades, key=list(Grade).index)
