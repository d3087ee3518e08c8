"""Every kind of figure: what it shows and what it is drawn of. Imports no matplotlib."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.figures.atlas_map import AtlasMap
    from registry.figures.benchmark_figures import LossCurves
    from registry.figures.family_tree import FamilyTree
    from registry.fingerprints.record import NamedFingerprint

    Models = Sequence[NamedFingerprint]

FIRST_PAPER = "2509.19122"
SECOND_PAPER = "2509.00046"
OURS = ""
"""In place of a paper, of a figure that none has."""


class Takes(Enum):
    """What a figure is drawn of."""

    MODELS = "models, by name or source"
    NOTHING = "nothing"
    BENCHMARK = "the JSON file of one benchmark"
    PAIR = "a model and its parent, by name or source, or a registered model that has a parent"
    FAMILY = "registered models or families, or all models where nothing is named"
    ATLAS = "the map of all registered models"


@dataclass(frozen=True)
class Kind:
    """A kind of figure.

    Attributes:
        paper, shows: The paper that has such a figure, and where; OURS, and what it shows.
        takes: What it is drawn of.
        ranked: Whether it is drawn of the first so many singular values of every matrix.
    """

    paper: str
    shows: str
    takes: Takes = Takes.MODELS
    ranked: bool = False

    @property
    def source(self) -> str:
        """Return the paper and its figures, or what a figure of ours shows."""
        return f"{self.paper}, {self.shows}" if self.paper else self.shows

    @property
    def caption(self) -> str:
        """Return what stands below a figure."""
        return f"as paper {self.source}" if self.paper else self.shows


@dataclass(frozen=True)
class Subject:
    """What one figure is drawn of; a kind reads the fields that it takes.

    Attributes:
        models: Names and fingerprints.
        rank: Singular values of every matrix.
        losses: Losses of a benchmark.
        family: Models that were made from one another.
        atlas: The map of all models, or a window of it.
    """

    models: "tuple[NamedFingerprint, ...]" = ()
    rank: int = 16
    losses: "LossCurves | None" = None
    family: "FamilyTree | None" = None
    atlas: "AtlasMap | None" = None


KINDS = {
    "densities": Kind(FIRST_PAPER, "figures 1, 2, 11, 12"),
    "std": Kind(FIRST_PAPER, "figures 3, 8, 9, 13"),
    "pca": Kind(FIRST_PAPER, "figure 4", ranked=True),
    "labels": Kind(FIRST_PAPER, "figures 5, 14, 16", ranked=True),
    "clusters": Kind(FIRST_PAPER, "figures 6, 7, 10, 15", ranked=True),
    "paths": Kind(FIRST_PAPER, "section 4: checkpoints of one adapter"),
    "distances": Kind(SECOND_PAPER, "figure 2a", ranked=True),
    "laws": Kind(SECOND_PAPER, "figures 2b, 3a, 10, 13", ranked=True),
    "pairs": Kind(SECOND_PAPER, "figures 3b, 4, 6, 11, 14 to 16", ranked=True),
    "polar": Kind(SECOND_PAPER, "figures 5, 12", ranked=True),
    "generator": Kind(SECOND_PAPER, "figure 8", Takes.NOTHING),
    "loss": Kind(SECOND_PAPER, "figure 9", Takes.BENCHMARK),
    "spectra": Kind(OURS, "singular values of every projection, over the largest", ranked=True),
    "layers": Kind(
        OURS, "relative change of each layer from the parent's, by projection", Takes.PAIR
    ),
    "tree": Kind(OURS, "what was made from what", Takes.FAMILY),
    "atlas": Kind(OURS, "all models, those with like weights beside each other", Takes.ATLAS),
}


def relabelled(subject: Subject, label: "Callable[[str], str]") -> Subject:
    """Return a subject under the names that a figure shows."""
    from registry.fingerprints.record import NamedFingerprint  # noqa: PLC0415  # help is quick

    models = []
    for name, fingerprint in subject.models:
        models.append(NamedFingerprint(label(name), fingerprint))
    losses = subject.losses
    if losses:
        curves = {label(name): curve for name, curve in losses.curves.items()}
        losses = replace(losses, curves=curves)
    return replace(subject, models=tuple(models), losses=losses)


def arguments(kind: str, subject: Subject) -> tuple[Any, ...]:
    """Return what the functions of a kind are called with."""
    takes = KINDS[kind].takes
    if takes is Takes.NOTHING:
        return ()
    if takes is Takes.BENCHMARK:
        return (subject.losses,)
    if takes is Takes.FAMILY:
        return (subject.family,)
    if takes is Takes.ATLAS:
        return (subject.atlas,)
    if KINDS[kind].ranked:
        return (subject.models, subject.rank)
    return (subject.models,)
