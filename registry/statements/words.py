"""The English that a statement carries, which registry/report writes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """Sentences on one model.

    Attributes:
        headline: The verdict in a line.
        notes: What was done to the weights, and how certain that is.
        beside_base: What is said beside `base_model` in a card; nothing where all is certain.
    """

    headline: str
    notes: tuple[str, ...] = ()
    beside_base: str = ""
