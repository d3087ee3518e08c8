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
    in_order,
    label_table,
    mean_spectra,
    path_plane,
    principal_plane,
    projection_pairs,
    weight_densities,
)

if TYPE_CHECKING:
    from registry.figures.benchmark_figures import LossCurves
    from registry.figures.kinds import Models

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


def bar_line(projection: str, share: float) -> str:
    """Return a projection's bar and its share in digits."""
    return f"{heading(projection)}{bar(share)} {share:.3f}"


def heading(projection: str) -> str:
    """Return a projection's name, indented and filled up to its columns."""
    return f"  {projection:8}"


def title(name: str) -> str:
    """Return a name cut or filled up to its columns."""
    return f"{name[:NAME]:{NAME}}"


def std(models: "Models") -> Iterator[str]:
    """Yield a bar for every projection, over the largest."""
    for name, fingerprint in models:
        yield name
        largest = max(fingerprint.std)
        for projection, value in zip(PROJECTIONS, fingerprint.std, strict=True):
            if projection not in fingerprint.projections:
                continue
            yield bar_line(projection, value / largest)


def clusters(models: "Models", rank: int = 16) -> Iterator[str]:
    """Yield a bar for every projection's share in query's cluster."""
    for name, fingerprint in models:
        yield f"{name}, rank {rank}"
        shares = clustering(name, fingerprint, rank).vector
        for projection, share in zip(PROJECTIONS, shares, strict=True):
            if projection not in fingerprint.projections:
                continue
            yield bar_line(projection, share)


def labels(models: "Models", rank: int = 16) -> Iterator[str]:
    """Yield a strip for every projection, with a block for every layer."""
    for name, fingerprint in models:
        yield f"{name}, rank {rank}: a block is query's cluster"
        cluster_labels = clustering(name, fingerprint, rank).labels
        table = label_table(fingerprint, cluster_labels)
        for projection, row in zip(PROJECTIONS, table, strict=True):
            if projection not in fingerprint.projections:
                continue
            strip = "".join(map(shade, row))
            yield f"{heading(projection)}{strip}"


def shade(label: float) -> str:
    """Return a character for a mean label from 0 to 1; a blank for none."""
    if np.isnan(label):
        return " "
    return SHADES[round(4 * label)]


def pca(models: "Models", rank: int = 16) -> Iterator[str]:
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


def densities(models: "Models") -> Iterator[str]:
    """Yield a curve for every projection, from -4 to 4 of the model's largest std."""
    for name, fingerprint in models:
        yield f"{name}: weights from -4 to 4 times the largest std"
        by_projection = weight_densities(name, fingerprint, WIDTH)
        for projection, density in by_projection.items():
            yield f"{heading(projection)}{curve_line(density.values)}"


def spectra(models: "Models", rank: int = 16) -> Iterator[str]:
    """Yield a falling curve for every projection, over its largest singular value."""
    for name, fingerprint in models:
        yield f"{name}, rank {rank}: singular values over the largest"
        for projection, values in mean_spectra(name, fingerprint, rank).items():
            shown = values[np.linspace(0, len(values) - 1, min(WIDTH, len(values))).astype(int)]
            yield f"{heading(projection)}{curve_line(shown)}"


def paths(models: "Models") -> Iterator[str]:
    """Yield the length of every LoRA delta in the plane of their main axes."""
    models = in_order(models)
    plane = path_plane(models)
    lengths = np.linalg.norm(plane.points, axis=1)
    longest = max(float(lengths.max()), TINY)
    for (name, _), length in zip(models, lengths[1:], strict=True):
        yield f"{title(name)}{bar(length / longest)} {length:.3g}"


def distances(models: "Models", rank: int = 16) -> Iterator[str]:
    """Yield a table of the mean similarity of every two projections."""
    for name, fingerprint in models:
        by_projection = vectors(fingerprint, rank)
        yield f"{name}, rank {rank}: mean cosine similarity"
        columns = [f"{projection:>8}" for projection in by_projection]
        yield heading("") + "".join(columns)

        for one in by_projection.values():
            line = heading(one.projection)
            for other in by_projection.values():
                distances = cosine_distances(one.rows, other.rows)
                similarity = 1 - distances.mean()
                line += f"{similarity:8.3f}"
            yield line


def laws(models: "Models", rank: int = 16) -> Iterator[str]:
    """Yield a curve of the distances of all vectors."""
    for name, fingerprint in models:
        yield law_line(name, all_distances(fingerprint, rank))


def pairs(models: "Models", rank: int = 16) -> Iterator[str]:
    """Yield a curve for every two projections."""
    for name, fingerprint in models:
        for pair in projection_pairs(fingerprint, rank):
            yield law_line(pair.name or name, pair.distances)


def law_line(name: str, distances: Distances) -> str:
    """Return a histogram of distances, with the law that they follow and its shape."""
    law = law_of(distances.values, distances.resampled)
    histogram = histogram_line(distances.values)
    return f"{title(name)}{histogram} {law.law}, {law.pareto.shape:.2f}"


def histogram_line(values: np.ndarray) -> str:
    """Return a histogram of distances, without the farthest."""
    farthest = float(np.quantile(values, SHOWN))
    counts, _ = np.histogram(values, WIDTH, (0, farthest))
    return curve_line(counts)


def polar(models: "Models", rank: int = 16) -> Iterator[str]:
    """Yield a curve over the turn for every two projections, from no distance to the largest."""
    for name, fingerprint in models:
        for pair in projection_pairs(fingerprint, rank):
            values = pair.distances.values
            largest = float(values.max())
            counts, _ = np.histogram(values, 36, (0, largest))
            yield f"{title(pair.name or name)}{curve_line(counts)}"


def generated() -> Iterator[str]:
    """Yield a curve of the generator's distances for every law."""
    for law in GENERATED_SHOWN:
        one, other = generated_pair(law)
        values = cosine_distances(one, other).ravel()
        yield f"{title(law)}{histogram_line(values)}"


def losses(measured: "LossCurves") -> Iterator[str]:
    """Yield a falling curve for every initialisation, and the last loss."""
    least = min(min(curve.mean) for curve in measured.curves.values())
    for initialisation, curve in measured.curves.items():
        falling = curve_line(curve.mean, least)
        last = curve.mean[-1]
        yield f"{title(initialisation)}{falling} {last:.3f}"
