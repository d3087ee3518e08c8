"""English for the numbers that a change is named by, each beside those of ordinary children.

Pure.
"""

from typing import NamedTuple

from registry.lineage.verdict import Direction, Evidence, EvidenceKind


class NumberWords(NamedTuple):
    """The words for a number of a change, and for the children that its null was measured on."""

    number: str
    ordinary: str


def number_sentence(line: Evidence) -> str:
    """Return one number of a change beside the furthest of ordinary children."""
    if line.value is None:
        return UNKNOWN_NUMBERS[line.kind]
    words = words_of(line)
    number = words.number.format(
        value=number_text(line.kind, line.value), where=directions_text(line)
    )
    if line.strongest is None:
        return number
    side = "minimum" if line.direction == Direction.LOWER else "maximum"
    furthest = number_text(line.kind, line.strongest)
    return f"{number} ({side} over {line.pairs} {words.ordinary}: {furthest})"


def words_of(line: Evidence) -> NumberWords:
    """Return the words for a line: beside files of one format, where they state bits."""
    words = NUMBERS[line.kind]
    if line.kind == EvidenceKind.DISTINCT_VALUES and line.count is not None:
        return words._replace(ordinary=f"files that hold the {line.count} bits they state")
    return words


def number_text(kind: EvidenceKind, value: float) -> str:
    """Return a number: a share in per cent, an energy in units of the change's."""
    return f"{value:.2f}" if kind == EvidenceKind.ENERGY_LOST else f"{value:.1%}"


def directions_text(line: Evidence) -> str:
    """Return in how many directions a share of energy is."""
    count = line.count or 1
    return "direction" if count == 1 else f"{count} directions"


NUMBERS = {
    EvidenceKind.FIRST_DIRECTIONS: NumberWords(
        "the change of each matrix: {value} of its energy in its first {where}",
        "children trained or rounded in full",
    ),
    EvidenceKind.SHARED_DIRECTIONS: NumberWords(
        "the changes of all matrices: {value} of their energy in the same {where}",
        "merged LoRAs",
    ),
    EvidenceKind.ENERGY_LOST: NumberWords(
        "the weights lost {value} times the change's energy", "merged LoRAs"
    ),
    EvidenceKind.ALONG_WEIGHTS: NumberWords(
        "{value} of the change's energy runs along what the weights wrote there", "merged LoRAs"
    ),
    EvidenceKind.LEFT_OVER: NumberWords(
        "{value} of the energy that the weights wrote there is left", "merged LoRAs"
    ),
    EvidenceKind.MATRICES_CHANGED: NumberWords(
        "{value} of the matrices changed", "ordinary children"
    ),
    EvidenceKind.DISTINCT_VALUES: NumberWords(
        "{value} of the base's distinct values among neighbours",
        "children that were not quantised",
    ),
}
UNKNOWN_NUMBERS = {
    EvidenceKind.ALONG_WEIGHTS: (
        "whether the change takes out what the weights wrote there cannot be told from what is"
        " stored: compare both checkpoints"
    ),
}
