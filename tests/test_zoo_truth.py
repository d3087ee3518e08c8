"""zoo (benchmarks/): first weights, vocabularies, the kinds of roots, and what the manifest says is true."""

import json
from dataclasses import replace

import pytest
import torch
from zoo import (
    plan,
    recipes,
    roots,
    starts,
    text,
    truth,
)
from zoo.anatomy import matrices
from zoo.build import build
from zoo.manifest import MANIFEST, described
from zoo.models import blank, load
from zoo.pairs import pairs
from zoo.steps import ROOT, TWIN

pytestmark = pytest.mark.slow

SCALE = replace(recipes.SCALES["tiny"], steps=6, batch=1)
EVERY = [root for root in roots.ROOTS if root.kind != "untrained"]


@pytest.fixture(autouse=True)
def least(monkeypatch):
    """Short texts."""
    whole = text.text
    monkeypatch.setattr(text, "text", lambda name: whole(name)[:40_000])


@pytest.mark.parametrize("name", starts.STARTS)
def test_starts(name):
    """First weights of each kind on an architecture of each layout."""
    for family in ("llama", "gpt2", "moe", "neox"):
        torch.manual_seed(1)
        root = roots.Root("any", family, "d32x4", "none", 1, 1)
        model = blank(recipes.configuration(root, SCALE))
        starts.start(model, name, 1)
        matrix = next(iter(matrices(model)))
        values = torch.linalg.svdvals(matrix)
        table = model.get_input_embeddings().weight.norm(dim=0)
        assert (bool((values - values.mean()).abs().max() < 1e-4)) == (
            name in {"orthogonal", "flat"}
        )
        assert (bool(table.max() > 5 * table.median())) == name.startswith("channel")


@pytest.mark.parametrize("kind", text.WORDS)
def test_vocabularies_have_their_size(kind):
    """And cover nine tenths of their text."""
    tokenizer = text.tokenizer_of(kind)
    assert tokenizer.get_vocab_size() == text.WORDS[kind]
    name = text.named("reference", tokenizer)
    unknown = (text.tokens(name, tokenizer) == 0).float().mean()
    assert unknown < 0.1


@pytest.mark.parametrize("root", EVERY, ids=lambda root: root.name)
def test_every_change_has_a_truth(root):
    """Every part of every name is stated; what a child's parents have, it has."""
    entries = {entry["name"]: entry for entry in described(root)}
    for entry in entries.values():
        assert entry["change"] == "adapter" or entry["change"].split("+")[-1] in truth.STATED
        for parent in entry["parents"]:
            if parent in entries and "merged" not in entry["truth"]:
                assert entry["truth"].items() >= entries[parent]["truth"].items()


def test_both_splits_have_every_kind():
    """Tied and untied, of other recipes; further changes are made of two roots at least in each."""
    for split in ("calibration", "test"):
        own = [root for root in roots.ROOTS if root.split == split]
        kinds = {(root.kind, recipes.FAMILIES[root.family].tied) for root in own}
        assert {kind for kind, _ in kinds} >= {root.kind for root in EVERY}
        for kind in ("characters", "amino", "tiny", "wide", "untrained"):
            assert {(kind, True), (kind, False)} <= kinds
        further = [root for root in own if root.name in plan.DERIVED_FURTHER]
        tied = {recipes.FAMILIES[root.family].tied for root in further}
        assert tied == {True, False}


def test_amounts_come_from_configs():
    """Width and heads as (old, new); inserted layers by the depth."""
    old = {"hidden_size": 8, "num_attention_heads": 4, "num_hidden_layers": 4, "vocab_size": 9}
    new = old | {"hidden_size": 6, "num_attention_heads": 3, "num_hidden_layers": 6}
    known = truth.counted({"layers_inserted": True}, old, new)
    assert known == {"layers_inserted": 2, "width": [8, 6], "heads": [4, 3], "neurons": [32, 24]}


@pytest.mark.parametrize("kind", ["distilled", "on-embeddings"])
def test_students_and_models_on_embeddings(kind, tmp_path):
    """Both have first weights of their own; the second keeps another's embeddings to the bit."""
    root = next(root for root in roots.ROOTS if root.kind == kind)
    source = root.distilled_from or root.embeddings_of
    chosen = [one for one in roots.ROOTS if one.name in {source, root.name}]
    build(tmp_path, chosen, SCALE, roots_alone=True)
    other, own = (load(tmp_path / name / ROOT).model for name in (source, root.name))
    tables = [model.get_input_embeddings().weight for model in (other, own)]
    assert torch.equal(*tables) == (kind == "on-embeddings")
    assert not torch.equal(
        other.model.layers[0].mlp.up_proj.weight, own.model.layers[0].mlp.up_proj.weight
    )
    entry = json.loads((tmp_path / MANIFEST).read_text())[-1]
    assert (entry["distilled_from"] or entry["embeddings_of"]) == source


def test_a_merge_with_a_stranger_descends_from_both():
    """It is derived from its root and from the independent run."""
    entries = [entry for root in roots.ROOTS for entry in described(root)]
    chosen = [
        e
        for e in entries
        if e["name"].startswith("llama-small") and e["change"] in {"root", "layers-of-two"}
    ]
    kinds = {(pair.model, pair.root): pair.kind for pair in pairs(chosen)}
    merge = "llama-small/layers-of-two"
    assert kinds[merge, "llama-small/root"] == kinds[merge, "llama-small-twin/root"] == "derived"
    entry = next(e for e in chosen if e["name"] == merge)
    assert (entry["layer_sources"], entry["weights"]) == ([0, 0, 1, 1], (0.5, 0.5))
    assert next(row for row in plan.FURTHER if row.change == "layers-of-two").parents == (
        ROOT,
        TWIN,
    )
