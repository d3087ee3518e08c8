"""The fingerprint of a model: a frozen record, comparable within one version. `measure` computes it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from registry.fingerprints.projection_vector import ProjectionVector

VERSION = 1
RANKS = (16, 64, 256)  # of the clusterings, as far as a fingerprint's own rank goes
RANK = 64  # of a fingerprint unless asked otherwise

Progress = Callable[[int, int, int], None]
"""Called after each tensor with (tensors done, tensors in all, bytes of the tensor)."""


@dataclass(frozen=True)
class Matrix:
    """One projection matrix, rows x cols = outputs x inputs, and the statistics of its finite values.

    singular_values: the largest of the fingerprint's rank, falling, or all where there are fewer. bounds: how far each
    may be from the true one; None where that was not recorded. expert: which of the layer's experts the matrix belongs
    to, None where it serves every token. skewness, kurtosis, min and max are None where the matrix is an adapter's
    update that was measured from its factors. digest: of the values, or factors. cast_digest: of the values in bf16,
    where that changes them. sketch: a small linear image (registry.numerics.sketches), row by row. distinct_share,
    zero_share: how many different sizes neighbours in a row have, and how many of them are zero; None for an update.
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
    """K-Means over the spectra of all matrices, cut to `rank` values (paper 2509.19122, 3.1 and 3.2).

    vector: per projection the share of matrices in Query's cluster; 0 where the projection is missing.
    labels: per matrix, 1 for Query's cluster. labels3: the same for k = 3 clusters, numbered from Query's on.
    margin: the smallest distance of a spectrum to the boundary between the two clusters. undetermined: positions of the
    matrices whose label could be the other one within the bounds of the spectra; None where that was not recorded.
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
    """What attention or the mlp of one layer does to the residual stream, as sketches of length 1 (branch_sketches).

    branch: 'attention' or 'mlp'. stream: in the stream's own axes; token: in those of the tokens, None where no
    embedding was found.
    """

    layer: int
    branch: str
    stream: tuple[float, ...]
    token: tuple[float, ...] | None


@dataclass(frozen=True)
class Space:
    """The directions that one layer reads from the residual stream or writes to it, as a sketch (subspace_sketches).

    side: 'reads' or 'writes'.
    """

    layer: int
    side: str
    sketch: tuple[float, ...]


@dataclass(frozen=True)
class Histogram:
    """How many weights of one projection, all layers together, are in each bin of registry.numerics.histograms."""

    projection: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Adapter:
    """What only an adapter has.

    method: lora, adalora, loha or lokr, with +rslora and +dora. rank: the largest. magnitude: mean of DoRA's magnitude
    vectors by projection, 0 where there is none. beside: full tensors that come along (classifier heads, trained
    biases); untouched: weights whose update is zero. Both are left out of the vectors on purpose.
    """

    method: str
    rank: int
    magnitude: tuple[float, ...]
    beside: tuple[str, ...]
    untouched: tuple[str, ...]


@dataclass(frozen=True)
class Fingerprint:
    """What the registry stores of a model, or of an adapter: then the matrices are its updates, scaling * B A.

    projections: those present, in the papers' order. std: population standard deviation of all weights of a
    projection, pooled over layers (paper 2509.19122, 2.2); 0 where the projection is missing.
    rank: how many singular values were computed. clusterings: one for each of RANKS up to it. matrices: in the order of
    layers and projections; labels follow the same order. stored: the quantisation of most projections (`gptq 4-bit`);
    None where they are stored plain. unknown: names of matrices that no rule knows. branches, spaces: by layer.
    start: an image of the first values of every projection's tensor, together; None for an adapter. vocabulary: tokens
    of the embedding. cast_digest: the digest that the model has once it is cast to bf16, where that is another.
    histograms: by projection, in alphabetical order; none of an adapter.
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
        return tuple(m.tensor for m in self.matrices if len(m.singular_values) < self.rank)

    @property
    def error(self) -> float | None:
        """The largest bound of a singular value relative to the largest of its matrix; None if not recorded."""
        errors = [
            max(m.bounds, default=0.0) / m.singular_values[0]
            for m in self.matrices
            if m.bounds is not None
        ]
        return max(errors) if len(errors) == len(self.matrices) else None
