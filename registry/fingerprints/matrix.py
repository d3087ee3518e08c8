"""One projection matrix becomes its statistics."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from registry.architectures.layout import ProjectionTensor
from registry.checkpoints import Entry
from registry.fingerprints.branch_sketches import Half
from registry.fingerprints.record import Matrix
from registry.numerics.moments import Moments
from registry.numerics.sketches import folded
from registry.numerics.spectrum import Spectrum

START = 4096  # values at the beginning of every tensor that a quick look reads


FOLDED = 256  # numbers that they are turned to


@dataclass(frozen=True)
class Measured:
    """A projection matrix, the `index`-th of its site, and what is pooled with that of others.

    half: its side of a branch. gram: of what it reads or writes. start: of the first in a tensor, an image of the
    tensor's first values. histogram: counts by bin.
    """

    matrix: Matrix
    moments: Moments
    site: ProjectionTensor
    index: int
    half: Half | None = None
    gram: torch.Tensor | None = None
    start: np.ndarray | None = None
    histogram: np.ndarray | None = None


@dataclass(frozen=True)
class Rest:
    """The digest of a tensor that is no projection."""

    digest: str
    entry: Entry
    cast_digest: str | None = None


def start_of(tensor: torch.Tensor) -> np.ndarray:
    """An image of a tensor's first values, row by row: of length 1, 256 numbers."""
    while tensor.ndim > 1 and len(tensor) > 1 and tensor[0].numel() >= START:
        tensor = tensor[0]
    rows = START if tensor.ndim == 1 else -(-START // max(1, tensor[0].numel()))
    return folded(tensor[:rows].reshape(-1)[:START], FOLDED)


def described(  # noqa: PLR0917  # what was measured, one after the other
    site: ProjectionTensor,
    index: int,
    shape: tuple[int, int],
    digest: str,
    stats: Moments,
    spectrum: Spectrum,
    image: torch.Tensor | None,
) -> Matrix:
    """The record of one of a site's projection matrices."""
    return Matrix(
        layer=site.layer,
        projection=site.parts[index],
        tensor=site.entry.name,
        rows=shape[0],
        cols=shape[1],
        mean=stats.mean,
        std=stats.std,
        skewness=known(stats.skewness),
        kurtosis=known(stats.kurtosis),
        min=known(stats.min),
        max=known(stats.max),
        nonfinite=stats.nonfinite,
        digest=digest,
        singular_values=spectrum.values,
        expert=site.experts[index],
        bounds=spectrum.bounds,
        sketch=None if image is None else tuple(image.flatten().tolist()),
    )


def known(value: float) -> float | None:
    """None for what was not computed."""
    return None if math.isnan(value) else value
