"""registry.lineage.tree: one tree from many verdicts."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from registry.lineage.descent import Descent, DirectionReason
from registry.lineage.standing import Basis, Link, Sign, Standing
from registry.lineage.tree import tree_of

CHILD = Sign(Descent.CHILD, DirectionReason.GRID)
PARENT = Sign(Descent.PARENT, DirectionReason.GRID)
BASE, TUNED, DEEPER, OTHER = 1, 2, 3, 4


def parents(standings):
    """Return the main parent of every model that has one."""
    return {link.child: link.parent for link in tree_of(standings) if link.main}


def test_two_without_a_sign():
    """Of two models that name each other the one with the shorter name is presumed to be the parent."""
    standings = [Standing(TUNED, "base-tuned", (BASE,)), Standing(BASE, "base", (TUNED,))]
    assert tree_of(standings) == [Link(TUNED, BASE, main=True, basis=Basis.PRESUMED)]


def test_a_claim_decides_where_the_weights_do_not():
    """A model that is said to be made from the other is its child, whatever their names."""
    tuned = Standing(TUNED, "a", (BASE,), claimed=frozenset({BASE}))
    assert tree_of([tuned, Standing(BASE, "a long name", (TUNED,))]) == [
        Link(TUNED, BASE, main=True, basis=Basis.CLAIMED)
    ]


def test_a_sign_is_stronger_than_a_claim():
    """What the weights show stands, whichever of the two verdicts has seen it."""
    lie = frozenset({TUNED})
    for seen in (
        [Standing(TUNED, "a", (BASE,), {BASE: CHILD}), Standing(BASE, "ab", (TUNED,), claimed=lie)],
        [Standing(TUNED, "a", (BASE,)), Standing(BASE, "ab", (), {TUNED: PARENT}, claimed=lie)],
    ):
        [link] = tree_of(seen)
        assert (link.child, link.parent, link.basis) == (TUNED, BASE, Basis.SHOWN)
        assert link.reason == DirectionReason.GRID


def test_signs_against_each_other_show_nothing():
    """Two verdicts that contradict each other leave the direction open."""
    standings = [
        Standing(TUNED, "ab", (BASE,), {BASE: CHILD}),
        Standing(BASE, "a", (TUNED,), {TUNED: CHILD}),
    ]
    [link] = tree_of(standings)
    assert link == Link(TUNED, BASE, main=True, basis=Basis.PRESUMED)


def test_the_model_with_most_relatives_is_the_root():
    """Of a star without signs the middle is the root, whatever the names."""
    standings = [Standing(BASE, "the longest name of all", (TUNED,))]
    standings += [Standing(number, f"m{number}", (BASE,)) for number in (TUNED, DEEPER, OTHER)]
    assert parents(standings) == {TUNED: BASE, DEEPER: BASE, OTHER: BASE}


def test_weights_grow_in_most_training():
    """Of a line without signs the end whose weights spread least is the root, whatever the names."""
    standings = [
        Standing(BASE, "the longest name of all", (TUNED,), spread=-3.0),
        Standing(TUNED, "tuned", (DEEPER,), spread=-2.9),
        Standing(DEEPER, "a", (TUNED,), spread=-2.8),
    ]
    assert parents(standings) == {TUNED: BASE, DEEPER: TUNED}


def test_claims_of_a_chain():
    """Each claims the one before it: base, child, grandchild."""
    standings = [
        Standing(BASE, "base", (TUNED,)),
        Standing(TUNED, "child", (DEEPER,), claimed=frozenset({BASE})),
        Standing(DEEPER, "grandchild", (TUNED,), claimed=frozenset({TUNED})),
    ]
    assert parents(standings) == {TUNED: BASE, DEEPER: TUNED}


def test_a_ring_of_three_loses_its_weakest_tie():
    """Models that name one another in a ring form a line."""
    standings = [
        Standing(1, "a", (2,), explained=0.9),
        Standing(2, "b", (3,), explained=0.8),
        Standing(3, "c", (1,), explained=0.7),
    ]
    assert parents(standings) == {2: 1, 3: 2}


def test_the_parents_of_a_merge():
    """A merge has one main parent and others, none of which comes from it."""
    merge = Standing(DEEPER, "merge", (BASE, TUNED), {BASE: CHILD, TUNED: CHILD})
    links = tree_of([merge, Standing(BASE, "one"), Standing(TUNED, "two")])
    assert [(link.parent, link.main) for link in links] == [(BASE, True), (TUNED, False)]
    later = Standing(TUNED, "two", (DEEPER,), {DEEPER: CHILD})
    merge = Standing(DEEPER, "merge", (BASE, TUNED), {BASE: CHILD})
    links = tree_of([merge, Standing(BASE, "one"), later])
    assert {(link.child, link.parent) for link in links} == {(DEEPER, BASE), (TUNED, DEEPER)}


def test_what_is_named_and_not_known():
    """A parent that was removed is left out."""
    assert tree_of([Standing(TUNED, "a", (BASE,))]) == []


@st.composite
def standings(draw):
    """Draw the standings of two to seven models that name one another at random."""
    count = draw(st.integers(2, 7))
    numbers = st.integers(0, count - 1)
    some = []
    for number in range(count):
        others = numbers.filter(lambda other, number=number: other != number)
        named = draw(st.lists(others, unique=True, max_size=2))
        signs = draw(st.dictionaries(others, st.sampled_from([CHILD, PARENT]), max_size=2))
        claimed = draw(st.frozensets(others, max_size=2))
        explained = draw(st.sampled_from([0.5, 0.9]))
        some.append(Standing(number, f"m{number}", tuple(named), signs, explained, claimed))
    return some


def is_cyclic(links):
    """Return whether a model is its own ancestor."""
    left = {link.child for link in links} | {link.parent for link in links}
    while left:
        roots = {
            one
            for one in left
            if not any(link.child == one and link.parent in left for link in links)
        }
        if not roots:
            return True
        left -= roots
    return False


@given(standings(), st.randoms())
def test_any_verdicts_give_one_tree(some, random):
    """No cycles, one main parent each, and the same links in every order of the verdicts."""
    links = tree_of(some)
    children = [link.child for link in links if link.main]
    assert len(children) == len(set(children))
    assert not is_cyclic(links)
    random.shuffle(some)
    assert set(tree_of(some)) == set(links)


def test_every_order_of_six():
    """All 720 orders of six verdicts give the same tree."""
    six = [
        Standing(1, "base", (2,)),
        Standing(2, "child", (3,), explained=0.99),
        Standing(3, "grandchild", (2,), {1: CHILD}, explained=0.98),
        Standing(4, "merge", (2, 5), {2: CHILD, 5: CHILD}),
        Standing(5, "sibling", (1,), explained=0.9),
        Standing(6, "stranger"),
    ]
    expected = set(tree_of(six))
    for order in permutations(six):
        assert set(tree_of(order)) == expected
