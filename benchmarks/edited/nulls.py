"""What ordinary children come to: registry/lineage/edits.toml."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from edited.children import ROUNDED
from edited.told import Told

HEADER = """\
# What ordinary children of a known parent come to - fine-tunes of all weights or some, LoRAs of rank 1 to 64 merged into
# it, quantisation, pruning, noise - beside which edits are named: made by `python benchmarks/edits.py ZOO --made FOLDER
# --calibrate` from the calibration split of its zoo. Of `children`, one in twenty comes to more than `start` (to less,
# where lower values speak for an edit), and the most to `strongest`. Directions that hold a change: of children that are
# of no low rank by their making. What so many directions share: of LoRAs of no lower rank; what stood there and what was
# lost: of LoRAs. Distinct values of int8, fp8 and int4: of children that have so many. `sketches`: by what is stored.
"""
MOST_WEIGHED = 8  # directions that have a null in what the weights show
MOST_SKETCHED = 3
FEWEST = 4  # matrices whose directions are compared
MANY = 100  # directions, of a change of no low rank
HOLDING = {
    "int8": {"int8 by row", "int8 by matrix", "states int8", "states int8, moved before"},
    "fp8": {"fp8", "fp8 scaled", "states fp8", "states fp8, moved before"},
    "int4": {"int4 in groups of 32", "int4 by row", "q4_0", "nf4", "zoo gptq"},
}
Value = Callable[[Told], float | None]


def table(told: Sequence[Told]) -> str:
    """Return the TOML file."""
    ordinary = [one for one in told if one.child.is_ordinary]
    low = [one for one in ordinary if one.child.kind == "LoRA merged"]
    full = [one for one in ordinary if one.child.kind != "LoRA merged"]
    levels = [one for one in ordinary if one.child.kind not in ROUNDED]

    few, many = range(1, MOST_SKETCHED + 1), range(1, MOST_WEIGHED + 1)
    holding = holders(told).items()
    return "\n".join(
        [
            HEADER,
            *(section("sketches", f"first directions {n}", full, held(n)) for n in few),
            *(section("sketches", f"shared directions {n}", low, shared(n)) for n in few),
            section("sketches", "energy lost", low, lost),
            section("sketches", "matrices changed", ordinary, changed, lower=True),
            section("sketches", "distinct values", levels, variety, lower=True),
            *(
                section("sketches", f"distinct values {name}", some, variety, lower=True)
                for name, some in holding
            ),
            *(section("weights", f"first directions {n}", full, held_exactly(n)) for n in many),
            *(section("weights", f"shared directions {n}", low, shared_exactly(n)) for n in many),
            section("weights", "along the weights", low, along),
            section("weights", "left over", low, left, lower=True),
        ]
    )


def holders(told: Sequence[Told]) -> dict[str, list[Told]]:
    """Return by format the children whose values have what a file of it states, whatever theirs is."""
    return {
        name: [one for one in told if one.child.name in names] for name, names in HOLDING.items()
    }


def section(
    measured: str, name: str, children: Iterable[Told], value: Value, *, lower: bool = False
) -> str:
    """Return one null."""
    known = [number for one in children if (number := value(one)) is not None]
    start = np.quantile(known, 0.05 if lower else 0.95)
    strongest = min(known) if lower else max(known)
    lines = [
        f'[{measured}."{name}"]',
        f"children = {len(known)}",
        f"start = {start:.6g}",
        f"strongest = {strongest:.6g}",
        "",
    ]
    return "\n".join(lines)


def held(count: int) -> Value:
    """Share in so many directions, by sketches."""
    return lambda told: told.numbers.sketched and told.numbers.sketched.held[count - 1]


def shared(count: int) -> Value:
    """Share in so many common ones."""

    def value(told: Told) -> float | None:
        sketched = told.numbers.sketched
        if sketched is None or sketched.count < FEWEST or (sketched.rank or MANY) < count:
            return None
        return sketched.shared[count - 1]

    return value


def held_exactly(count: int) -> Value:
    """Share in so many directions, by the weights."""
    return lambda told: told.numbers.exact and float(told.numbers.exact.held[count - 1])


def shared_exactly(count: int) -> Value:
    """Share in so many common ones."""

    def value(told: Told) -> float | None:
        exact = told.numbers.exact
        if exact is None or len(exact.images) < FEWEST or (exact.rank or MANY) < count:
            return None
        return exact.shared_by(count)

    return value


def lost(told: Told) -> float | None:
    """Energy that the weights lost."""
    sketched = told.numbers.sketched
    return None if sketched is None or sketched.count < FEWEST else sketched.lost


def changed(told: Told) -> float | None:
    """Share of the matrices that changed."""
    return told.numbers.changed


def variety(told: Told) -> float | None:
    """Distinct values."""
    return told.numbers.variety


def along(told: Told) -> float | None:
    """Squared cosine with what the weights wrote."""
    return told.numbers.exact and told.numbers.exact.along


def left(told: Told) -> float | None:
    """What is left of that."""
    return told.numbers.exact and told.numbers.exact.left
