"""adapter_config.json: the few settings that an adapter's deltas depend on."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.checkpoints.initialisation import Initialisation, read_initialisation
from registry.checkpoints.limits import limit
from registry.checkpoints.peft.patterns import Pattern, PatternError, compiled
from registry.checkpoints.suffixes import suffixes
from registry.errors import BrokenAdapter

# What other trainers' adapters state, in settings that peft has no words for.
SCALING = "scaling"
STACKED = "stacked"
PAIRED = "paired"
DEFAULT = 8  # r and alpha where the file leaves them out
LARGEST_SCALING = 1e9
MOST_GROUPS = 8
ADALORA_RANK = 1e-5  # AdaLoRA divides by the rank and this
PLAIN_NAME = re.compile(r"[\w.-]*")
MOST_PATTERNS = limit("patterns")
Number = int | float


@dataclass(frozen=True)
class NumberByModule:
    """alpha_pattern or rank_pattern: numbers for the modules whose name ends in a key.

    Of several keys that fit a module, the first in the file counts.

    Attributes:
        numbers: The number of each key.
        places: The place of each key in the file.
        patterns: The keys that are no plain names, compiled.
    """

    numbers: Mapping[str, Number]
    places: Mapping[str, int]
    patterns: Mapping[str, Pattern]

    def of(self, module: str) -> Number | None:
        """Return the number for a module, None where no key fits.

        Raises:
            PatternError: Where a pattern takes too long to match.
        """
        fitting = [suffix for suffix in suffixes(module) if suffix in self.numbers]
        for key, pattern in self.patterns.items():
            if pattern.matches(module):
                fitting.append(key)
        if not fitting:
            return None
        first = min(fitting, key=self.places.__getitem__)
        return self.numbers[first]


@dataclass(frozen=True)
class AdapterConfig:
    """How an adapter's factors are scaled.

    Attributes:
        r: The rank, where shapes do not tell it.
        alpha: The numerator of the scaling.
        rslora: Whether alpha is divided by the root of the rank (rsLoRA, arXiv 2312.03732).
        enabled: Which equal parts of a fused weight have factors (PEFT before 0.3); () for all of
            them.
        ranks: Ranks of single modules.
        alphas: Alphas of single modules.
        target_parameters: Parameters that have factors of their own, such as stacks of experts.
        target_modules: Modules whose weight has factors, where they are a list of names.
        initialisation: How the adapter began, where that changed its base.
        exact_scaling: The scaling itself, where the config states it.
        stacked: Whether factors of three dimensions are those of stacks of experts.
        paired: Whether the halves of each head of query and key alternate, row by row.
    """

    r: Number
    alpha: Number
    rslora: bool
    enabled: tuple[bool, ...]
    ranks: NumberByModule
    alphas: NumberByModule
    target_parameters: tuple[str, ...] = ()
    target_modules: tuple[str, ...] = ()
    initialisation: Initialisation | None = None
    exact_scaling: float | None = None
    stacked: bool = False
    paired: bool = False

    @property
    def labels(self) -> list[str]:
        """What is said of the method beside its name."""
        labels = ["rslora"] * self.rslora
        if self.initialisation:
            labels.append(self.initialisation.label)
        return labels

    def rank(self, module: str) -> Number:
        """Return the rank as configured, for factors whose shapes do not tell it."""
        return self.ranks.of(module) or self.r

    def scaling(self, module: str, rank: Number, method: str) -> float:
        """Return what the product of a module's factors is multiplied by.

        It is alpha / r, and alpha / sqrt(r) with rsLoRA.
        """
        if self.exact_scaling is not None:
            return self.exact_scaling
        alpha = self.alphas.of(module)
        if alpha is None:
            alpha = self.alpha
        rank = max(rank, 1)
        if method == "adalora":
            numerator = alpha if alpha > 0 else rank
            return numerator / (rank + ADALORA_RANK)
        return alpha / (math.sqrt(rank) if self.rslora else rank)


def read_adapter_config(settings: Mapping[str, Any], source: str) -> AdapterConfig:
    """Check the content of adapter_config.json.

    Raises:
        BrokenAdapter: Where a setting is not of its kind or of no sane size.
    """
    alpha = settings.get("lora_alpha", settings.get("alpha", DEFAULT))
    scaling = settings.get(SCALING)
    rank = settings.get("r")  # null where shapes are to tell it
    # AdaLoRA keeps masks in rank_pattern, and the tensors' shapes show their ranks
    rank_pattern = None if "target_r" in settings else settings.get("rank_pattern")
    return AdapterConfig(
        enabled=checked_flags(settings.get("enable_lora") or [], source),
        r=checked_number(DEFAULT if rank is None else rank, "r", source),
        alpha=checked_number(DEFAULT if alpha is None else alpha, "lora_alpha", source),
        rslora=settings.get("use_rslora") is True,
        ranks=checked_pattern(rank_pattern, "rank_pattern", source),
        alphas=checked_pattern(settings.get("alpha_pattern"), "alpha_pattern", source),
        target_parameters=checked_names(settings.get("target_parameters") or [], source),
        target_modules=listed_names(settings.get("target_modules")),
        initialisation=read_initialisation(settings, source),
        exact_scaling=None if scaling is None else checked_number(scaling, "scaling", source),
        stacked=settings.get(STACKED) is True,
        paired=settings.get(PAIRED) is True,
    )


def checked_names(names: Any, source: str) -> tuple[str, ...]:
    """Return target_parameters, a list of names.

    Raises:
        BrokenAdapter: Where it is anything else.
    """
    is_short_list = isinstance(names, list) and len(names) <= MOST_PATTERNS
    if not is_short_list or not all(isinstance(name, str) for name in names):
        raise BrokenAdapter(source=source, reason="target_parameters is no list of a few names")
    return tuple(names)


def listed_names(names: Any) -> tuple[str, ...]:
    """Return target_modules where it is a list of names, () where it is a pattern or missing."""
    if not isinstance(names, list):
        return ()
    return tuple(name for name in names[:MOST_PATTERNS] if isinstance(name, str))


def checked_flags(flags: Any, source: str) -> tuple[bool, ...]:
    """Return enable_lora, a list of a few booleans.

    Raises:
        BrokenAdapter: Where it is anything else.
    """
    is_short_list = isinstance(flags, list) and len(flags) <= MOST_GROUPS
    if not is_short_list or not all(type(flag) is bool for flag in flags):
        raise BrokenAdapter(source=source, reason="enable_lora is no list of a few true and false")
    return tuple(flags)


def checked_number(value: Any, name: str, source: str) -> Number:
    """Return a finite number of sane size.

    Raises:
        BrokenAdapter: Where the value is anything else.
    """
    if type(value) not in (int, float) or not abs(value) <= LARGEST_SCALING:
        raise BrokenAdapter(source=source, reason=f"its {name} is {value!r:.40}")
    return value  # type: ignore[no-any-return]


def checked_pattern(table: Any, name: str, source: str) -> NumberByModule:
    """Return a table of numbers by patterns of module names.

    Raises:
        BrokenAdapter: Where it is none, or has keys that are no patterns of names.
    """
    if not isinstance(table or {}, dict):
        raise BrokenAdapter(source=source, reason=f"its {name} is no table")

    numbers: dict[str, Number] = {}
    for key, value in (table or {}).items():
        numbers[key] = checked_number(value, name, source)

    unusual = [key for key in numbers if not PLAIN_NAME.fullmatch(key)]
    if len(unusual) > MOST_PATTERNS:
        reason = f"its {name} has more than {MOST_PATTERNS} patterns"
        raise BrokenAdapter(source=source, reason=reason)

    patterns = {}
    for key in unusual:
        try:
            patterns[key] = compiled(key)
        except PatternError as exc:
            reason = f"its {name} has the key {key[:60]!r}, which {exc}"
            raise BrokenAdapter(source=source, reason=reason) from exc

    places = {key: place for place, key in enumerate(numbers)}
    return NumberByModule(numbers, places, patterns)
