"""Initialisations of LoRA that begin by changing the base: the base that B A belongs to is not W.

PiSSA (arXiv 2404.02948) takes the leading singular part out of W, OLoRA (2406.01775) the leading
part of its QR, LoftQ (2310.08659) what quantising loses. peft does so again whenever such an
adapter is loaded (peft.tuners.lora.layer.LoraLayer), unless it was saved converted; then its config
says `init_lora_weights: true`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from registry.errors import BrokenAdapter

MOST_ITERATIONS = 100
LOFTQ_BITS = 4


class BaseChange(Enum):
    """What an initialisation does to the base."""

    LEADING_PART = "pissa"
    """Its r largest singular components are taken out."""
    LEADING_COLUMNS = "olora"
    """The part within the span of its first r columns is taken out, times the scaling."""
    QUANTISED = "loftq"
    """It is quantised to 4-bit normal floats, after what B A makes up for was taken out."""
    UNKNOWN = "unknown"
    """Something that neither the adapter nor the base tells."""


@dataclass(frozen=True)
class Initialisation:
    """How an adapter began, where that changed the base.

    Attributes:
        name: `init_lora_weights`, as the config has it.
        change: What was done.
        iterations: How often LoftQ alternates between quantising and B A.
    """

    name: str
    change: BaseChange
    iterations: int = 1

    @property
    def label(self) -> str:
        """The name in one word, for an adapter's method."""
        return self.name.split(" ")[0].lower()


def read_initialisation(settings: Mapping[str, Any], source: str) -> Initialisation | None:
    """Return how an adapter began; None where that left the base as it is.

    Raises:
        BrokenAdapter: Where LoftQ's settings are not of their kind.
    """
    name = settings.get("init_lora_weights")
    if not isinstance(name, str):
        return None
    lowered = name.lower()
    if lowered in (BaseChange.LEADING_PART.value, BaseChange.LEADING_COLUMNS.value):
        return Initialisation(lowered, BaseChange(lowered))
    if lowered == BaseChange.QUANTISED.value:
        return loftq(settings.get("loftq_config"), source)
    # A randomised decomposition, one of activations, one of gradients: made once, and not kept.
    if lowered.startswith(("pissa_niter_", "corda")) or lowered == "lora_ga":
        return Initialisation(name, BaseChange.UNKNOWN)
    return None


def loftq(config: Any, source: str) -> Initialisation:
    """Return LoftQ with its settings. Raises BrokenAdapter where they are not of their kind."""
    settings = config or {}
    is_table = isinstance(settings, dict)
    iterations = settings.get("loftq_iter", 1) if is_table else None
    if type(iterations) is not int or not 0 < iterations <= MOST_ITERATIONS:
        reason = f"its loftq_config is {config!r:.60}"
        raise BrokenAdapter(source=source, reason=reason)
    bits = settings.get("loftq_bits", LOFTQ_BITS)
    change = BaseChange.QUANTISED if bits == LOFTQ_BITS else BaseChange.UNKNOWN
    name = "loftq" if bits == LOFTQ_BITS else f"loftq of {bits!r:.10} bits"
    return Initialisation(name, change, iterations)
