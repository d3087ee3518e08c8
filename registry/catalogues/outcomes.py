"""What became of the models of a catalogue."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

MOST_TOLD = 1000
"""Models that are named; more are counted."""


class Outcome(StrEnum):
    """What became of one model."""

    NEW = "new"
    """Its weights were not registered."""
    RENAMED = "renamed"
    """They were not, and another model bore its name; it has another now, as was asked for."""
    KNOWN = "known"
    """They were, under this name or another, with all that the file says."""
    COMPLETED = "completed"
    """They were, and gained something: singular values, sources, claims, tags, notes."""
    CONFLICT = "conflict"
    """Other weights are registered under its name; nothing was stored of it."""
    REFUSED = "refused"
    """Its name, or its family's, is none; nothing was stored of it."""


LEFT_OUT = (Outcome.CONFLICT, Outcome.REFUSED)
CHANGING = (Outcome.NEW, Outcome.RENAMED, Outcome.COMPLETED)
UNTOLD = (Outcome.NEW, Outcome.KNOWN)


@dataclass(frozen=True)
class ImportedModel:
    """What became of one model, where there is more to say than that it is new or known.

    Attributes:
        name: In the file.
        digest: Of its weights.
        outcome: What became of it.
        registered_as: Its name in the registry; of a conflict, the name of nothing: None.
        reason: Why it was left out; None where it was not.
    """

    name: str
    digest: str
    outcome: Outcome
    registered_as: str | None
    reason: str | None = None


@dataclass
class Imported:
    """What became of a catalogue.

    Attributes:
        counts: Models by outcome.
        models: Those that are neither new nor known, the first MOST_TOLD of them.
        edges: Edges that were stored.
        edges_left_out: Those whose parent is not registered, or that would close a circle.
        due: New models that `registry rejudge` judges, for the file has no verdict on them, or one
            that knows nothing of models which are here.
        not_compared: Models by fingerprint version, of versions that this package does not compare.
    """

    counts: Counter[Outcome] = field(default_factory=Counter)
    models: list[ImportedModel] = field(default_factory=list)
    edges: int = 0
    edges_left_out: int = 0
    due: int = 0
    not_compared: Counter[int] = field(default_factory=Counter)

    def tell(self, model: ImportedModel) -> None:
        """Keep what is to be told of a model, unless that is too much."""
        if len(self.models) < MOST_TOLD:
            self.models.append(model)

    @property
    def told(self) -> int:
        """How many models there is more to say of than that they are new or known."""
        return sum(count for outcome, count in self.counts.items() if outcome not in UNTOLD)

    @property
    def left_out(self) -> int:
        """How many models were not stored though the registry does not have them."""
        return sum(self.counts[outcome] for outcome in LEFT_OUT)

    @property
    def changed(self) -> bool:
        """Whether the registry has anything that it did not have before."""
        return bool(self.edges or sum(self.counts[outcome] for outcome in CHANGING))

    @property
    def numbers(self) -> dict[str, int]:
        """How many models there are of each outcome, and how many edges."""
        counts = {str(outcome): self.counts[outcome] for outcome in Outcome}
        return {
            **counts,
            "edges": self.edges,
            "edges_left_out": self.edges_left_out,
            "due": self.due,
        }
