"""adapter_config.json: the few settings that an adapter's update depends on."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.errors import BrokenAdapter

DEFAULT = 8  # r and alpha where the file leaves them out
LARGEST_SCALING = 1e9
MOST_GROUPS = 8
ADALORA_RANK = 1e-5  # AdaLoRA divides by the rank and this
# A name, or a pattern of the few signs that people use: nothing that could take forever to match.
HARMLESS = re.compile(r"\^?(?:[\w.-]|\\[.d]\+?|\.\*|\[[\w-]+\]\+?|\((?:\?:)?[\w.|]+\))*\$?")
MOST_REPEATS = 2
MOST_PATTERNS = 100
Number = int | float


@dataclass(frozen=True)
class Pattern:
    """alpha_pattern or rank_pattern: the number for the modules whose name ends in a key, the first key first.

    places: of each key in the file. patterns: the keys that are no plain names, compiled.
    """

    numbers: Mapping[str, Number]
    places: Mapping[str, int]
    patterns: Mapping[str, re.Pattern[str]]

    def of(self, module: str) -> Number | None:
        """The number for a module, None where no key fits."""
        words = module.split(".")
        ends = [".".join(words[i:]) for i in range(len(words))]
        fitting = [end for end in ends if end in self.numbers]
        fitting += [key for key, pattern in self.patterns.items() if pattern.fullmatch(module)]
        return self.numbers[min(fitting, key=self.places.__getitem__)] if fitting else None


@dataclass(frozen=True)
class Recipe:
    """How factors are scaled. enabled: which equal parts of a fused weight have factors (PEFT before 0.3), else ()."""

    r: Number
    alpha: Number
    rslora: bool
    enabled: tuple[bool, ...]
    ranks: Pattern
    alphas: Pattern

    def rank(self, module: str) -> Number:
        """The rank as configured, for factors whose shapes do not tell it."""
        return self.ranks.of(module) or self.r

    def scaling(self, module: str, rank: Number, method: str) -> float:
        """What the product of a module's factors is multiplied by: alpha/r, alpha/sqrt(r) with rsLoRA."""
        alpha = self.alphas.of(module)
        alpha = self.alpha if alpha is None else alpha
        rank = max(rank, 1)
        if method == "adalora":
            return (alpha if alpha > 0 else rank) / (rank + ADALORA_RANK)
        return alpha / (math.sqrt(rank) if self.rslora else rank)


def read_recipe(settings: Mapping[str, Any], source: str) -> Recipe:
    """Check adapter_config.json. Raises BrokenAdapter."""
    enabled = settings.get("enable_lora") or []
    if (
        not isinstance(enabled, list)
        or len(enabled) > MOST_GROUPS
        or not all(type(it) is bool for it in enabled)
    ):
        raise BrokenAdapter(source=source, reason="enable_lora is no list of a few true and false")
    alpha = settings.get("lora_alpha", settings.get("alpha", DEFAULT))
    return Recipe(
        r=number(settings.get("r", DEFAULT), "r", source),
        alpha=number(DEFAULT if alpha is None else alpha, "lora_alpha", source),
        rslora=settings.get("use_rslora") is True,
        enabled=tuple(enabled),
        # AdaLoRA keeps masks in rank_pattern, and the tensors' shapes show their ranks
        ranks=read_pattern(
            {} if "target_r" in settings else settings.get("rank_pattern"), "rank_pattern", source
        ),
        alphas=read_pattern(settings.get("alpha_pattern"), "alpha_pattern", source),
    )


def number(value: Any, name: str, source: str) -> Number:
    """A finite number of sane size. Raises BrokenAdapter."""
    if type(value) not in (int, float) or not abs(value) <= LARGEST_SCALING:
        raise BrokenAdapter(source=source, reason=f"its {name} is {value!r:.40}")
    return value  # type: ignore[no-any-return]


def read_pattern(table: Any, name: str, source: str) -> Pattern:
    """Check a table of patterns. Raises BrokenAdapter."""
    if not isinstance(table or {}, dict):
        raise BrokenAdapter(source=source, reason=f"its {name} is no table")
    numbers = {key: number(value, name, source) for key, value in (table or {}).items()}
    unusual = [key for key in numbers if not re.fullmatch(r"[\w.-]*", key)]
    for key in unusual:
        if not HARMLESS.fullmatch(key) or key.count("+") + key.count("*") > MOST_REPEATS:
            raise BrokenAdapter(
                source=source, reason=f"its {name} has the key {key[:60]!r}, no pattern of names"
            )
    if len(unusual) > MOST_PATTERNS:
        raise BrokenAdapter(
            source=source, reason=f"its {name} has more than {MOST_PATTERNS} patterns"
        )
    places = {key: place for place, key in enumerate(numbers)}
    return Pattern(numbers, places, {key: re.compile(rf"(?:.*\.)?(?:{key})") for key in unusual})
