"""English for relatives and directions: a part of wording.py. Pure."""

from collections.abc import Sequence

from registry.lineage.descent import Descent, DirectionReason, DirectionShown
from registry.lineage.verdict import ChangeKind, Relation, Relative, Verdict

NAMES_SHOWN = 3


def other_way(verdict: Verdict) -> str | None:
    """Return the headline of a model that is shown not to come from the one that is named."""
    if verdict.verdict == Relation.SAME_WEIGHTS or verdict.direction is None:
        return None
    sentence = OTHER_WAY.get(verdict.direction.descent)
    if sentence is None:
        return None
    return sentence.format(model=verdict.model, origin=verdict.direction.origin)


OTHER_WAY = {
    Descent.PARENT: "related: {model} is derived from it",
    Descent.SIBLING: "related: both {model} and it are derived from {origin}",
}


def relative_lines(verdict: Verdict) -> list[str]:
    """Return which models fit as well, the runners-up, and what shows the direction."""
    lines = []
    tied = [relative.model for relative in verdict.relatives if relative.tied]
    if tied and not verdict.has_changes(frozenset({ChangeKind.MERGED})):
        lines.append(f"fits {all_of(tied)} equally")

    behind = [described(relative) for relative in verdict.relatives[1:] if not relative.tied]
    if behind:
        first = verdict.relatives[0]
        lines.append(f"explained: {first.explained:.1%} by {first.model}; next: {few(behind)}")

    if verdict.related and verdict.verdict != Relation.SAME_WEIGHTS and verdict.direction:
        lines.append(direction_sentence(verdict.direction))
    return lines


def described(relative: Relative) -> str:
    """Return a relative's name and what it explains."""
    return f"{relative.model} ({relative.explained:.1%})"


def all_of(names: Sequence[str]) -> str:
    """Return names as a list in words; the first few of many."""
    if len(names) > NAMES_SHOWN:
        return few(names)
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def few(names: Sequence[str]) -> str:
    """Return the first few of some names, and how many more there are."""
    text = ", ".join(names[:NAMES_SHOWN])
    more = len(names) - NAMES_SHOWN
    return f"{text} and {more} more" if more > 0 else text


def direction_sentence(direction: DirectionShown) -> str:
    """Return what shows which of two models came first, or that nothing does."""
    if direction.reason is None:
        return "direction: undecided, nothing in the weights shows which came first"
    return f"direction: {direction.descent}, {DIRECTION_REASONS[direction.reason]}"


DIRECTION_REASONS = {
    DirectionReason.GRID: "values of one alone stand on a grid",
    DirectionReason.OTHER_TYPE: "one is the other rounded to its type",
    DirectionReason.ZEROS: "the smallest weights of one are zero in the other",
    DirectionReason.FOLDED_NORMS: "the norms of one alone were folded into its weights",
    DirectionReason.FEWER_LAYERS: "one lacks layers that are like none of its own",
    DirectionReason.REPEATED_LAYERS: "layers of one began as copies of a layer of the other",
    DirectionReason.CUT: "one is a part of the other's neurons, heads or channels",
    DirectionReason.GROWN: "one is the other with zeros or repeats added",
    DirectionReason.FEWER_EXPERTS: "one has fewer of the experts, which began apart",
    DirectionReason.REPEATED_EXPERTS: "experts of one began as copies",
    DirectionReason.MERGE: "it lies between several models",
    DirectionReason.RIGHT_ANGLE: "beside other models that changed in directions of their own",
}
