"""registry.lineage.claim_check: every case of a claim beside what weights show."""

from dataclasses import replace

import pytest

from registry.lineage.architecture_types import type_of
from registry.lineage.claim_check import (
    OUTCOMES,
    ClaimOutcome,
    Finding,
    Judged,
    check_architecture,
    check_base,
    check_relation,
)
from registry.lineage.family_lines import FamilyLines, ParentLine
from registry.lineage.verdict import Relation

DERIVED, SAME, COPY = Relation.DERIVED, Relation.SAME_WEIGHTS, Relation.QUANTISED_COPY
# 1 - the model: 2 and the merge's other parent 9 are its parents, 3 that of 2
# 4 has the weights of 2, 5 those of 1; 6 comes from 1, 7 from 3; 8 is a quantised copy of 3
LINES = FamilyLines.of(
    [
        ParentLine(1, 2, DERIVED),
        ParentLine(1, 9, DERIVED, main=False),
        ParentLine(2, 3, DERIVED),
        ParentLine(4, 2, SAME),
        ParentLine(5, 1, SAME),
        ParentLine(6, 1, DERIVED),
        ParentLine(7, 3, DERIVED),
        ParentLine(8, 3, COPY),
        ParentLine(21, 20, DERIVED),
    ]
)
BASES = {
    "itself": (1, Finding.SAME_WEIGHTS),
    "a parent": (2, Finding.ANCESTOR),
    "a grandparent": (3, Finding.ANCESTOR),
    "the other parent of a merge": (9, Finding.ANCESTOR),
    "a copy of a parent": (4, Finding.ANCESTOR),
    "a copy of itself": (5, Finding.SAME_WEIGHTS),
    "a child": (6, Finding.DESCENDANT),
    "a cousin": (7, Finding.RELATIVE),
    "a quantised copy of an ancestor": (8, Finding.QUANTISED_ANCESTOR),
    "a model of another tree": (20, Finding.OTHER_ROOT),
    "a model that is alone": (30, Finding.OTHER_ROOT),
}


def judged(number, relation=DERIVED, **other):
    """A registered model."""
    return Judged(number, f"m{number}", "model", 3, "LlamaForCausalLM", relation, **other)


@pytest.mark.parametrize(("base", "finding"), BASES.values(), ids=BASES)
def test_claimed_bases(base, finding):
    """An ancestor or a copy bears the claim out, any other registered model contradicts it."""
    assert check_base(judged(1), [judged(base)], LINES) is finding


OTHER_BASES = {
    "a root, of a model without relation": (judged(3, Relation.UNKNOWN), 20, Finding.NO_RELATION),
    "a child, of a root": (judged(3, Relation.UNKNOWN), 1, Finding.DESCENDANT),
    "the parent's copy, of its copy": (judged(4, SAME), 2, Finding.SAME_WEIGHTS),
    "a model that is alone, of another": (judged(30, Relation.UNKNOWN), 20, Finding.NO_RELATION),
    "of the same family": (judged(30, Relation.SAME_FAMILY), 20, Finding.NO_RELATION),
    "before there is a verdict": (judged(30, None), 20, Finding.NOT_JUDGED),
    "before it is judged again": (judged(1, due=True), 20, Finding.NOT_JUDGED),
    "a parent, before it is judged again": (judged(1, due=True), 2, Finding.ANCESTOR),
    "a verdict that the tree does not show": (judged(30), 20, Finding.NOT_JUDGED),
}


@pytest.mark.parametrize(("model", "base", "finding"), OTHER_BASES.values(), ids=OTHER_BASES)
def test_claimed_bases_of_other_models(model, base, finding):
    """What is judged again soon contradicts nothing."""
    assert check_base(model, [judged(base)], LINES) is finding


def test_bases_that_nobody_can_check():
    """Those that are not registered, that several are called by, or that are not compared."""
    assert check_base(judged(1), [], LINES) is Finding.NOT_REGISTERED
    assert check_base(judged(1), [judged(2), judged(20)], LINES) is Finding.AMBIGUOUS
    old = replace(judged(20), version=2)
    assert check_base(judged(1), [old], LINES) is Finding.NOT_COMPARED


ADAPTERS = {
    "of the base that it fits": (1, 2, Finding.ANCESTOR),
    "of a relative of that base": (1, 7, Finding.POSSIBLE),
    "of a base of another tree": (1, 20, Finding.OTHER_ROOT),
    "that fits no registered base": (30, 20, Finding.NOT_COMPARED),
}


