"""How often each reason gave the wrong direction, as measured on the benchmark's calibration split.

direction.toml holds the counts; `python benchmarks/lineage.py` prints those of the test split.
"""

import tomllib
from functools import cache
from importlib.resources import files

from registry.lineage.descent import DirectionReason

NEVER = {"given": 0, "wrong": 0}


def measured_error(reason: DirectionReason) -> float:
    """Return the share of wrong directions that a reason gives at most, counting one more."""
    counts = measured().get(str(reason), NEVER)
    return (counts["wrong"] + 1) / (counts["given"] + 1)


@cache
def measured() -> dict[str, dict[str, int]]:
    """Return by reason how many directions were given, and how many of these were wrong."""
    table = files("registry.lineage").joinpath("direction.toml")
    return tomllib.loads(table.read_text())
