"""Adapters that a user names, the base to show beside them, and registered adapters like one."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import Engine

from registry.architectures.adapter_merge import has_known_base, merged
from registry.checkpoints import open_checkpoint
from registry.database.connecting.transactions import answer_of
from registry.database.searching import nearest
from registry.errors import UntrainedAdapter
from registry.fingerprints.compute import compute
from registry.fingerprints.record import Fingerprint, NamedFingerprint
from registry.lineage.adapter_comparison import ComparedAdapter
from registry.lineage.vector_distances import std_distance_over_common
from registry.workflows.resolve import Named, Taken, comparable_fingerprint, exists, resolve

RANK = 16  # singular values that a clustering vector needs


class NearAdapter(NamedTuple):
    """A registered adapter, its declared base, and the cosine distance of its std vector."""

    name: str
    base: str | None
    std_distance: float


def no_weights(_: str | None) -> str | None:
    """Say that the weights of no base are at hand."""
    return None


def read_adapter(
    named: Named, weights_of: Callable[[str | None], str | None] = no_weights
) -> ComparedAdapter:
    """Read an adapter, given as SOURCE, LABEL=SOURCE or what was resolved before.

    Raises RegistryError.

    Args:
        weights_of: Gives the source of a base's weights by the name that the adapter declares, or
            None; an adapter whose weights are read is merged into these, too, if what it began with
            is known.
    """
    model = resolve(None, named, labelled=True)
    label, source = model.label, model.source or model.given
    if model.fingerprint:
        stored = comparable_fingerprint(model, {})
        return ComparedAdapter(model.name, source, label, model.declared_base, stored)

    checkpoint = open_checkpoint(source)
    try:
        delta = compute(checkpoint, rank=RANK)
    except UntrainedAdapter:
        return ComparedAdapter(checkpoint.name, source, label, checkpoint.base, None)

    base = weights_of(checkpoint.base) if has_known_base(checkpoint) else None
    together = compute(merged(checkpoint, open_checkpoint(base)), rank=RANK) if base else None
    return ComparedAdapter(checkpoint.name, source, label, checkpoint.base, delta, together)


def read_adapters(
    engine: Engine, sources: Sequence[Named], base: str | None
) -> list[ComparedAdapter]:
    """Read adapters, each SOURCE, LABEL=SOURCE, a fingerprint's file or registered.

    Raises RegistryError.

    Those that are read are merged into `base`, too, or into the base that they declare if its
    weights are here.
    """

    def weights_of(declared: str | None) -> str | None:
        name = base or declared
        return local_weights(engine, name) if name else None

    adapters = []
    for named in sources:
        looked_up = partial(resolve, named=named, labelled=True)
        model = answer_of(engine, looked_up)
        adapters.append(read_adapter(model, weights_of))
    return adapters


def local_weights(engine: Engine, name: str) -> str | None:
    """Return the path of a base's weights; None where they are not on this machine."""
    source = answer_of(engine, lambda session: resolve(session, name, load=False)).source
    return source if source and exists(source) else None


def base_of(
    engine: Engine, adapters: Sequence[ComparedAdapter], base: str | None
) -> NamedFingerprint | None:
    """Return the base that is named, or the one that all adapters declare if it is registered.

    Raises RegistryError.
    """
    declared = {adapter.base for adapter in adapters}
    name = base or (declared.pop() if len(declared) == 1 else None)
    if not name:
        return None
    model = answer_of(engine, lambda session: resolve(session, name))
    if base is None and model.taken is not Taken.REGISTERED:
        return None
    return NamedFingerprint(name, comparable_fingerprint(model, {}))


def adapters_like(engine: Engine, adapter: Fingerprint, k: int) -> list[NearAdapter]:
    """Return the k registered adapters with the nearest std vectors, the nearest first.

    Two are compared over the projections that both have.
    """
    spreads = answer_of(engine, lambda session: nearest.spreads(session, "adapter"))
    adapters = []
    for other in spreads:
        distance = std_distance_over_common(adapter.std, other.std)
        if other.digest != adapter.digest and not math.isnan(distance):
            adapters.append(NearAdapter(other.name, other.declared_base, distance))
    return sorted(adapters, key=attrgetter("std_distance"))[:k]
