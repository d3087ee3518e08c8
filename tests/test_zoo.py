"""zoo (benchmarks/): what is done to the tiny models is what the manifest says."""

import copy
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModelForCausalLM
from zoo import changes, merging, pairs, plan, recipes, roots, tampering, text, vocabulary
from zoo.anatomy import matrices
from zoo.build import build
from zoo.manifest import MANIFEST, described
from zoo.models import Made, blank
from zoo.peers import auroc, summarised

pytestmark = pytest.mark.slow


SCALE = replace(recipes.SCALES["tiny"], steps=6, batch=1)
SMALL = {
    root.family: root
    for root in reversed(roots.ROOTS)
    if root.size == "small" and root.kind == "trained" and root.family != "crs"
}
KINDS = {recipes.FAMILIES[family].config.model_type: root for family, root in SMALL.items()}
TAMPERINGS = [(kind, change) for kind in sorted(KINDS) for change in tampering.permitted(kind)]


@pytest.fixture(autouse=True)
def least(monkeypatch):
    """Models of three layers, and short texts."""
    monkeypatch.setitem(recipes.SHAPES, "small", (32, 64, 3))
    whole = text.text
    monkeypatch.setattr(text, "text", lambda name: whole(name)[:40_000])


def untrained(root):
    """A model with random weights, norms and biases among them."""
    torch.manual_seed(1)
    model = blank(recipes.configuration(root, SCALE))
    for parameter in model.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    return model


def made(root):
    return Made(untrained(root), copy.deepcopy(text.vocabulary("reference", recipes.WORDS)))


def weights(model):
    return [parameter.detach().float() for parameter in model.parameters()]


@pytest.mark.parametrize(("kind", "change"), TAMPERINGS, ids=map(" ".join, TAMPERINGS))
def test_tampering_keeps_the_function(kind, change):
    """Every tampering changes weights and passes its own check of the logits."""
    model = untrained(KINDS[kind])
    after = tampering.tampered(model, change, seed=1)
    before = dict(model.named_parameters())
    assert any(
        not torch.allclose(own.float(), before[name])
        for name, own in after.named_parameters()
        if name in before
    )


@pytest.mark.parametrize(
    ("kind", "change"), tampering.SKIPPED, ids=map(" ".join, tampering.SKIPPED)
)
def test_what_is_skipped_does_not_keep_the_function(kind, change):
    """What an architecture is said not to permit moves its logits."""
    with pytest.raises(tampering.FunctionChangedError, match=f"{change} moved the logits"):
        tampering.tampered(untrained(KINDS[kind]), change, seed=1)


@pytest.mark.parametrize(
    "change", [vocabulary.pad(7), vocabulary.permute], ids=["padded", "permuted"]
)
@pytest.mark.parametrize("family", ["llama", "gpt2"], ids=["untied", "tied"])
def test_vocabulary_keeps_the_function(family, change):
    """A text has the same logits after padding or permuting the vocabulary, each with its own tokenizer."""
    before = made(SMALL[family])
    words = "The statement is executed"
    with torch.no_grad():
        expected = before.model(torch.tensor([before.tokenizer.encode(words).ids])).logits
        after = change(before, 1)
        ids = after.tokenizer.encode(words).ids
        found = after.model(torch.tensor([ids])).logits[..., : recipes.WORDS]
    assert found.sort().values.numpy() == pytest.approx(expected.sort().values.numpy(), abs=1e-4)


