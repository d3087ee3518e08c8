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
    return sentence.format(model=verdict.model) if sentence else None


OTHER_WAY = {
    Descent.PARENT: "related: {model} is derived from it",
    Descent.SIBLING: "related: {model} and it are derived from one model",
}


def relative_lines(verdict: Verdict) -> list[str]:
    """Return which models fit as well, the runners-up, and what shows the direction."""
    lines = []
    first, *others = verdict.relatives or (None,)
    is_merge = verdict.has_changes(frozenset({ChangeKind.MERGED}))
    alike = [relative.model for relative in others if relative.tied]
    if alike and not is_merge:
        lines.append(f"fits equally: {first.model if first else ''}, {few(alike)}")
    behind = [described(relative) for relative in others if not relative.tied]
    if first and behind:
        lines.append(f"next: {few(behind)}; {first.model}: {first.explained:.1%} explained")

    if verdict.related and verdict.verdict != Relation.SAME_WEIGHTS and verdict.direction:
        lines.append(direction_sentence(verdict.direction))
    return lines


def described(relative: Relative) -> str:
    """Return a relative's name and what it explains."""
    return f"{relative.model} ({relative.explained:.1%} explained)"


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
    DirectionReason.ZEROS: "the smallest weights of one are zero in the other",
    DirectionReason.FEWER_LAYERS: "one lacks layers that are like none of its own",
    DirectionReason.REPEATED_LAYERS: "layers of one began as copies of a layer of the other",
    DirectionReason.REPEATED_EXPERTS: "experts of one began as copies",
    DirectionReason.MERGE: "it lies between several models",
    DirectionReason.RIGHT_ANGLE: "beside other models that changed in directions of their own",
}
