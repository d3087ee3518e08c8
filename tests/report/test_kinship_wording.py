"""registry.report.kinship_wording: relatives and directions in words."""

import pytest

from registry.lineage.descent import Descent, DirectionReason, DirectionShown
from registry.lineage.verdict import Relation, Relative, Verdict
from registry.report.kinship_wording import direction_sentence, few, relative_lines
from registry.report.wording import headline

UNDECIDED = DirectionShown(Descent.UNDECIDED)
CHILD = DirectionShown(Descent.CHILD, DirectionReason.GRID)
PARENT = DirectionShown(Descent.PARENT, DirectionReason.GRID)
SIBLING = DirectionShown(Descent.SIBLING, DirectionReason.RIGHT_ANGLE, "root")


@pytest.mark.parametrize(
    ("direction", "text"),
    [
        (None, "derived from base"),
        (UNDECIDED, "derived from base"),
        (CHILD, "derived from base"),
        (PARENT, "related: base is derived from it"),
        (SIBLING, "related: both base and it are derived from root"),
    ],
)
def test_a_headline_claims_no_direction_against_what_is_shown(direction, text):
    """A parent is not called derived from its child."""
    assert headline(Verdict(Relation.DERIVED, "base", direction=direction)) == text


@pytest.mark.parametrize("reason", DirectionReason)
def test_every_reason_has_words(reason):
    """None is missing."""
    assert direction_sentence(DirectionShown(Descent.CHILD, reason)).startswith("direction: child")


def related(model, explained, *, tied=False):
    return Relative(model, None, Relation.DERIVED, explained, 0.0, 30.0, tied=tied)


def test_ties_and_runners_up_are_listed():
    """Those that fit equally, then the next with what they explain, then the direction."""
    relatives = (
        related("base", 0.99, tied=True),
        related("copy", 0.99, tied=True),
        related("far", 0.5),
    )
    lines = relative_lines(
        Verdict(Relation.DERIVED, "base", relatives=relatives, direction=UNDECIDED)
    )
    assert lines == [
        "fits base and copy equally",
        "explained: 99.0% by base; next: far (50.0%)",
        "direction: undecided, nothing in the weights shows which came first",
    ]


def test_long_lists_are_cut():
    """The first three, and how many more."""
    assert few(["a", "b", "c"]) == "a, b, c"
    assert few(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
