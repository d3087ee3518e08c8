"""LoRA deltas: what an adapter adds to its base, measured from the factors.

The fingerprint of an adapter is that of scaling * B A, for each projection and layer that it covers
(paper 2509.19122, section 4); the product is never formed.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from registry.architectures.layout import Layout, ProjectionTensor
from registry.architectures.roles import PROJECTIONS
from registry.checkpoints import Delta, Entry
from registry.fingerprints.digests import TensorDigests
from registry.fingerprints.matrix import SKETCH_SIZES, MatrixStatistics
from registry.fingerprints.record import Adapter
from registry.fingerprints.subspace_sketches import gram_sketch_of_factors
from registry.numerics.arrays import Values, as_array
from registry.numerics.digest import tensor_digest
from registry.numerics.lowrank import product, side
from registry.numerics.moments import Moments, merge, moments
from registry.numerics.sketches import thin_sketch

STACK = 3  # dimensions of a stack of experts


def delta_statistics(
    tensor: ProjectionTensor, delta: Delta, b: Values, a: Values, rank: int
) -> Iterator[MatrixStatistics]:
    """Compute the statistics of each projection in a LoRA delta, in the order of its parts.

    Args:
        b: outputs x r, or experts x outputs x r.
        a: r x inputs, or experts x r x inputs.
        rank: How many singular values.

    The rows of B are the rows of the weight, so that the delta of a fused weight is cut by cutting
    B.
    """
    if a.ndim == STACK:
        for expert, (expert_b, expert_a) in enumerate(zip(b, a, strict=True)):
            of_expert = only_expert(tensor, expert)
            yield from delta_statistics(of_expert, delta, expert_b, expert_a, rank)
        return

    b, a = as_array(b), as_array(a)
    inputs_side = side(a.T)
    a_digest = tensor_digest(a)
    for part, projection in zip(tensor.cut(b), tensor.parts, strict=True):
        outputs_side = side(part)
        delta_moments, spectrum = product(outputs_side, inputs_side, delta.scaling, rank)
        image = thin_sketch(part, a, SKETCH_SIZES[projection]) * delta.scaling
        triangles = (outputs_side.triangle, inputs_side.triangle)

        yield MatrixStatistics(
            rows=part.shape[0],
            cols=a.shape[1],
            digests=TensorDigests(scaled_digest(delta, tensor_digest(part) + a_digest)),
            moments=delta_moments,
            spectrum=spectrum,
            sketch=image,
            gram=gram_sketch_of_factors(projection, part, a, triangles),
        )


def only_expert(tensor: ProjectionTensor, expert: int) -> ProjectionTensor:
    """Return one expert's place in a stack."""
    count = len(tensor.sizes)
    chosen = slice(expert * count, (expert + 1) * count)
    return replace(tensor, parts=tensor.parts[chosen], experts=tensor.experts[chosen])


def delta_digest(delta: Delta) -> str:
    """Return the SHA-256 of a delta that is no projection's, from the tensors it is kept in."""
    content = b""
    for part in delta.parts:
        content += tensor_digest(part.array())
    return scaled_digest(delta, content)


def scaled_digest(delta: Delta, content: bytes) -> str:
    """Return the SHA-256 of a delta's scaling and the digests of its factors."""
    return hashlib.sha256(b"%r" % delta.scaling + content).hexdigest()


def adapter_facts(layout: Layout, untouched: tuple[str, ...]) -> Adapter:
    """Return what is known of an adapter beside its vectors.

    Args:
        untouched: Names of the weights whose delta is zero.
    """
    entries = [tensor.entry for tensor in layout.projections]
    deltas = deltas_among([*entries, *layout.others])
    magnitude_names = {delta.magnitude.name for delta in deltas if delta.magnitude}

    full_tensors = [entry for entry in layout.others if not isinstance(entry, Delta)]
    beside = [entry.name for entry in full_tensors if entry.name not in magnitude_names]
    return Adapter(
        method=deltas[0].method,
        rank=max(delta.rank for delta in deltas),
        magnitude=mean_magnitudes(layout.projections) if magnitude_names else (),
        beside=tuple(beside),
        untouched=untouched,
    )


def deltas_among(entries: Sequence[Entry]) -> list[Delta]:
    """Return the entries that are deltas."""
    return [entry for entry in entries if isinstance(entry, Delta)]


def mean_magnitudes(tensors: Sequence[ProjectionTensor]) -> tuple[float, ...]:
    """Return the mean of DoRA's magnitude vectors, one for each of the seven projections.

    NaN and infinities are left out; 0 stands for a projection without one.
    """
    by_projection: dict[str, list[Moments]] = {projection: [] for projection in PROJECTIONS}
    for tensor in tensors:
        entry: Entry | None = getattr(tensor.entry, "magnitude", None)
        if entry is None:
            continue
        parts = tensor.cut(entry.array().reshape(-1, 1))
        for projection, part in zip(tensor.parts, parts, strict=True):
            by_projection[projection].append(moments(part))

    return tuple(merge(parts).mean for parts in by_projection.values())
