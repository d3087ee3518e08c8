"""The record of a histogram of weights."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Histogram:
    """How the weights of one projection are distributed, all layers together.

    Attributes:
        projection: query, key, value, output, gate, up or down.
        counts: weights in each bin of registry.numerics.histograms.
    """

    projection: str
    counts: tuple[int, ...]
