"""Every kind of picture: what it shows, how it is drawn, and how it is written in lines."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from registry.figures import fingerprint_figures, law_figures, text_figures


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
    "densities": Kind(
        fingerprint_figures.densities, text_figures.densities, f"{FIRST}, figures 1, 2, 11, 12"
    ),
    "std": Kind(fingerprint_figures.std, text_figures.std, f"{FIRST}, figures 3, 8, 9, 13"),
    "pca": Kind(fingerprint_figures.pca, text_figures.pca, f"{FIRST}, figure 4"),
    "labels": Kind(fingerprint_figures.labels, text_figures.labels, f"{FIRST}, figures 5, 14, 16"),
    "clusters": Kind(
        fingerprint_figures.clusters, text_figures.clusters, f"{FIRST}, figures 6, 7, 10, 15"
    ),
    "paths": Kind(
        fingerprint_figures.paths,
        text_figures.paths,
        f"{FIRST}, section 4: checkpoints of one adapter",
    ),
    "distances": Kind(law_figures.distances, text_figures.distances, f"{SECOND}, figure 2a"),
    "laws": Kind(law_figures.laws, text_figures.laws, f"{SECOND}, figures 2b, 3a, 10, 13"),
    "pairs": Kind(
        law_figures.pairs, text_figures.pairs, f"{SECOND}, figures 3b, 4, 6, 11, 14 to 16"
    ),
    "polar": Kind(law_figures.polar, text_figures.polar, f"{SECOND}, figures 5, 12"),
    "generator": Kind(
        law_figures.generated, text_figures.generated, f"{SECOND}, figure 8", "nothing"
    ),
    "loss": Kind(law_figures.loss, text_figures.loss, f"{SECOND}, figure 9", "answer"),
}
