"""registry.workflows.account_lines: which relatives are ancestors, descendants and variants."""

from dataclasses import replace

import pytest
from statements_made import JUDGED, TUNED, kin, summary, verdict

from registry.database.lineage.pedigrees import Ancestors, Pedigree
from registry.database.lineage.trees import Edge
from registry.lineage.descent import Descent, DirectionShown
from registry.lineage.standing import Basis
from registry.lineage.verdict import Change, ChangeKind, Relation
from registry.workflows.account_lines import (
    Lines,
    claimed_by_adapter,
    lines_of_registered,
    lines_of_unregistered,
)

NAMES = ("child", "base", "other")


def edge(child, parent, basis=Basis.SHOWN, **given):
    """One edge of the tree."""
    standard = {
        "id": 1,
        "relation": Relation.DERIVED,
        "reason": None,
        "main": True,
        "p_value": 1e-9,
        "score": 9.0,
        "explained": 0.9,
        "changes": (TUNED,),
        "judged_at": JUDGED,
        "because": "test",
    }
    return Edge(child=child, parent=parent, direction=basis, **{**standard, **given})


def known(*edges):
    """What is registered."""
    return Ancestors({name: summary(name) for name in NAMES}, edges, {})


def names(kin):
    """The names of relatives."""
    return [one.name for one in kin]


@pytest.mark.parametrize(
    ("edges", "said", "expected"),
    [
        ([edge("child", "base")], "base", (["base"], [], [])),
        ([edge("child", "base", Basis.CLAIMED)], "base", (["base"], [], [])),
        ([edge("child", "base", Basis.PRESUMED)], "base", ([], [], ["base"])),
        ([edge("base", "child")], "base", ([], ["base"], [])),
        ([edge("base", "child", Basis.PRESUMED)], "base", ([], [], ["base"])),
        (
            [edge("child", "base"), edge("child", "other", main=False)],
            "base",
            (["base", "other"], [], []),
        ),
        ([edge("child", "base")], "other", (["base"], [], ["other"])),
        ([], "gone", ([], [], ["gone"])),
    ],
    ids=[
        "shown",
        "claimed",
        "presumed",
        "its child",
        "presumed child",
        "merge",
        "a sibling named",
        "gone",
    ],
)
def test_registered(edges, said, expected):
    """The tree says who came first; whom the verdict names beside it is left open."""
    stored = Pedigree(summary("child"), verdict(model=said), JUDGED, known(*edges))
    lines = lines_of_registered(stored)
    assert (names(lines.ancestors), names(lines.descendants), names(lines.variants)) == expected


def test_ancestors_of_ancestors():
    """They are followed as far as something tells, and never around a circle."""
    edges = (edge("child", "base"), edge("base", "other"), edge("other", "child"))
    stored = Pedigree(summary("child"), verdict(), JUDGED, known(*edges))
    [base] = lines_of_registered(stored).ancestors
    [other] = base.ancestors
    assert (other.name, names(other.ancestors)) == ("other", ["child"])
    assert other.ancestors[0].ancestors == ()


@pytest.mark.parametrize(
    ("descent", "claimed", "expected"),
    [
        (Descent.CHILD, (), (["base"], [], [])),
        (Descent.PARENT, ("base",), ([], ["base"], [])),
        (Descent.SIBLING, ("base",), ([], [], ["base"])),
        (Descent.UNDECIDED, (), ([], [], ["base"])),
        (Descent.UNDECIDED, ("base",), (["base"], [], [])),
    ],
)
def test_unregistered(descent, claimed, expected):
    """What the weights show counts before what is claimed."""
    said = verdict(direction=DirectionShown(descent))
    lines = lines_of_unregistered(said, known(), claimed)
    assert (names(lines.ancestors), names(lines.descendants), names(lines.variants)) == expected
    taken = [] if descent in {Descent.PARENT, Descent.SIBLING} else ["base"]
    assert names(lines.parents) == taken


def test_an_unknown_model_has_no_lines():
    """Nor has one of the same family."""
    for relation in (Relation.UNKNOWN, Relation.SAME_FAMILY):
        assert lines_of_unregistered(verdict(relation), known(), ("base",)) == Lines()


def test_an_adapter():
    """Its base came first; a claim decides among relatives of the base that it fits best."""
    said = verdict(changes=(Change(ChangeKind.ADAPTER, 4, ("lora",)),))
    lines = lines_of_unregistered(said, known(), ())
    assert [one.basis for one in lines.ancestors] == [Basis.SHOWN]
    assert claimed_by_adapter(lines, {"base"}, known()) == lines
    assert claimed_by_adapter(lines, set(), known()) == lines
    claimed = claimed_by_adapter(lines, {"other"}, known())
    assert [(one.name, one.basis) for one in claimed.ancestors] == [("other", Basis.CLAIMED)]
    assert [(one.name, one.parent) for one in claimed.variants] == [("base", False)]


def test_parents_begin_with_the_main_one():
    """Of a merge."""
    lines = Lines(ancestors=(replace(kin("other"), main=False), kin("base")))
    assert names(lines.parents) == ["base", "other"]
