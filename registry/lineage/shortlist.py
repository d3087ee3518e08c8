"""In which order the likely relatives of a model are compared with it in full."""

from collections.abc import Mapping
from operator import itemgetter

import numpy as np

from registry.lineage.features import KINDS, Sketches
from registry.lineage.layer_alignment import similarity_of

COPY = 0.01  # of a model's 1 - cosine to a candidate: candidates that differ by less are copies
EQUAL = 2e-5  # 1 - cosine of sketches that are equal but for their half precision
TOGETHER = 4  # copies of one another that go before all others have had their turn
NEAREST = 32  # the same of those that are most like the model


def likeliest(model: Sketches, others: Mapping[str, Sketches]) -> list[str]:
    """Return models in the order in which they are compared, the most alike first.

    A base is often registered many times, cast, resharded or reordered. Of such copies a few go
    first, so that they do not crowd out the other parent of a merge.

    Args:
        model: Of the model in question.
        others: By name, in the order in which they were registered.
    """
    likeness = {name: likeness_of(model, sketches) for name, sketches in others.items()}
    groups: dict[str, list[str]] = {}
    for name in sorted(others, key=likeness.__getitem__, reverse=True):
        limit = max(EQUAL, COPY * (1 - likeness[name]))
        for leader, copies in groups.items():
            if 1 - cosine(others[leader], others[name]) < limit:
                copies.append(name)
                break
        else:
            groups[name] = [name]

    registered = list(others)
    rounds: list[tuple[int, str]] = []
    together = NEAREST
    for copies in groups.values():
        for place, name in enumerate(sorted(copies, key=registered.index)):
            rounds.append((place // together, name))
        together = TOGETHER
    return [name for _, name in sorted(rounds, key=itemgetter(0))]


def likeness_of(model: Sketches, other: Sketches) -> float:
    """Return how alike the branches of two models are, in the axes that agree better."""
    return max(0.0, *(similarity_of(model, other, kind) for kind in KINDS))


def cosine(one: Sketches, other: Sketches) -> float:
    """Return the cosine of two models' branches, layer by layer; 0 of another depth."""
    if one.stream[0].shape != other.stream[0].shape or not one.length or not other.length:
        return 0.0
    product = sum(map(np.vdot, one.stream, other.stream))
    return float(product) / (one.length * other.length)
