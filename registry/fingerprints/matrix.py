"""One projection matrix becomes its statistics: moments, histogram, spectrum, sketches, digests."""

import math
from dataclasses import dataclass

import numpy as np

from registry.architectures.residual_stream import ResidualStream
from registry.fingerprints.branch_sketches import BranchSide
from registry.fingerprints.digests import TensorDigests
from registry.fingerprints.matrix_place import MatrixPlace
from registry.fingerprints.matrix_sketches import matrix_sketches
from registry.fingerprints.record import Matrix
from registry.numerics.arrays import Values, as_array
from registry.numerics.histograms import histogram
from registry.numerics.moments import Moments, moments
from registry.numerics.pattern_counts import described
from registry.numerics.sketches import folded, texture
from registry.numerics.spectrum import Spectrum

START = 4096  # values at the beginning of every tensor that a partial read needs
FOLDED = 256  # numbers of the image of those values

# Rows and columns of a matrix's sketch. Adapters change query and value first: from their larger
# sketches the rank of a change is estimated.
SKETCH_SIZES = {"query": 18, "key": 6, "value": 18, "output": 6, "gate": 6, "up": 6, "down": 6}


@dataclass(frozen=True)
class LoadedMatrix:
    """A matrix that was read.

    Attributes:
        place: where it is stored.
        stored: outputs x inputs, as the file holds it, in the host's memory.
        values: the same on the device that computes; on a CPU the same array.
        start: image of the tensor's first values, if it is the first of its tensor.
    """

    place: MatrixPlace
    stored: np.ndarray
    values: Values
    start: np.ndarray | None


@dataclass(frozen=True)
class HashedMatrix:
    """A matrix on the device, whose copy in the host's memory is needed no more.

    Attributes:
        place: where it is stored.
        values: outputs x inputs.
        digests: of what the file holds.
        start: image of the tensor's first values, if it is the first of its tensor.
    """

    place: MatrixPlace
    values: Values
    digests: TensorDigests
    start: np.ndarray | None


@dataclass(frozen=True)
class Distribution:
    """How the values of a matrix are distributed.

    Attributes:
        moments: of the finite values.
        histogram: counts by bin of registry.numerics.histograms; None of a part of the values.
    """

    moments: Moments
    histogram: np.ndarray | None


@dataclass(frozen=True)
class MatrixStatistics:
    """What is measured of one matrix, from its entries or from its factors.

    Attributes:
        rows: outputs.
        cols: inputs.
        digests: of the values, or of the factors.
        moments: of the finite values.
        spectrum: top-r singular values and their bounds.
        sketch: small linear image, SKETCH_SIZES square, float32.
        gram: Gram sketch of what the matrix reads or writes, 16 x 16, float32.
        distinct_share: distinct magnitudes among neighbours in a row; None from factors.
        zero_share: zeros among them; None from factors.
    """

    rows: int
    cols: int
    digests: TensorDigests
    moments: Moments
    spectrum: Spectrum
    sketch: Values
    gram: Values
    distinct_share: float | None = None
    zero_share: float | None = None


@dataclass(frozen=True)
class MeasuredMatrix:
    """A measured matrix, and what is pooled with that of other matrices.

    Attributes:
        place: where it is stored.
        record: what the fingerprint keeps of it.
        moments: pooled over the layers of a projection.
        gram: summed over the projections of a layer that read, or write, the residual stream.
        side: its side of a branch; None where it has none.
        start: image of the tensor's first values, if it is the first of its tensor.
        histogram: counts by bin, pooled over layers; None from factors.
    """

    place: MatrixPlace
    record: Matrix
    moments: Moments
    gram: Values
    side: BranchSide | None = None
    start: np.ndarray | None = None
    histogram: np.ndarray | None = None


def start_image(tensor: np.ndarray) -> np.ndarray:
    """Return an image of a tensor's first START values, row by row: FOLDED numbers, length 1."""
    while tensor.ndim > 1 and len(tensor) > 1 and tensor[0].size >= START:
        tensor = tensor[0]

    row_length = 1 if tensor.ndim == 1 else max(1, tensor[0].size)
    rows = math.ceil(START / row_length)
    values = tensor[:rows].reshape(-1)
    return folded(values[:START], FOLDED)


def distribution(values: Values, most: int | None = None) -> Distribution:
    """Compute moments and histogram of a matrix; moments alone of at most so many of its values."""
    if most is None:
        both = described(values)
        if both is not None:
            return Distribution(both.moments, both.histogram)
        return Distribution(moments(values), histogram(values))
    step = math.ceil(values.shape[0] * values.shape[1] / most)
    return Distribution(moments(values[::step]), None)


def measured_from_values(
    matrix: HashedMatrix, distribution: Distribution, spectrum: Spectrum, stream: ResidualStream
) -> MeasuredMatrix:
    """Return a matrix's record with its sketches, which are computed here."""
    place, values = matrix.place, matrix.values
    rows, cols = values.shape
    distinct_share, zero_share = texture(values)
    sketches = matrix_sketches(stream, place, values, SKETCH_SIZES[place.projection])
    statistics = MatrixStatistics(
        rows=rows,
        cols=cols,
        digests=matrix.digests,
        moments=distribution.moments,
        spectrum=spectrum,
        sketch=sketches.sketch,
        gram=sketches.gram,
        distinct_share=distinct_share,
        zero_share=zero_share,
    )
    return MeasuredMatrix(
        place=place,
        record=matrix_record(place, statistics),
        moments=statistics.moments,
        gram=statistics.gram,
        side=sketches.side,
        start=matrix.start,
        histogram=distribution.histogram,
    )


def measured_from_factors(place: MatrixPlace, statistics: MatrixStatistics) -> MeasuredMatrix:
    """Return the record of a LoRA delta that was measured without multiplying its factors."""
    return MeasuredMatrix(
        place=place,
        record=matrix_record(place, statistics),
        moments=statistics.moments,
        gram=statistics.gram,
    )


def matrix_record(place: MatrixPlace, statistics: MatrixStatistics) -> Matrix:
    """Return what the fingerprint keeps of a matrix."""
    moments = statistics.moments
    return Matrix(
        layer=place.layer,
        projection=place.projection,
        tensor=place.tensor_name,
        rows=statistics.rows,
        cols=statistics.cols,
        mean=moments.mean,
        std=moments.std,
        skewness=known(moments.skewness),
        kurtosis=known(moments.kurtosis),
        min=known(moments.min),
        max=known(moments.max),
        nonfinite=moments.nonfinite,
        digest=statistics.digests.digest,
        singular_values=statistics.spectrum.values,
        expert=place.expert,
        bounds=statistics.spectrum.bounds,
        cast_digest=statistics.digests.cast_digest,
        sketch=tuple(as_array(statistics.sketch).reshape(-1).tolist()),
        distinct_share=statistics.distinct_share,
        zero_share=statistics.zero_share,
    )


def known(value: float) -> float | None:
    """Return a value, or None for NaN, which stands for what was not computed."""
    return None if math.isnan(value) else value
