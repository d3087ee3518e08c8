"""The figures in a few lines of text each, for a terminal of 80 columns, without matplotlib."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from registry.architectures.roles import PROJECTIONS
from registry.characteristic.laws import law_of
from registry.characteristic.vectors import Distances, cosine_distances, vectors
from registry.figures.figure_data import (
    GENERATED_SHOWN,
    SHOWN,
    TINY,
    all_distances,
    clustering,
    generated_pair,
    label_table,
    path_plane,
    principal_plane,
    projection_pairs,
    weight_densities,
)

if TYPE_CHECKING:
    from registry.figures.benchmark_figures import LossCurves
    from registry.figures.kinds import NamedFingerprint

BLOCKS = " ▁▂▃▄▅▆▇█"
SHADES = "·░▒▓█"
WIDTH = 40  # columns of a bar or a curve
NAME = 22  # columns before it
ROWS, COLUMNS = 18, 64  # of a scatter


def curve_line(values: Sequence[float] | np.ndarray, low: float = 0.0) -> str:
    """Return a curve of block characters, from `low` to the largest value."""
    span = max(float(np.max(values)) - low, TINY)
    blocks = []
    for value in values:
        height = max(0.0, value - low) / span
        blocks.append(BLOCKS[round(8 * height)])
    return "".join(blocks)


def bar(share: float) -> str:
    """Return a bar that is full at 1."""
    return "█" * round(WIDTH * share)


def title(name: str) -> str:
    """Return a name cut or filled up to its columns."""
    return f"{name[:NAME]:{NAME}}"


def std(models: Sequence["NamedFingerprint"]) -> Iterator[str]:
    """Yield a bar for every projection, over the largest."""
    for name, fingerprint in models:
        yield name
        largest = max(fingerprint.std)
        for projection, value in zip(PROJECTIONS, fingerprint.std, strict=True):
            if projection in fingerprint.projections:
                yield f"  {projection:8}{bar(value / largest)} {value / largest:.3f}"


def clusters(models: Sequence["NamedFingerprint"], rank: int = 16) -> Iterator[str]:
    """Yield a bar for every projection's share in query's cluster."""
    for name, fingerprint in models:
        yield f"{name}, rank {rank}"
        shares = clustering(name, fingerprint, rank).vector
        for projection, share in zip(PROJECTIONS, shares, strict=True):
            if projection in fingerprint.projections:
                yield f"  {projection:8}{bar(share)} {share:.3f}"


def labels(models: Sequence["NamedFingerprint"], rank: int = 16) -> Iterator[str]:
    """Yield a strip for every projection, with a block for every layer."""
    for name, fingerprint in models:
        yield f"{name}, rank {rank}: a block is query's cluster"
        table = label_table(fingerprint, clustering(name, fingerprint, rank).labels)
        for projection, row in zip(PROJECTIONS, table, strict=True):
            if projection in fingerprint.projections:
                yield f"  {projection:8}" + "".join(shade(label) for label in row)


def shade(label: float) -> str:
    """Return a character for a mean label from 0 to 1; a blank for none."""
    return " " if np.isnan(label) else SHADES[round(4 * label)]


def pca(models: Sequence["NamedFingerprint"], rank: int = 16) -> Iterator[str]:
    """Yield a scatter of the projections' first letters, large in query's cluster."""
    for name, fingerprint in models:
        plane = principal_plane(name, fingerprint, rank)
        first, second = plane.shares
        axes = f"axes of {first:.0%} and {second:.0%}"
        yield f"{name}, rank {rank}: {axes}; capitals are query's cluster"

        letters = []
        cluster_labels = clustering(name, fingerprint, rank).labels
        for matrix, label in zip(fingerprint.matrices, cluster_labels, strict=True):
            letter = matrix.projection[0]
            letters.append(letter.upper() if label else letter)
        yield from scatter(plane.points, letters)


def scatter(points: np.ndarray, letters: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a scatter: a letter for every point (n x 2), scaled to fill it."""
    span = np.maximum(np.ptp(points, axis=0), TINY)
    scaled = (points - points.min(0)) / span
    characters = np.full((ROWS, COLUMNS), " ")

    for (x, y), letter in zip(scaled, letters, strict=True):
        row = round((1 - y) * (ROWS - 1))
        column = round(x * (COLUMNS - 1))
        characters[row, column] = letter

    for line in characters:
        yield "  " + "".join(line).rstrip()


