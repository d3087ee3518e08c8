"""What somebody states of a model beside its weights: it is kept, checked and proves nothing."""

from dataclasses import dataclass
from enum import StrEnum


class Claimed(StrEnum):
    """What a claim is about."""

    BASE_MODEL = "base_model"
    """The model that this one was made from."""
    RELATION = "relation"
    """How it was made from its base, in the hub's words: finetune, adapter, quantized, merge."""
    LICENCE = "licence"
    """What it may be used for: the name of a licence, or where its text is."""
    ARCHITECTURE = "architecture"
    """Of what build it is, by the name of a class or of a type of models."""


class Claimant(StrEnum):
    """Where a claim stands."""

    CARD = "card"
    """In the block at the head of the model card."""
    CONFIG = "config"
    """In config.json, or among the facts in the header of a GGUF file."""
    ADAPTER_CONFIG = "adapter config"
    """In adapter_config.json."""


@dataclass(frozen=True)
class Claim:
    """One statement.

    Attributes:
        claim: What it is about.
        value: What is stated; of an address or a path, the model that it names.
        made_by: Where it stands.
    """

    claim: Claimed
    value: str
    made_by: Claimant
