"""Pictures of paper 2509.00046. Models come as (name, fingerprint)."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from registry.characteristic import generator
from registry.characteristic.laws import law_of
from registry.characteristic.vectors import (
    SAME,
    Distances,
    all_vectors,
    between,
    cosine_distances,
    vectors,
    within,
)
from registry.errors import CharacteristicError
from registry.figures.style import bars, figure, mark, plain
from registry.fingerprints.record import Fingerprint

Named = tuple[str, Fingerprint]
BINS = 48
SEED = 0
MOST = {
    "normal": 1.0,
    "power law": 0.8,
}  # share of the generator's distances that are shown: others lie far out


def distances(models: Sequence[Named], rank: int = 16) -> Figure:
    """Cosine similarity of all singular-value vectors, projection by projection (figure 2a)."""
    drawn, every = figure(
        f"Cosine similarity of singular-value vectors, rank {rank}", columns=len(models)
    )
    for axes, (name, fingerprint) in zip(every, models, strict=True):
        found = vectors(fingerprint, rank)
        similarity = 1 - cosine_distances(*(all_vectors(found).rows,) * 2)
        image = axes.imshow(similarity, cmap="cividis", vmax=1, interpolation="nearest")
        starts = np.cumsum([0, *(len(each.rows) for each in found.values())])
        axes.set(
            title=name,
            xticks=(starts[:-1] + starts[1:] - 1) / 2,
            yticks=(starts[:-1] + starts[1:] - 1) / 2,
        )
        axes.set_xticklabels(found, rotation=90)
        axes.set_yticklabels(found)
        for edge in starts[1:-1]:
            axes.axhline(edge - 0.5, color="white", linewidth=0.5)
            axes.axvline(edge - 0.5, color="white", linewidth=0.5)
    drawn.colorbar(image, ax=every, label="1 - distance", shrink=0.8)
    return drawn


def laws(models: Sequence[Named], rank: int = 16) -> Figure:
    """Densities of the distances of all vectors, with the fitted law (figures 2b, 3a, 10 and 13)."""
    sets = [(name, within(all_vectors(vectors(fingerprint, rank)))) for name, fingerprint in models]
    return densities_of(sets, f"Distances of all singular-value vectors, rank {rank}")


def pairs(models: Sequence[Named], rank: int = 16) -> Figure:
    """Densities of the distances between every two projections of a model (figures 3b, 4, 6, 11 and 14 to 16)."""
    sets = [pair for name, fingerprint in models for pair in all_pairs(name, fingerprint, rank)]
    return densities_of(sets, f"Distances between two projections, rank {rank}")


def all_pairs(name: str, fingerprint: Fingerprint, rank: int) -> list[tuple[str, Distances]]:
    """The distances of every two projections, without those that are too few."""
    found, sets = vectors(fingerprint, rank), []
    for one, other in combinations(found.values(), 2):
        try:
            sets.append((f"{name}: {one.projection}-{other.projection}", between(one, other)))
        except CharacteristicError:
            continue  # `registry dsv` names them
    return sets or [(name, within(all_vectors(found)))]


def densities_of(sets: Sequence[tuple[str, Distances]], title: str) -> Figure:
    """One small picture for every set of distances."""
    columns = min(3, len(sets))
    drawn, every = figure(title, rows=-(-len(sets) // columns), columns=columns)
    for axes, (name, each) in zip(every, sets, strict=False):
        density(axes, name, each)
    for axes in every[len(sets) :]:
        axes.set_visible(False)
    return drawn


def density(axes: Axes, name: str, found: Distances) -> None:
    """A histogram of distances, and the fitted generalised Pareto and normal laws."""
    values = found.values
    law = law_of(values, found.resampled)
    edges = np.linspace(0, float(np.quantile(values, 0.98)), BINS)
    axes.hist(
        values,
        edges.tolist(),
        density=True,
        alpha=0.5,
        label="distances",
        **bars(0) | {"hatch": ""},
    )
    pareto, at = law.pareto, (edges[1:] + edges[:-1]) / 2
    ceiling = 1.15 * max(patch.get_height() for patch in axes.patches)  # type: ignore[attr-defined]
    told = f"Pareto, alpha {pareto.shape:.2f}"
    axes.plot(
        at,
        stats.genpareto.pdf(at, pareto.shape, pareto.location, pareto.scale),
        label=told,
        **line(1),
    )
    axes.plot(at, stats.norm.pdf(at, values.mean(), values.std()), label="normal", **line(2))
    axes.set(
        title=f"{name}: {law.law}", xlabel="cosine distance", ylabel="density", ylim=(0, ceiling)
    )
    plain(axes)
    axes.legend(frameon=False, fontsize=7)


def line(index: int) -> dict[str, Any]:
    """A line without markers."""
    return {key: value for key, value in mark(index).items() if key != "marker"}


def polar(models: Sequence[Named], rank: int = 16) -> Figure:
    """Distances as angles, the largest a full turn: query-up beside gate-down (figures 5 and 12)."""
    chosen = [("query", "up"), ("gate", "down")]
    sets = []
    for name, fingerprint in models:
        found = vectors(fingerprint, rank)
        own = [pair for pair in chosen if all(p in found for p in pair)]
        sets += [
            (f"{name}: {a}-{b}", cosine_distances(found[a].rows, found[b].rows).ravel())
            for a, b in own
        ]
    drawn, every = figure(
        f"Distances, the largest a full turn, rank {rank}",
        columns=len(sets),
        subplot_kw={"projection": "polar"},
    )
    for i, (axes, (name, values)) in enumerate(zip(every, sets, strict=True)):
        kept = values[values > SAME]
        counts, edges = np.histogram(2 * np.pi * kept / kept.max(), 36, (0, 2 * np.pi))
        axes.bar(edges[:-1], counts, np.diff(edges), align="edge", **bars(i))
        axes.set_title(name, fontsize=9)
    return drawn


def generated(models: Sequence[Named] = (), rank: int = 16) -> Figure:
    """What the distribution generator gives: distances, and the numbers themselves (figure 8)."""
    del models, rank
    drawn, every = figure("The distribution generator", columns=2)
    for i, law in enumerate(("normal", "power law")):
        random = np.random.default_rng(SEED)
        one, other = generator.pair(generator.template(4096, random), 32, law, random)
        values = cosine_distances(one, other).ravel()
        edges = np.linspace(0, float(np.quantile(values, MOST[law])), BINS)
        every[0].hist(
            values / edges[-1], edges / edges[-1], density=True, alpha=0.6, label=law, **bars(i)
        )
        every[1].hist(
            np.concatenate([one, other]).ravel(),
            80,
            density=True,
            histtype="step",
            label=law,
            **line(i),
        )
    every[0].set(
        xlabel="cosine distance / the largest shown",
        ylabel="density",
        title="distances follow the asked law",
    )
    every[1].set(xlabel="number", ylabel="density", title="the numbers stay near normal")
    for axes in every:
        plain(axes)
        axes.legend(frameon=False)
    return drawn


def loss(answer: Mapping[str, Any]) -> Figure:
    """Held-out loss on the way, from every start of `benchmarks/lora_init.py`, with the range over seeds (figure 9)."""
    drawn, (axes,) = figure("Held-out loss of an adapter, by its start; bands: all seeds")
    for i, (way, row) in enumerate(answer["ways"].items()):
        curve = {name: np.array(values) for name, values in row["curve"].items()}
        steps = np.linspace(0, answer["steps"], len(curve["mean"]))
        axes.plot(steps, curve["mean"], label=way, markersize=3, **mark(i))
        axes.fill_between(steps, curve["low"], curve["high"], alpha=0.15, color=mark(i)["color"])
    axes.set(xlabel="step", ylabel="loss, nats a token")
    plain(axes)
    axes.legend(frameon=False)
    return drawn