@pytest.mark.parametrize(("adapter", "base", "finding"), ADAPTERS.values(), ids=ADAPTERS)
def test_claimed_bases_of_adapters(adapter, base, finding):
    """An adapter fits relatives of its base nearly as well, and others not at all."""
    model = replace(judged(adapter), kind="adapter")
    assert check_base(model, [judged(base)], LINES) is finding


RELATIONS = {
    "a copy that is quantised": (judged(1, COPY), "quantized", Finding.SHOWN),
    "a copy that is not": (judged(1, SAME), "quantized", Finding.OTHER_RELATION),
    "a fine-tune that is none": (judged(1, DERIVED), "quantized", Finding.OTHER_RELATION),
    "quantised after training": (judged(1, quantised=True), "quantized", Finding.SHOWN),
    "trained": (judged(1), "finetune", Finding.SHOWN),
    "trained, in capitals": (judged(1), "Finetune", Finding.SHOWN),
    "trained, of a quantised copy": (judged(1, COPY), "finetune", Finding.OTHER_RELATION),
    "trained, of a copy": (judged(1, SAME), "finetune", Finding.OTHER_RELATION),
    "merged": (judged(1, merged=True), "merge", Finding.SHOWN),
    "merged with what is not registered": (judged(1), "merge", Finding.POSSIBLE),
    "trained after merging": (judged(1, merged=True), "finetune", Finding.POSSIBLE),
    "merged, of a copy": (judged(1, SAME), "merge", Finding.OTHER_RELATION),
    "an adapter merged in": (judged(1), "adapter", Finding.POSSIBLE),
    "an adapter": (replace(judged(1), kind="adapter"), "adapter", Finding.SHOWN),
    "an adapter that says it was trained": (
        replace(judged(1), kind="adapter"),
        "finetune",
        Finding.POSSIBLE,
    ),
    "of no base": (judged(1, Relation.UNKNOWN), "finetune", Finding.NOT_JUDGED),
    "of no verdict": (judged(1, None), "finetune", Finding.NOT_JUDGED),
    "another word": (judged(1), "distilled", Finding.STATED),
}


@pytest.mark.parametrize(("model", "word", "finding"), RELATIONS.values(), ids=RELATIONS)
def test_claimed_relations(model, word, finding):
    """The hub's words, each against each verdict."""
    assert check_relation(model, word) is finding


TYPES = {
    "a class": ("Qwen2ForCausalLM", "qwen2"),
    "a type": ("qwen2", "qwen2"),
    "small and large letters": ("GPTNeoXForCausalLM", "gptneox"),
    "underlines": ("gpt_neox", "gptneox"),
    "a head": ("GPT2LMHeadModel", "gpt2"),
    "no head": ("LlamaModel", "llama"),
    "one build of another name": ("MistralForCausalLM", "llama"),
    "llama.cpp's name": ("starcoder", "gptbigcode"),
    "its class": ("GPTBigCodeForCausalLM", "gptbigcode"),
    "nothing but an ending": ("Model", "model"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("name", "expected"), TYPES.values(), ids=TYPES)
def test_types_of_architectures(name, expected):
    """Classes, types and llama.cpp's words for one build are one."""
    assert type_of(name) == expected


def test_claimed_architectures():
    """A model calls itself as the root of its tree does, or contradicts it."""
    root = judged(3)
    assert check_architecture(judged(1), "llama", root) is Finding.ROOT_ALIKE
    assert check_architecture(judged(1), "Qwen2ForCausalLM", root) is Finding.ROOT_DIFFERS
    assert check_architecture(root, "Qwen2ForCausalLM", root) is Finding.NO_ROOT
    unnamed = replace(root, architecture="")
    assert check_architecture(judged(1), "llama", unnamed) is Finding.NO_ROOT


def test_every_finding_has_an_outcome():
    """Nothing is found that nobody has decided on."""
    assert set(OUTCOMES) == set(Finding)
    assert set(OUTCOMES.values()) == set(ClaimOutcome)


def test_roots():
    """The tree is followed along main edges, and a root is its own."""
    assert [LINES.root(number) for number in (1, 6, 3, 30)] == [3, 3, 3, 30]
    assert [LINES.main_parent(number) for number in (1, 3)] == [2, None]
