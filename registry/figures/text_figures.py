"""The same pictures in a few lines of text, for a terminal of 80 columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.characteristic import generator
from registry.characteristic.laws import law_of
from registry.characteristic.vectors import (
    Distances,
    all_vectors,
    cosine_distances,
    vectors,
    within,
)
from registry.figures.fingerprint_figures import (
    clustering,
    label_table,
    projected,
    scaled_counts,
    walked,
)
from registry.figures.law_figures import SEED, all_pairs
from registry.fingerprints.record import Fingerprint

Named = tuple[str, Fingerprint]
BLOCKS = " ▁▂▃▄▅▆▇█"
WIDTH, NAME = 40, 22  # of a bar or a curve, and of what stands before it
ROWS, COLUMNS = 18, 64  # of a scatter


def spark(values: Sequence[float] | np.ndarray, low: float = 0.0) -> str:
    """A curve of block characters from `low` to its largest value."""
    span = max(float(np.max(values)) - low, 1e-300)
    return "".join(BLOCKS[round(8 * max(0.0, value - low) / span)] for value in values)


def bar(share: float) -> str:
    """A bar from 0 to 1."""
    return "█" * round(WIDTH * share)


def std(models: Sequence[Named], rank: int = 16) -> Iterator[str]:
    """A bar for every projection, over the largest."""
    del rank
    for name, fingerprint in models:
        yield name
        largest = max(fingerprint.std)
        for projection, value in zip(PROJECTIONS, fingerprint.std, strict=True):
            if projection in fingerprint.projections:
                yield f"  {projection:8}{bar(value / largest)} {value / largest:.3f}"


def clusters(models: Sequence[Named], rank: int = 16) -> Iterator[str]:
    """A bar for every projection's share."""
    for name, fingerprint in models:
        yield f"{name}, rank {rank}"
        for projection, share in zip(
            PROJECTIONS, clustering(name, fingerprint, rank).vector, strict=True
        ):
            if projection in fingerprint.projections:
                yield f"  {projection:8}{bar(share)} {share:.3f}"


def labels(models: Sequence[Named], rank: int = 16) -> Iterator[str]:
    """A strip for every projection, a block for every layer."""
    for name, fingerprint in models:
        yield f"{name}, rank {rank}: a block is query's cluster"
        table = label_table(fingerprint, clustering(name, fingerprint, rank).labels)
        for projection, row in zip(PROJECTIONS, table, strict=True):
            if projection in fingerprint.projections:
                yield f"  {projection:8}" + "".join(
                    " " if np.isnan(v) else "·░▒▓█"[round(4 * v)] for v in row
                )


def pca(models: Sequence[Named], rank: int = 16) -> Iterator[str]:
    """A scatter of the projections' first letters, large in query's cluster."""
    for name, fingerprint in models:
        points, shares = projected(fingerprint, rank)
        found = clustering(name, fingerprint, rank).labels
        yield f"{name}, rank {rank}: axes of {shares[0]:.0%} and {shares[1]:.0%}; capitals are query's cluster"
        grid = np.full((ROWS, COLUMNS), " ")
        span = np.maximum(np.ptp(points, axis=0), 1e-300)
        for (x, y), matrix, label in zip(
            (points - points.min(0)) / span, fingerprint.matrices, found, strict=True
        ):
            letter = matrix.projection[0]
            grid[round((1 - y) * (ROWS - 1)), round(x * (COLUMNS - 1))] = (
                letter.upper() if label else letter
            )
        yield from ("  " + "".join(row).rstrip() for row in grid)


def densities(models: Sequence[Named], rank: int = 16) -> Iterator[str]:
    """A curve for every projection, from -4 to 4 of the model's standard deviations."""
    del rank
    for name, fingerprint in models:
        yield f"{name}: weights from -4 to 4 times the largest std"
        for projection, (_, counts) in scaled_counts(name, fingerprint, WIDTH).items():
            yield f"  {projection:8}{spark(counts)}"


def paths(models: Sequence[Named], rank: int = 16) -> Iterator[str]:
    """How long every update is, along both axes."""
    del rank
    points, _ = walked(models)
    lengths = np.linalg.norm(points, axis=1)
    for (name, _), length in zip(models, lengths[1:], strict=True):
        yield f"{name[:NAME]:{NAME}}{bar(length / max(float(lengths.max()), 1e-300))} {length:.3g}"


def distances(models: Sequence[Named], rank: int = 16) -> Iterator[str]:
    """The mean similarity of every two projections."""
    for name, fingerprint in models:
        found = vectors(fingerprint, rank)
        yield f"{name}, rank {rank}: mean cosine similarity"
        yield "  " + " " * 8 + "".join(f"{p:>8}" for p in found)
        for one in found.values():
            means = [1 - cosine_distances(one.rows, other.rows).mean() for other in found.values()]
            yield f"  {one.projection:8}" + "".join(f"{value:8.3f}" for value in means)


def laws(models: Sequence[Named], rank: int = 16) -> Iterator[str]:
    """A curve of the distances of all vectors."""
    for name, fingerprint in models:
        yield curve(name, within(all_vectors(vectors(fingerprint, rank))))


def pairs(models: Sequence[Named], rank: int = 16) -> Iterator[str]:
    """A curve for every two projections."""
    for name, fingerprint in models:
        yield from (
            curve(title.removeprefix(f"{name}: "), each)
            for title, each in all_pairs(name, fingerprint, rank)
        )


def curve(name: str, found: Distances) -> str:
    """A histogram of distances with what they follow."""
    values, law = found.values, law_of(found.values, found.resampled)
    counts, _ = np.histogram(values, WIDTH, (0, float(np.quantile(values, 0.98))))
    return f"{name[:NAME]:{NAME}}{spark(counts)} {law.law}, {law.pareto.shape:.2f}"


def polar(models: Sequence[Named], rank: int = 16) -> Iterator[str]:
    """A curve over the turn, from no distance to the largest."""
    for name, fingerprint in models:
        for title, each in all_pairs(name, fingerprint, rank):
            counts, _ = np.histogram(each.values, 36, (0, float(each.values.max())))
            yield f"{title.removeprefix(f'{name}: ')[:NAME]:{NAME}}{spark(counts)}"


def generated(models: Sequence[Named] = (), rank: int = 16) -> Iterator[str]:
    """What the generator's distances look like."""
    del models, rank
    for law in ("normal", "power law"):
        random = np.random.default_rng(SEED)
        made = cosine_distances(
            *generator.pair(generator.template(4096, random), 32, law, random)
        ).ravel()
        counts, _ = np.histogram(made, WIDTH, (0, float(np.quantile(made, 0.98))))
        yield f"{law:{NAME}}{spark(counts)}"


def loss(answer: Mapping[str, Any]) -> Iterator[str]:
    """A falling curve for every start."""
    means = {way: row["curve"]["mean"] for way, row in answer["ways"].items()}
    least = min(min(values) for values in means.values())
    for way, values in means.items():
        yield f"{way[:NAME]:{NAME}}{spark(values, least)} {values[-1]:.3f}"
