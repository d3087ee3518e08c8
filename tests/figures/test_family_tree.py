"""registry.figures.family_tree: which model is drawn below which."""

import pytest

from registry.figures import text_lineage
from registry.figures.draw import as_figure
from registry.figures.family_tree import FamilyTree, MadeFrom, Member, cut
from registry.figures.kinds import Subject
from registry.lineage.standing import Basis


def tree(*edges: tuple[str, str], alone: int = 0, further: tuple[tuple[str, str], ...] = ()):
    """Return a tree of edges child-parent, with models that have no relative."""
    names = dict.fromkeys(name for edge in edges for name in reversed(edge))
    members = [Member(name, "model") for name in names]
    members += [Member(f"alone-{number:02d}", "adapter") for number in range(alone)]
    made = [MadeFrom(*edge, Basis.CLAIMED, "fine-tuned") for edge in edges]
    made += [MadeFrom(*edge, Basis.SHOWN, "merged", main=False) for edge in further]
    return FamilyTree(tuple(members), tuple(made))


FAMILY = tree(("b", "a"), ("d", "b"), ("c", "a"), alone=1, further=(("d", "c"),))


def test_a_model_stands_below_its_parent():
    """A row for every model, a step further in than its parent; whatever comes from it follows."""
    places = [(place.name, place.depth, place.row) for place in FAMILY.placed()]
    assert places == [("a", 0, 0), ("b", 1, 1), ("d", 2, 2), ("c", 1, 3), ("alone-00", 0, 4)]


def test_a_line_of_ten_thousand():
    """A long chain of checkpoints needs no deep stack."""
    names = [f"step-{number}" for number in range(10_000)]
    places = tree(*zip(names[1:], names[:-1], strict=True)).placed()
    assert places[-1].depth == 9_999


def test_the_nearest_to_the_roots_are_kept():
    """Of too many models those without a relative go first, then the farthest from their root."""
    shown, left_out = cut(FAMILY, 3)
    assert [member.name for member in shown.members] == ["a", "b", "c"]
    assert left_out == 2
    assert {edge.child for edge in shown.edges} == {"b", "c"}
    assert cut(FAMILY, 5) == (FAMILY, 0)


def test_drawn():
    """A marker and a name for every model, an elbow for every parent, an arrow for a merge's."""
    axes = as_figure("tree", Subject(family=FAMILY)).axes[0]
    written = [text.get_text() for text in axes.texts if text.get_text()]
    assert written[:2] == ["a", "b   fine-tuned"]
    elbows = [line for line in axes.lines if len(line.get_xdata()) == 3]
    assert {line.get_linestyle() for line in elbows} == {"--"}
    assert len(elbows) == len(axes.texts) - len(written) + 2 == 3
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["direction shown", "direction claimed", "model", "adapter"]


def test_more_than_can_be_drawn():
    """The title counts those that are left out."""
    drawn = as_figure("tree", Subject(family=tree(("b", "a"), alone=500)))
    assert drawn.get_suptitle() == "What was made from what; 102 more models are not drawn"


def test_in_text():
    """A line for every model, indented by its depth, no wider than a terminal."""
    assert list(text_lineage.tree(FAMILY))[:3] == ["a", "  b  fine-tuned", "    d  fine-tuned"]
    deep = [(f"{'b' * 300}{step}", f"{'b' * 300}{step - 1}") for step in range(9)]
    assert max(map(len, text_lineage.tree(tree(*deep)))) == 80


@pytest.mark.parametrize(
    "name", ["a$b$", "_x", "\x1b[2J", "x" * 500], ids=["$", "_", "esc", "long"]
)
def test_names_that_are_no_words(name):
    """Formulas, controls and long names are letters as others are, and two long ones stay two."""
    family = tree((f"{name}1", name), (f"{name}2", name))
    drawn = as_figure("tree", Subject(family=family))
    assert len([text for text in drawn.axes[0].texts if text.get_text()]) == 3
