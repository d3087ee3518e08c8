"""verdicts (benchmarks/): which pairs of a zoo are independent, and how nulls are fitted to them."""

from dataclasses import replace

import numpy as np
import pytest
from verdicts import calibration
from verdicts.pairs import derived_pairs, independent_pairs
from verdicts.zoo_models import ZooModel, hardness, near_twins, share_ancestor


def made(root: str, change: str = "root", **entry: object) -> ZooModel:
    """Return a model as a manifest would describe it."""
    usual: dict[str, object] = {
        "name": f"{root}/{change}",
        "folder": f"{root}/{change}",
        "change": change,
        "root": root,
        "roots": [root],
        "parents": [] if change == "root" else [f"{root}/root"],
        "weights": None,
        "split": "test",
        "kind": "trained",
        "family": root.partition("-")[0],
        "size": "small",
        "tied": False,
        "twin_of": None,
        "near_twin_of": None,
        "distilled_from": None,
        "embeddings_of": None,
        "truth": {},
        "truth_of_step": {},
        "covered": [],
    }
    return ZooModel.of(usual | entry)


A = made("llama-a")
TWIN = made("llama-b", twin_of="llama-a")
NEAR = made("llama-c", near_twin_of="llama-a")
STUDENT = made("olmo-d", distilled_from="llama-a", kind="distilled")
CHILD = made("llama-a", "fine-tune")
OF_TWO = made("llama-a", "layers-of-two", roots=["llama-a", "llama-b"])


def test_a_model_of_two_roots_is_derived_from_both():
    """A merge with another root's layers is derived from both, and independent of neither."""
    pairs = [(p.model, p.other) for p in derived_pairs([A, TWIN, OF_TWO])]
    assert pairs == [(OF_TWO.name, A.name), (OF_TWO.name, TWIN.name)]
    assert share_ancestor(OF_TWO, TWIN)


def test_near_twins_are_neither_derived_nor_independent():
    """Models from the same first weights are in no pair, nor are their children."""
    assert near_twins(CHILD, NEAR)
    assert not independent_pairs([A, NEAR, CHILD])
    assert [p.model for p in derived_pairs([A, NEAR, CHILD])] == [CHILD.name]


def test_a_student_is_independent_of_its_teacher():
    """Distillation hands on no weights: the pair counts as independent, as a class of its own."""
    pairs = independent_pairs([A, STUDENT, CHILD])
    assert {p.hardness for p in pairs} == {"distilled"}
    assert len(pairs) == 2


@pytest.mark.parametrize(
    ("a", "b", "word"),
    [
        (A, TWIN, "twins"),
        (A, made("olmo-x"), "other"),
        (A, made("llama-x"), "one maker"),
        (replace(A, kind="tiny"), made("olmo-x", kind="tiny"), "tiny"),
        (replace(A, kind="amino"), made("olmo-x", kind="characters"), "small vocabularies"),
        (A, made("olmo-x", kind="untrained"), "untrained"),
        (replace(A, tied=True), made("olmo-x", tied=True), "tied"),
    ],
)
def test_what_makes_a_pair_hard(a: ZooModel, b: ZooModel, word: str):
    """A pair is of the first class that describes it."""
    assert hardness(a, b) == word


def test_a_tail_holds_where_it_was_fitted():
    """The share of values with a smaller p is at most p, for tails heavier than exponential too."""
    values = np.random.default_rng(0).standard_t(3, 20_000)
    tail = calibration.Tail.of("token", values)
    for p_value in (0.05, 0.01, 0.001):
        assert np.mean(values > tail.reach(p_value)) <= p_value


def test_a_tail_covers_every_class():
    """Of no class of pairs more than the share p has a smaller p; the pairs of all are counted."""
    draw = np.random.default_rng(0)
    alike = draw.normal(3, 1, 2_000)
    everything = np.concatenate([draw.normal(0, 1, 8_000), alike])
    tail = calibration.covering(calibration.tails("token", {"all": everything, "twins": alike}))
    for p_value in (0.05, 0.01, 0.001):
        assert np.mean(alike > tail.reach(p_value)) <= p_value
    assert tail.pairs == len(everything)
