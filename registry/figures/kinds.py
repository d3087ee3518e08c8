"""Every kind of picture: what it shows, how it is drawn, and how it is written in lines."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from registry.figures import first, lines, second


@dataclass(frozen=True)
class Kind:
    """draw, write: take models as (name, fingerprint), and a rank. shows: of which figure of which paper it is one.

    takes: `models`, `nothing`, or `answer` where it draws the JSON of a benchmark.
    """

    draw: Callable[..., Figure]
    write: Callable[..., Iterable[str]]
    shows: str
    takes: str = "models"

    def drawn(self, given: Any, rank: int) -> Figure:
        """The picture of what was given."""
        return self.draw(given) if self.takes == "answer" else self.draw(given, rank)

    def written(self, given: Any, rank: int) -> str:
        """The same in lines."""
        return "\n".join(self.write(given) if self.takes == "answer" else self.write(given, rank))


FIRST, SECOND = "2509.19122", "2509.00046"
KINDS = {
    "densities": Kind(first.densities, lines.densities, f"{FIRST}, figures 1, 2, 11, 12"),
    "std": Kind(first.std, lines.std, f"{FIRST}, figures 3, 8, 9, 13"),
    "pca": Kind(first.pca, lines.pca, f"{FIRST}, figure 4"),
    "labels": Kind(first.labels, lines.labels, f"{FIRST}, figures 5, 14, 16"),
    "clusters": Kind(first.clusters, lines.clusters, f"{FIRST}, figures 6, 7, 10, 15"),
    "paths": Kind(first.paths, lines.paths, f"{FIRST}, section 4: checkpoints of one adapter"),
    "distances": Kind(second.distances, lines.distances, f"{SECOND}, figure 2a"),
    "laws": Kind(second.laws, lines.laws, f"{SECOND}, figures 2b, 3a, 10, 13"),
    "pairs": Kind(second.pairs, lines.pairs, f"{SECOND}, figures 3b, 4, 6, 11, 14 to 16"),
    "polar": Kind(second.polar, lines.polar, f"{SECOND}, figures 5, 12"),
    "generator": Kind(second.generated, lines.generated, f"{SECOND}, figure 8", "nothing"),
    "loss": Kind(second.loss, lines.loss, f"{SECOND}, figure 9", "answer"),
}