@pytest.mark.parametrize("family", ["gpt2", "moe"])
def test_everything_planned_is_made(family, tmp_path):
    """Every change of a root gives what transformers or peft opens, the manifest has all, nothing is made twice."""
    root = SMALL[family]
    build(tmp_path, [root], SCALE)
    listed = json.loads((tmp_path / MANIFEST).read_text())
    entries = [entry for entry in listed if entry["root"] == root.name]
    assert [entry["name"] for entry in entries] == [entry["name"] for entry in described(root)]
    for entry in entries:
        folder = tmp_path / entry["folder"]
        assert (folder / "adapter_model.safetensors").exists() == (entry["change"] == "adapter")
        if entry["change"] != "adapter":
            model, problems = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
            assert not any(problems.values())
            assert all(torch.isfinite(weight).all() for weight in weights(model))
            assert (folder / "tokenizer.json").exists()
    times = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*/*/*")}
    build(tmp_path, [root], SCALE)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.glob("*/*/*")} == times


@pytest.mark.parametrize("root", roots.ROOTS, ids=lambda root: root.name)
def test_manifest_is_consistent(root):
    """Parents come before children and are of the same root or its twin; weights of parents sum to one."""
    run = plan.twin(root)
    seen = {f"{run.name}/root"} if run else set()
    for entry in described(root):
        assert {*entry["parents"], *entry["adapters"]} <= seen
        assert (entry["parents"] == []) == (entry["change"] == "root")
        assert entry["weights"] is None or (len(entry["weights"]), sum(entry["weights"])) == (
            len(entry["parents"]),
            1,
        )
        assert entry["name"] not in seen
        seen.add(entry["name"])


@pytest.mark.parametrize("split", ["calibration", "development", "test"])
def test_every_split_has_several_architectures_and_twins(split):
    """Two architectures at least and a pair of twins in each; no family is in two."""
    own = [root for root in roots.ROOTS if root.split == split]
    elsewhere = {root.family for root in roots.ROOTS if root.split != split}
    assert len({root.family for root in own}) >= 2
    assert any(root.twin_of for root in own)
    assert elsewhere.isdisjoint(root.family for root in own)


@pytest.mark.parametrize(
    "root", [r for r in roots.ROOTS if r.twin_of or r.near_twin_of], ids=lambda root: root.name
)
def test_twins_differ_by_seed_alone(root):
    """A twin has its sibling's family, size and split and another seed; a near-twin has its first weights too."""
    sibling = next(
        other for other in roots.ROOTS if other.name == (root.twin_of or root.near_twin_of)
    )
    assert (root.family, root.size, root.split) == (sibling.family, sibling.size, sibling.split)
    assert (root.seed == sibling.seed) == bool(root.near_twin_of)
    assert root.order != sibling.order


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_pruning_zeroes_its_share(share):
    """So many entries of every matrix are zero."""
    after = changes.prune(share)(made(SMALL["llama"]), 1)
    assert [
        (matrix == 0).float().mean().item() for matrix in matrices(after.model)
    ] == pytest.approx([share] * 21, abs=0.01)


@pytest.mark.parametrize(
    ("bits", "group", "bound"), [(8, None, 1 / 254), (4, 32, 1 / 14)], ids=["int8", "int4"]
)
@pytest.mark.parametrize("family", ["llama", "gpt2", "moe"])
def test_quantising_moves_by_half_a_step(family, bits, group, bound):
    """No entry moves by more than half a step of its row's scale."""
    before, after = made(SMALL[family]), made(SMALL[family])
    changes.quantise(bits, group)(after, 1)
    for old, new in zip(matrices(before.model), matrices(after.model), strict=True):
        parts = old.unflatten(-1, (-1, group or old.shape[-1]))
        allowed = bound * parts.abs().amax(-1, keepdim=True).expand_as(parts).flatten(-2)
        assert ((old - new).abs() <= allowed * 1.001).all()


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (changes.without_middle, [0, 1, 3]),
        (changes.middle_twice, [0, 1, 2, 2, 3]),
        (changes.stacked, [0, 1, 2, 1, 2, 3]),
    ],
    ids=["dropped", "duplicated", "stacked"],
)
def test_layers(order, expected):
    """Of four layers, in this order."""
    assert order(4) == expected


def parts(*values):
    """Models of one tensor."""
    return [Made(torch.nn.ParameterDict({"a": torch.tensor(value)}), None) for value in values]


MERGES = [
    (merging.average((0.3, 0.7)), [[1.0, 0.0], [0.0, 1.0]], [0.3, 0.7]),
    (merging.slerp(0.5), [[1.0, 0.0], [0.0, 1.0]], [0.5**0.5, 0.5**0.5]),
    (merging.slerp(0.5), [[1.0, 0.0], [1.0, 0.0]], [1.0, 0.0]),
    (
        merging.ties_merge,
        [[1.0, 1.0, 1.0, 1.0], [3.0, 1.1, 0.5, 1.0], [1.0, 1.1, 4.0, 3.0]],
        [3.0, 1.0, 4.0, 3.0],
    ),
]


@pytest.mark.parametrize(
    ("merge", "tensors", "expected"), MERGES, ids=["mean", "slerp", "slerp of equals", "ties"]
)
def test_merges(merge, tensors, expected):
    """Worked by hand: TIES keeps the larger half of each update and averages those of the elected sign."""
    assert merge(parts(*tensors), 0).model["a"].tolist() == pytest.approx(expected)


def test_pairs():
    """A model is derived from its own root; twins are told from strangers, near-twins from both."""
    chosen = [
        entry for root in roots.ROOTS for entry in described(root) if root.split == "calibration"
    ]
    kinds = {
        (p.model, p.root): p.kind
        for p in pairs.pairs([e for e in chosen if e["change"] in {"root", "int8"}])
    }
    expected = {
        ("llama-small/int8", "llama-small/root"): "derived",
        ("llama-small/int8", "llama-small-twin/root"): "twin",
        ("llama-small-twin/root", "llama-small/root"): "twin",
        ("gpt2-small/root", "gpt2-small-near/root"): "near-twin",
        ("llama-medium/int8", "llama-small/root"): "independent",
        ("phi3-small/root", "llama-small/root"): "independent",
    }
    assert {pair: kinds[pair] for pair in expected} == expected


def test_peers_are_summarised():
    """Twins count among the independent, near-twins on neither side."""
    asked = [
        SimpleNamespace(kind=kind)
        for kind in ("derived", "derived", "independent", "twin", "near-twin")
    ]
    assert summarised(asked, [0.9, 0.4, 0.1, 0.5, 1.0]) == {
        "derived": 2,
        "independent": 2,
        "twins": 1,
        "auroc": 0.75,
        "auroc_twins": 0.5,
        "weakest_derived": 0.4,
        "strongest_independent": 0.5,
        "above_all": 1,
    }
    assert auroc([1.0], [1.0]) == 0.5


def test_crs_has_its_paper_s_changes_alone():
    """Fine-tuning, pruning, quantising, merging, and what these need."""
    root = next(root for root in roots.ROOTS if root.family == "crs")
    assert {row.change for row in plan.rows(root)} == set(plan.CRS)