def densities(models: Sequence["NamedFingerprint"]) -> Iterator[str]:
    """Yield a curve for every projection, from -4 to 4 of the model's largest std."""
    for name, fingerprint in models:
        yield f"{name}: weights from -4 to 4 times the largest std"
        for projection, density in weight_densities(name, fingerprint, WIDTH).items():
            yield f"  {projection:8}{curve_line(density.values)}"


def paths(models: Sequence["NamedFingerprint"]) -> Iterator[str]:
    """Yield the length of every LoRA delta in the plane of their main axes."""
    lengths = np.linalg.norm(path_plane(models).points, axis=1)
    longest = max(float(lengths.max()), TINY)
    for (name, _), length in zip(models, lengths[1:], strict=True):
        yield f"{title(name)}{bar(length / longest)} {length:.3g}"


def distances(models: Sequence["NamedFingerprint"], rank: int = 16) -> Iterator[str]:
    """Yield a table of the mean similarity of every two projections."""
    for name, fingerprint in models:
        by_projection = vectors(fingerprint, rank)
        yield f"{name}, rank {rank}: mean cosine similarity"
        yield "  " + " " * 8 + "".join(f"{projection:>8}" for projection in by_projection)

        for one in by_projection.values():
            line = f"  {one.projection:8}"
            for other in by_projection.values():
                mean = 1 - cosine_distances(one.rows, other.rows).mean()
                line += f"{mean:8.3f}"
            yield line


def laws(models: Sequence["NamedFingerprint"], rank: int = 16) -> Iterator[str]:
    """Yield a curve of the distances of all vectors."""
    for name, fingerprint in models:
        yield law_line(name, all_distances(fingerprint, rank))


def pairs(models: Sequence["NamedFingerprint"], rank: int = 16) -> Iterator[str]:
    """Yield a curve for every two projections."""
    for name, fingerprint in models:
        for pair in projection_pairs(fingerprint, rank):
            yield law_line(pair.name or name, pair.distances)


def law_line(name: str, distances: Distances) -> str:
    """Return a histogram of distances, with the law that they follow and its shape."""
    law = law_of(distances.values, distances.resampled)
    return f"{title(name)}{histogram_line(distances.values)} {law.law}, {law.pareto.shape:.2f}"


def histogram_line(values: np.ndarray) -> str:
    """Return a histogram of distances, without the farthest."""
    counts, _ = np.histogram(values, WIDTH, (0, float(np.quantile(values, SHOWN))))
    return curve_line(counts)


def polar(models: Sequence["NamedFingerprint"], rank: int = 16) -> Iterator[str]:
    """Yield a curve over the turn for every two projections, from no distance to the largest."""
    for name, fingerprint in models:
        for pair in projection_pairs(fingerprint, rank):
            values = pair.distances.values
            counts, _ = np.histogram(values, 36, (0, float(values.max())))
            yield f"{title(pair.name or name)}{curve_line(counts)}"


def generated() -> Iterator[str]:
    """Yield a curve of the generator's distances for every law."""
    for law in GENERATED_SHOWN:
        one, other = generated_pair(law)
        yield f"{title(law)}{histogram_line(cosine_distances(one, other).ravel())}"


def losses(measured: "LossCurves") -> Iterator[str]:
    """Yield a falling curve for every initialisation, and the last loss."""
    least = min(min(curve.mean) for curve in measured.curves.values())
    for initialisation, curve in measured.curves.items():
        yield f"{title(initialisation)}{curve_line(curve.mean, least)} {curve.mean[-1]:.3f}"
