"""The fingerprint of a model: a frozen record, comparable within one version."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from registry.architectures.ledger_line import LedgerLine
from registry.fingerprints.histogram_record import Histogram
from registry.fingerprints.projection_vector import ProjectionVector

VERSION = 3
RANKS = (16, 64, 256)  # of the clusterings, as far as a fingerprint's own rank goes
RANK = 64  # of a fingerprint unless asked otherwise

Progress = Callable[[int, int, int], None]
"""Called after each tensor with (work done, work in all, bytes of the tensor).

Work is in bytes, of which those that take less time count for less.
"""


@dataclass(frozen=True)
class Matrix:
    """One projection matrix and the statistics of its finite values.

    Attributes:
        layer: counted from 0.
        projection: query, key, value, output, gate, up or down.
        tensor: name of the tensor that holds it.
        rows: outputs.
        cols: inputs.
        mean: of the values.
        std: population standard deviation.
        skewness: None for an adapter's delta that was measured from its factors.
        kurtosis: of a normal law 3; None from factors.
        min: None from factors.
        max: None from factors.
        nonfinite: how many values are NaN or infinite.
        digest: SHA-256 of the values, or factors; hexadecimal.
        singular_values: the largest of the fingerprint's rank, falling, or all if there are fewer.
        expert: which of the layer's experts it belongs to; None where it serves every token.
        bounds: how far each singular value may be from the true one; None if not recorded.
        cast_digest: of the values in bf16; None where the cast changes none of them.
        sketch: a small linear image (registry.numerics.sketches), row by row.
        distinct_share: distinct magnitudes among neighbours in a row; None from factors.
        zero_share: zeros among these; None from factors.
    """

    layer: int
    projection: str
    tensor: str
    rows: int
    cols: int
    mean: float
    std: float
    skewness: float | None
    kurtosis: float | None
    min: float | None
    max: float | None
    nonfinite: int
    digest: str
    singular_values: tuple[float, ...]
    expert: int | None = None
    bounds: tuple[float, ...] | None = None
    cast_digest: str | None = None
    sketch: tuple[float, ...] | None = None
    distinct_share: float | None = None
    zero_share: float | None = None


@dataclass(frozen=True)
class Clustering:
    """K-Means over the spectra of all matrices, cut to `rank` values (paper 2509.19122, 3.1, 3.2).

    Attributes:
        rank: singular values of each matrix that were clustered.
        vector: for each projection the share of matrices in Query's cluster; 0 where it is missing.
        labels: for each matrix 1 if it is in Query's cluster, else 0.
        labels3: labels for k = 3, Query's cluster as 0, the others in order of appearance.
        inertia: of the two clusters.
        margin: smallest distance of a spectrum to the boundary between the two clusters.
        undetermined: positions of the matrices whose label could be the other one within the
            bounds of the spectra; None if not recorded.
    """

    rank: int
    vector: ProjectionVector
    labels: tuple[int, ...]
    labels3: tuple[int, ...]
    inertia: float
    margin: float
    undetermined: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Branch:
    """What one branch of a layer adds to the residual stream, as sketches of length 1.

    registry.fingerprints.branch_sketches computes them.

    Attributes:
        layer: counted from 0.
        branch: 'attention' or 'mlp'.
        stream: 256 numbers, in the stream's own axes.
        token: 256 numbers, in the axes of the anchor tokens; None without an embedding.
        own: 24 x 24 numbers, row by row, in the model's own axes; None but in the middle layers.
        scores: as many of the product of queries and keys, beside those of attention.
    """

    layer: int
    branch: str
    stream: tuple[float, ...]
    token: tuple[float, ...] | None
    own: tuple[float, ...] | None = None
    scores: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Space:
    """The subspace that one layer reads from the residual stream or writes to it, as a sketch.

    registry.fingerprints.subspace_sketches computes it.

    Attributes:
        layer: counted from 0.
        side: 'reads' or 'writes'.
        sketch: upper triangle of a 16 x 16 Gram sketch, of length 1.
    """

    layer: int
    side: str
    sketch: tuple[float, ...]


@dataclass(frozen=True)
class Tensor:
    """A tensor outside the seven projections: embedding, head, norm, bias, router and the like.

    Attributes:
        name: of the tensor.
        group: what it does, one of registry.architectures.tensor_groups.
        layer: counted from 0; None outside the layers.
        shape: as it is stored.
        length: root of the sum of the squared finite values.
        digest: SHA-256 of the values; hexadecimal.
        cast_digest: of the values in bf16; None where the cast changes none of them.
        sketch: 16 numbers, a linear image that keeps lengths and differences in the mean.
    """

    name: str
    group: str
    layer: int | None
    shape: tuple[int, ...]
    length: float
    digest: str
    cast_digest: str | None
    sketch: tuple[float, ...]

    @property
    def bf16_digest(self) -> str:
        """The digest of the values in bf16."""
        return self.cast_digest or self.digest


@dataclass(frozen=True)
class Adapter:
    """What only an adapter has.

    Attributes:
        method: lora, adalora, loha or lokr, with +rslora and +dora, and the initialisation where
            that changed the base, as in lora+pissa.
        rank: the largest.
        magnitude: mean of DoRA's magnitude vectors, for each of the seven projections, 0 where
            there is none; empty without DoRA.
        beside: full tensors that were saved with it (classifier heads, trained biases), left out
            of the vectors on purpose.
        untouched: weights whose delta is zero, left out as well.
    """

    method: str
    rank: int
    magnitude: tuple[float, ...]
    beside: tuple[str, ...]
    untouched: tuple[str, ...]

    @property
    def initialisation(self) -> str | None:
        """How it began, where that changed the base that the deltas are added to; else None."""
        _, *labels = self.method.split("+")
        further = [label for label in labels if label not in ("rslora", "dora")]
        return further[0] if further else None


@dataclass(frozen=True)
class Fingerprint:
    """What the registry stores of a model, or of an adapter.

    The matrices of an adapter are its LoRA deltas, scaling * B A.

    Attributes:
        version: of the fingerprint; only those of one version are compared.
        digest: SHA-256 over the digests of every weight, whatever format and sharding.
        architecture: what the config calls it, else the scheme of the tensors' names.
        dtype: of most projections.
        parameters: weights, those of tied matrices once.
        layers: how many there are.
        hidden_size: inputs of most projections that read the residual stream.
        projections: those present, in the papers' order.
        std: population standard deviation of all weights of each projection, pooled over layers
            (paper 2509.19122, 2.2); 0 where the projection is missing.
        rank: how many singular values of each matrix were computed.
        clusterings: one for each of RANKS up to the rank.
        matrices: by layer and projection; labels of clusterings follow the same order.
        nonfinite: how many weights are NaN or infinite.
        unknown: names of the tensors that no rule knows.
        stored: quantisation of most projections (`gptq 4-bit`); None where they are stored plain.
        adapter: what only an adapter has; None for a model.
        branches: sketches of what every branch does, by layer.
        spaces: sketches of what every layer reads and writes, by layer.
        start: image of the first values of all projections' tensors, together; None for an adapter.
        vocabulary: rows of the embedding; None without one.
        cast_digest: the digest of the model cast to bf16; None where the cast changes nothing.
        histograms: by projection, in alphabetical order; none of an adapter.
        tensors: those outside the projections, by layer and name; none of an adapter.
        zero: names of the projections' matrices without a value but zero, left out of `matrices`.
        tied: whether the embedding is the head as well; None where that cannot be known.
        ledger: what became of every tensor of the source, each in one line; empty in records from
            before there were ledgers.
    """

    version: int
    digest: str
    architecture: str
    dtype: str
    parameters: int
    layers: int
    hidden_size: int
    projections: tuple[str, ...]
    std: ProjectionVector
    rank: int
    clusterings: tuple[Clustering, ...]
    matrices: tuple[Matrix, ...]
    nonfinite: int
    unknown: tuple[str, ...]
    stored: str | None = None
    adapter: Adapter | None = None
    branches: tuple[Branch, ...] = ()
    spaces: tuple[Space, ...] = ()
    start: tuple[float, ...] | None = None
    vocabulary: int | None = None
    cast_digest: str | None = None
    histograms: tuple[Histogram, ...] = ()
    tensors: tuple[Tensor, ...] = ()
    zero: tuple[str, ...] = ()
    tied: bool | None = None
    ledger: tuple[LedgerLine, ...] = ()

    @property
    def kind(self) -> str:
        """'model' or 'adapter'; only fingerprints of one kind are compared."""
        return "adapter" if self.adapter else "model"

    @property
    def std_vector(self) -> ProjectionVector:
        """The standard deviations scaled to unit length."""
        length = math.hypot(*self.std)
        return ProjectionVector._make(std / length for std in self.std)

    @property
    def short(self) -> tuple[str, ...]:
        """Tensors whose matrices are smaller than the rank, so that fewer singular values exist."""
        return tuple(
            matrix.tensor for matrix in self.matrices if len(matrix.singular_values) < self.rank
        )

    @property
    def error(self) -> float | None:
        """The largest bound of a singular value relative to the largest of its matrix.

        None if not recorded for all matrices.
        """
        errors = []
        for matrix in self.matrices:
            if matrix.bounds is None:
                return None
            errors.append(max(matrix.bounds, default=0.0) / matrix.singular_values[0])
        return max(errors)


class NamedFingerprint(NamedTuple):
    """A fingerprint and what to call it."""

    name: str
    fingerprint: Fingerprint
