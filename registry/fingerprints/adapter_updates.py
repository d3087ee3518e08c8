"""What an adapter adds to its base, measured from the factors (paper 2509.19122, section 4).

The fingerprint of an adapter is that of scaling * B A, for each projection and layer that it covers; the product
is never formed.
"""

import hashlib
from collections.abc import Iterator

import torch

from registry.architectures.layout import Layout, ProjectionTensor
from registry.architectures.roles import PROJECTIONS
from registry.checkpoints import Entry, Update
from registry.fingerprints.record import Adapter
from registry.fingerprints.subspace_sketches import thin_gram
from registry.numerics.digest import tensor_digest
from registry.numerics.lowrank import product, side
from registry.numerics.moments import Moments, merge, moments
from registry.numerics.sketches import thin_sketch
from registry.numerics.spectrum import Spectrum

Statistics = tuple[tuple[int, int], str, Moments, Spectrum, torch.Tensor, torch.Tensor]
"""Shape, digest, moments, singular values, sketch and Gram sketch of one projection's update."""
# Rows and columns of a matrix's sketch. Adapters change query and value first: of these the rank of a change is told.
SKETCHED = {"query": 18, "key": 6, "value": 18, "output": 6, "gate": 6, "up": 6, "down": 6}


def statistics(
    site: ProjectionTensor, update: Update, left: torch.Tensor, right: torch.Tensor, rank: int
) -> Iterator[Statistics]:
    """Of each projection in one update with the factors B and A, left and right, in the order of the site's parts.

    The rows of B are the rows of the weight, so that a fused update is cut by cutting B.
    """
    inner, tail = side(right.T), tensor_digest(right)
    for part, projection in zip(site.cut(left), site.parts, strict=True):
        outer = side(part)
        stats, spectrum = product(outer, inner, update.scaling, rank)
        digest = hashlib.sha256(b"%r" % update.scaling + tensor_digest(part) + tail).hexdigest()
        image = thin_sketch(part, right, SKETCHED[projection]) * update.scaling
        own = thin_gram(projection, part, right, (outer.triangle, inner.triangle))
        yield (part.shape[0], right.shape[1]), digest, stats, spectrum, image, own


def digest(update: Update) -> str:
    """SHA-256 of an update that is no projection's, from its parts."""
    content = b"".join(tensor_digest(part.load()) for part in update.parts)
    return hashlib.sha256(b"%r" % update.scaling + content).hexdigest()


def facts(layout: Layout, untouched: tuple[str, ...]) -> Adapter:
    """What is said of an adapter beside its vectors. untouched: weights whose update is zero."""
    updates = [
        entry
        for entry in (*(site.entry for site in layout.projections), *layout.others)
        if isinstance(entry, Update)
    ]
    magnitudes = {update.magnitude.name for update in updates if update.magnitude}
    return Adapter(
        method=updates[0].method,
        rank=max(update.rank for update in updates),
        magnitude=magnitude(layout.projections) if magnitudes else (),
        beside=tuple(
            e.name for e in layout.others if not isinstance(e, Update) and e.name not in magnitudes
        ),
        untouched=untouched,
    )


def magnitude(sites: tuple[ProjectionTensor, ...]) -> tuple[float, ...]:
    """Mean of DoRA's magnitude vectors by projection, NaN and infinities left out; 0 where there is none."""
    found: list[tuple[str, Moments]] = []
    for site in sites:
        entry: Entry | None = getattr(site.entry, "magnitude", None)
        if entry:
            parts = site.cut(entry.load().reshape(-1, 1))
            found += [
                (projection, moments(part))
                for projection, part in zip(site.parts, parts, strict=True)
            ]
    return tuple(
        merge(stats for own, stats in found if own == projection).mean for projection in PROJECTIONS
    )
