"""Which of two related models came first, where their weights show it.

What shows it cannot happen the other way round, or only with a size of change that is not seen.
Without such a sign nothing is said: norms and tails grow in some training and shrink in other
(docs/method.md, Direction).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from registry.lineage import shape_signs, value_signs
from registry.lineage.descent import Descent, DirectionReason, DirectionShown
from registry.lineage.ordered_pair import PairInOrder

ONE_WAY = (
    (value_signs.on_a_grid, DirectionReason.GRID),
    (value_signs.rounded_to_a_type, DirectionReason.OTHER_TYPE),
    (value_signs.zeroed, DirectionReason.ZEROS),
    (value_signs.gains_folded, DirectionReason.FOLDED_NORMS),
    (shape_signs.lacks_layers, DirectionReason.FEWER_LAYERS),
    (shape_signs.repeats_layers, DirectionReason.REPEATED_LAYERS),
    (shape_signs.was_cut, DirectionReason.CUT),
    (shape_signs.was_grown, DirectionReason.GROWN),
    (shape_signs.has_fewer_experts, DirectionReason.FEWER_EXPERTS),
    (shape_signs.repeats_experts, DirectionReason.REPEATED_EXPERTS),
)


@dataclass(frozen=True)
class Sign:
    """A sign of direction between two models: the reason, and which of them is the later."""

    reason: DirectionReason
    model_is_later: bool


def signs_of(pair: PairInOrder) -> Iterator[Sign]:
    """Yield every sign of which of two related models is the later."""
    for seen, model_is_later in ((pair, True), (pair.reversed, False)):
        for shows, reason in ONE_WAY:
            if shows(seen):
                yield Sign(reason, model_is_later)


def direction_of(pair: PairInOrder) -> DirectionShown:
    """Return which of two related models is the later, where signs show it and agree."""
    signs = list(signs_of(pair))
    later = {sign.model_is_later for sign in signs}
    if len(later) != 1:
        return DirectionShown(Descent.UNDECIDED)
    return DirectionShown(Descent.CHILD if later.pop() else Descent.PARENT, signs[0].reason)
