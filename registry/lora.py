"""What an adapter adds to its base, measured from the factors (paper 2509.19122, section 4).

The fingerprint of an adapter is that of scaling * B A, for each projection and layer that it covers; the product
is never formed.
"""

import hashlib
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from registry.checkpoints import Checkpoint, Entry, Update
from registry.checkpoints.dtypes import FLOATING
from registry.errors import CannotSplit
from registry.fingerprints import PROJECTIONS, RANKS, Adapter
from registry.numerics.digest import tensor_digest
from registry.numerics.lowrank import product, side
from registry.numerics.moments import Moments, merge, moments
from registry.projections import HEAD_COUNTS, Layout, Site, classify

Statistics = tuple[tuple[int, int], Moments, str, tuple[float, ...]]
"""Shape, moments, digest and singular values of one projection's update."""


def layout(checkpoint: Checkpoint) -> Layout:
    """Which projections the updates belong to; full tensors beside them are no projections, whatever their names.

    Raises CannotSplit where a fused update shows neither by its shape nor in config.json how to cut it.
    """
    updates = [entry for entry in checkpoint.entries if isinstance(entry, Update)]
    found = classify(updates, with_heads(checkpoint.config, updates))
    beside = [entry for entry in checkpoint.entries if not isinstance(entry, Update) and entry.dtype in FLOATING]
    outputs = {site.layer for site in found.sites if "output" in site.parts}
    sites = (site if site.layer in outputs else by_inputs(site) for site in found.sites)
    return replace(found, sites=tuple(sites), others=(*found.others, *beside))


def by_inputs(site: Site) -> Site:
    """Without the output projection, the query of a stacked tensor is taken to have as many rows as inputs."""
    others = len(site.parts) - 1
    if not others or site.groups > 1 or site.parts[0] != "query":
        return site
    rows, inputs = site.entry.shape
    share, odd = divmod(rows - inputs, others)
    if share <= 0 or odd:
        raise CannotSplit(
            tensor=site.entry.name,
            shape=[rows, inputs],
            parts=", ".join(site.parts),
            reason="its rows do not add up and the adapter has no output projection",
        )
    return replace(site, sizes=(inputs, *(share,) * others))


def with_heads(config: dict[str, Any], updates: Sequence[Entry]) -> dict[str, Any]:
    """The config beside the adapter; where it counts no heads, those of the published models of that shape."""
    fused = [update.shape[1] for update in updates if update.name.endswith("query_key_value.weight")]
    if not fused or any(key in config for key in HEAD_COUNTS):
        return config
    of_width = [(layers, heads) for inputs, layers, heads in known_heads() if inputs == fused[0]]
    of_depth = [(layers, heads) for layers, heads in of_width if layers == len(fused)]
    candidates = {heads for _, heads in of_width}
    if len(candidates) > 1:
        candidates = {heads for _, heads in of_depth}
    return {**config, HEAD_COUNTS[0]: candidates.pop()} if len(candidates) == 1 else config


@cache
def known_heads() -> tuple[tuple[int, int, int], ...]:
    """Rows (inputs, layers, heads) of heads.toml."""
    content = tomllib.loads(files("registry").joinpath("heads.toml").read_text(encoding="utf-8"))
    return tuple((inputs, layers, heads) for inputs, layers, heads in content["rows"])


def statistics(site: Site, update: Update) -> Iterator[Statistics]:
    """Of each projection in one update that has factors, in the order of the site's parts.

    The rows of B are the rows of the weight, so that a fused update is cut by cutting B.
    """
    assert update.factors
    left, right = update.factors()
    inner, tail = side(right.T), tensor_digest(right)
    for part in site.cut(left):
        stats, values = product(side(part), inner, update.scaling, max(RANKS))
        digest = hashlib.sha256(b"%r" % update.scaling + tensor_digest(part) + tail).hexdigest()
        yield (part.shape[0], right.shape[1]), stats, digest, values


def digest(update: Update) -> str:
    """SHA-256 of an update that is no projection's, from its parts."""
    content = b"".join(tensor_digest(part.load()) for part in update.parts)
    return hashlib.sha256(b"%r" % update.scaling + content).hexdigest()


def facts(layout: Layout, untouched: tuple[str, ...]) -> Adapter:
    """What is said of an adapter beside its vectors. untouched: weights whose update is zero."""
    updates = [entry for entry in (*(site.entry for site in layout.sites), *layout.others) if isinstance(entry, Update)]
    magnitudes = {update.magnitude.name for update in updates if update.magnitude}
    return Adapter(
        method=updates[0].method,
        rank=max(update.rank for update in updates),
        magnitude=magnitude(layout.sites) if magnitudes else (),
        beside=tuple(e.name for e in layout.others if not isinstance(e, Update) and e.name not in magnitudes),
        untouched=untouched,
    )


def magnitude(sites: tuple[Site, ...]) -> tuple[float, ...]:
    """Mean of DoRA's magnitude vectors by projection, NaN and infinities left out; 0 where there is none."""
    found: list[tuple[str, Moments]] = []
    for site in sites:
        entry: Entry | None = getattr(site.entry, "magnitude", None)
        if entry:
            parts = site.cut(entry.load().reshape(-1, 1))
            found += [(projection, moments(part)) for projection, part in zip(site.parts, parts, strict=True)]
    return tuple(merge(stats for own, stats in found if own == projection).mean for projection in PROJECTIONS)
