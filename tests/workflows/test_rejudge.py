"""registry.workflows.rejudge: the tree is a function of the models, not of the order in which they came."""

import random
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import pytest
from families_made import TREE, fingerprints, origin

import registry
from registry.database.curating.events import Action
from registry.errors import ModelNotFound
from registry.lineage.standing import Basis
from registry.workflows import rejudge
from registry.workflows.ingest import store


@pytest.fixture(scope="module")
def prints(tmp_path_factory):
    """The fingerprints of six models."""
    return fingerprints(tmp_path_factory.mktemp("six"))


@pytest.fixture
def known(url):
    with registry.Registry(url) as opened:
        yield opened


@pytest.fixture
def register(known, prints):
    """A function that registers models by name, each with what is said of it."""

    def registered(*names, **said):
        for name in names:
            store(known._engine, origin(name, **said), prints[name])

    return registered


def parents(known):
    """The main parents as they stand."""
    return {edge.child: edge.parent for edge in known.tree().edges if edge.main}


def families(known):
    return {node.name: node.family for node in known.tree().nodes}


ORDERS = [*random.Random(0).sample(list(permutations([*TREE, "base", "stranger"])), 1)]
FIRSTS = [
    ("grandchild", "merge", "sibling", "child", "stranger", "base"),
    ("base", "child", "grandchild", "sibling", "merge", "stranger"),
]


@pytest.mark.slow
@pytest.mark.parametrize("order", [*FIRSTS, *ORDERS], ids=lambda names: names[0])
def test_every_order_gives_the_same_tree(known, register, order):
    """The base may come last: its children's verdicts change, and all are of its family then."""
    register(*order)
    assert parents(known) == TREE
    others = [edge for edge in known.tree().edges if not edge.main]
    assert [(edge.child, edge.parent, edge.direction) for edge in others] == [
        ("merge", "sibling", Basis.SHOWN)
    ]
    assert families(known) == dict.fromkeys([*TREE, "base"], "base") | {"stranger": "stranger"}


def test_a_base_that_arrives_late(known, register):
    """Its child was unknown and is derived from it now; what was believed before stays in the history."""
    register("grandchild")
    assert known.explain("grandchild").verdict.model is None
    register("child")
    assert parents(known) == {"grandchild": "child"}
    register("base")
    assert parents(known) == {"grandchild": "child", "child": "base"}
    assert known.explain("grandchild").verdict.model == "child"
    actions = [event.action for event in known.log("grandchild")]
    assert actions.count(Action.PARENT_FOUND) == 1
    assert Action.FAMILY_FOLLOWED in actions


def test_a_claim_decides_the_direction(known, register):
    """Where the weights do not show it: here the base has the longer name."""
    register("grandchild")
    register("child", base="grandchild")
    [edge] = known.tree().edges
    assert (edge.child, edge.parent, edge.direction) == ("child", "grandchild", Basis.CLAIMED)


def test_a_family_that_somebody_set_stays(known, register):
    """Others follow the root; the root's own family is that of all that did not set one."""
    register("child", family="mine")
    register("grandchild")
    register("base", family="theirs")
    assert families(known) == {"child": "mine", "grandchild": "theirs", "base": "theirs"}


def test_a_family_follows_a_claim_until_the_weights_say_otherwise(known, register):
    """A card's base that is not registered names the family; the proved root takes its place."""
    register("child", base="somebody/else")
    assert families(known) == {"child": "somebody/else"}
    register("base")
    assert families(known) == {"child": "base", "base": "base"}


def test_who_claims_a_base_follows_its_family(known, register):
    """A stranger that says it comes from a registered model is of its family, whichever came first."""
    register("stranger", base="base")
    register("base", family="set")
    assert families(known) == {"stranger": "set", "base": "set"}


def test_what_is_left_is_due_and_said(known, register, caplog, monkeypatch):
    """Judging others again is bounded at ingestion; `registry rejudge` does the rest."""
    register("child")
    monkeypatch.setattr(rejudge, "PATIENCE", -1.0)
    register("base")
    assert "1 models may come from it" in caplog.text
    assert [node.name for node in known.tree().nodes if node.due] == ["child"]
    done = known.rejudge()
    assert (done.models, done.left) == (("child",), 0)
    assert known.explain("child").verdict.model == "base"
    assert known.rejudge().models == ()


def test_all_are_judged_or_those_named(known, register):
    """Judging again without a cause changes nothing."""
    register("child", "base", "stranger")
    before = known.tree()
    assert set(known.rejudge(every=True).models) == {"child", "base", "stranger"}
    assert known.rejudge(["base"]).models == ("base",)
    assert known.tree() == before
    with pytest.raises(ModelNotFound, match="nobody"):
        known.rejudge(["base", "nobody"])


@pytest.mark.slow
def test_two_that_arrive_at_once(known, register):
    """Neither knows the other when it is judged: the second to be stored sees to it."""
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(register, name) for name in ("base", "child")]:
            done.result()
    assert parents(known) == {"child": "base"}
    assert families(known) == {"child": "base", "base": "base"}
