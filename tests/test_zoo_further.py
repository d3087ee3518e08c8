"""zoo (benchmarks/): other shapes, experts, parts, quantisations, maps within heads, merges."""

import copy
from dataclasses import replace

import pytest
import torch
from zoo import (
    blocks,
    changes,
    experts,
    headwise,
    merging,
    parts,
    plan,
    quantising,
    recipes,
    resizing,
    roots,
    tampering,
    text,
)
from zoo.anatomy import anatomy, matrices
from zoo.models import Made, blank
from zoo.steps import Recipe, trained

pytestmark = pytest.mark.slow

SCALE = replace(recipes.SCALES["tiny"], steps=6, batch=1)
DENSE = ["llama", "llama-tied", "qwen2", "mistral", "gpt2"]


@pytest.fixture(autouse=True)
def least(monkeypatch):
    """Short texts."""
    whole = text.text
    monkeypatch.setattr(text, "text", lambda name: whole(name)[:40_000])


def made(family, size="d32x4"):
    """A model of random weights, norms and biases among them, rounded as saved ones are."""
    torch.manual_seed(1)
    root = roots.Root("any", family, size, "none", 1, 1)
    model = blank(recipes.configuration(root, SCALE)).eval()
    for parameter in model.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))
        parameter.data.copy_(parameter.data.bfloat16())
    return Made(model, text.tokenizer_of(recipes.FAMILIES[family].words))


def tensors(model):
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("family", ["llama", "llama-tied", "qwen2", "mistral"])
@pytest.mark.parametrize(
    "change",
    [
        resizing.keys_repeated,
        resizing.width_padded,
        resizing.width_doubled,
        blocks.expanded,
        headwise.changed("qk-map"),
        headwise.changed("value-map"),
        headwise.changed("rotation-and-maps"),
    ],
    ids=["repeated", "padded", "doubled", "expanded", "queries", "values", "all"],
)
def test_what_keeps_the_function_passes_its_own_check(family, change):
    """Other shapes and maps within heads raise where the logits move; here they change weights and do not raise."""
    before = made(family)
    after = change(copy.deepcopy(before), 1)
    old, new = tensors(before.model), tensors(after.model)
    assert any(
        old[name].shape != new[name].shape or not torch.equal(old[name], new[name].float())
        for name in old
        if name in new
    )


@pytest.mark.parametrize("family", ["llama", "llama-tied", "mistral"])
def test_upcycled_experts_are_copies(family):
    """Four experts equal to the perceptron, and the same logits (checked within)."""
    before = made(family)
    layer = experts.layers(experts.upcycled(before, 1).model)[0].mlp
    expected = before.model.model.layers[0].mlp.down_proj.weight
    assert all(torch.equal(one, expected) for one in layer.experts.down_proj)


def test_a_map_of_queries_that_does_not_commute_moves_the_logits(monkeypatch):
    """Any invertible matrix will not do where positions turn queries."""
    monkeypatch.setattr(headwise, "commuting", headwise.invertible)
    with pytest.raises(tampering.FunctionChangedError, match="qk-map moved the logits"):
        headwise.changed("qk-map")(made("llama"), 1)


@pytest.mark.parametrize("family", DENSE)
def test_pruned_neurons_are_a_subset_in_order(family):
    """Three quarters of the rows of every up projection, each as it was; all else is as it was."""
    before = made(family)
    after = resizing.neurons_pruned(copy.deepcopy(before), 1)
    old, new = anatomy(before.model), anatomy(after.model)
    for whole, part in zip(old.perceptrons, new.perceptrons, strict=True):
        places = [
            next(i for i, row in enumerate(whole.up) if torch.equal(row, one)) for one in part.up
        ]
        assert places == sorted(places)
        assert len(places) == round(0.75 * len(whole.up))
        assert torch.equal(part.down, whole.down[places])
    for whole, part in zip(old.attentions, new.attentions, strict=True):
        assert torch.equal(whole.v, part.v)
        assert all(torch.equal(a, b) for a, b in zip(whole.beside_q, part.beside_q, strict=True))


SHAPES = {  # change: what it makes of the first layer's queries, keys, hidden units and width
    resizing.neurons_pruned: ((2, 2, 8), (2, 8), 72, 32),
    resizing.heads_pruned: ((2, 1, 8), (2, 8), 96, 32),
    resizing.keys_pooled: ((1, 4, 8), (1, 8), 96, 32),
    resizing.keys_repeated: ((4, 1, 8), (4, 8), 96, 32),
    resizing.width_pruned: ((2, 2, 8), (2, 8), 96, 24),
    resizing.width_padded: ((2, 2, 8), (2, 8), 96, 40),
    resizing.width_doubled: ((2, 2, 8), (2, 8), 96, 64),
    resizing.all_pruned: ((2, 1, 8), (2, 8), 72, 24),
}


@pytest.mark.parametrize("change", SHAPES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("family", ["llama", "llama-tied", "qwen2"])
def test_shapes(family, change):
    """Heads, hidden units and width after each change, and the model still runs."""
    after = change(made(family), 1).model
    body = anatomy(after)
    first = body.attentions[0]
    expected = SHAPES[change]
    assert (first.q.shape[:3], first.k.shape[:2]) == expected[:2]
    assert body.perceptrons[0].up.shape == expected[2:]
    assert torch.isfinite(after(torch.tensor([[1, 2, 3]])).logits).all()


def test_pooled_keys_are_means():
    """The one head of keys is the mean of the two."""
    before = made("llama")
    after = anatomy(resizing.keys_pooled(copy.deepcopy(before), 1).model).attentions[0]
    assert torch.equal(after.k[0], anatomy(before.model).attentions[0].k.mean(0))


@pytest.mark.parametrize(
    ("change", "count"), [(experts.pruned, 3), (experts.merged, 2)], ids=["pruned", "merged"]
)
@pytest.mark.parametrize("family", ["mixtral", "moe"])
def test_fewer_experts(family, change, count):
    """So many experts and rows of the router; the attention is as it was; the model still runs."""
    before = made(family, "d96-experts" if family == "mixtral" else "d32x4")
    after = change(copy.deepcopy(before), 1).model
    layer = experts.layers(after)[0].mlp
    assert len(layer.gate.weight) == len(layer.experts.down_proj) == count
    first = "model.layers.0.self_attn.q_proj.weight"
    assert torch.equal(after.get_parameter(first), before.model.get_parameter(first))
    assert torch.isfinite(after(torch.tensor([[1, 2, 3]])).logits).all()


def test_dense_from_experts_is_their_mean():
    """The Llama's down projection is the mean of the experts'."""
    before = made("mixtral-tied", "d96-experts")
    after = experts.dense(copy.deepcopy(before), 1).model
    expected = before.model.model.layers[1].mlp.experts.down_proj.mean(0)
    assert torch.equal(after.model.layers[1].mlp.down_proj.weight, expected)


def test_inserted_layers_are_found_and_silent():
    """Behind every second layer there is a copy whose outputs are zero; only they are trained."""
    after = blocks.expanded(made("gpt2"), 1)
    assert blocks.inserted(4) == [2, 5]
    layers = after.model.transformer.h
    zero = [
        not layer.mlp.c_proj.weight.any() and not layer.attn.c_proj.bias.any() for layer in layers
    ]
    assert zero == [False, False, True, False, False, True]
    learned = {id(parameter) for parameter in blocks.new_layers(after.model)}
    assert learned == {id(p) for place in (2, 5) for p in layers[place].parameters()}


def test_orders_of_layers():
    """Interleaved and swapped."""
    assert blocks.interleaved(4) == [0, 1, 1, 2, 2, 3]
    assert blocks.swapped(4) == [0, 2, 1, 3]


def test_a_zero_projection():
    """The values of one layer are zero, of the others not."""
    after = blocks.zero_projection(made("llama"), 6)
    assert [bool(one.v.any()) for one in anatomy(after.model).attentions] == [
        True,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("only", "family", "count"),
    [
        (parts.embeddings, "llama", 1),
        (parts.head, "llama", 1),
        (parts.norms, "llama", 9),
        (parts.norms, "gpt2", 18),
        (parts.biases, "qwen2", 12),
        (parts.biases, "gpt2", 16),
        (parts.routers, "moe", 4),
    ],
)
def test_a_part_is_trained_alone(only, family, count):
    """So many tensors change, and they are the part's."""
    start = made(family)
    before = tensors(start.model)
    root = roots.Root("any", family, "d32x4", "none", 1, 1)
    step = trained("testing", 1.0, 1.0, only=only)
    after = step([start], 1, Recipe.of(root, SCALE)).model
    moved = {
        name for name, weight in tensors(after).items() if not torch.equal(weight, before[name])
    }
    known = {id(parameter) for parameter in only(after)}
    assert moved == {name for name, weight in after.named_parameters() if id(weight) in known}
    assert len(moved) == count


LEVELS = {"nf4": (64, 16), "q4_0": (32, 16), "int3": (32, 8), "int2": (32, 4)}


@pytest.mark.parametrize("way", LEVELS)
@pytest.mark.parametrize("family", ["llama", "gpt2", "mixtral"])
def test_levels(way, family):
    """So few different values within a group of so many entries."""
    size, count = LEVELS[way]
    after = quantising.WAYS[way](made(family, "d64x4"), 1)
    for matrix in matrices(after.model):
        groups = matrix.flatten().view(-1, size)
        assert max(len(group.unique()) for group in groups[:50]) <= count


def test_fp8_is_what_the_type_can_say():
    """A second time changes nothing; the largest relative error is 1/16 for normal numbers."""
    matrix = torch.randn(8, 32)
    once = quantising.fp8(matrix, torch.Generator())
    assert torch.equal(quantising.fp8(once, torch.Generator()), once)
    assert ((once - matrix).abs() <= (matrix.abs() / 16).clamp_min(2**-10)).all()


def test_compensation_lowers_the_error_of_outputs():
    """GPTQ moves a matrix's outputs on the text less than rounding alone does."""
    before = made("llama", "d64x4")
    moments = quantising.second_moments(before, 1)
    weights = {name: weight for name, weight in tensors(before.model).items() if "proj" in name}
    errors = []
    for change in (changes.quantise(4, 32), quantising.compensated(4)):
        after = change(copy.deepcopy(before), 1)
        error = 0.0
        for module, moment in moments.items():
            name = next(n for n, m in before.model.named_modules() if m is module)
            moved = after.model.get_submodule(name).weight.detach() - weights[f"{name}.weight"]
            error += float(((moved @ moment) * moved).sum())
        errors.append(error)
    assert errors[1] < 0.8 * errors[0]


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_ternary_training_leaves_three_values(family):
    """Every row of every matrix has one size of entries beside zero, and training moved some."""
    start = made(family)
    root = roots.Root("any", family, "d32x4", "none", 1, 1)
    row = next(row for row in plan.FURTHER if row.change == "ternary")
    after = row.step([start], 1, Recipe.of(root, replace(SCALE, steps=20))).model
    for module in quantising.maps(after):
        rows = quantising.linear(module).abs()
        largest = rows.amax(1, keepdim=True)
        assert torch.isclose(rows, torch.where(rows > largest / 2, largest, 0.0), atol=1e-6).all()


PARENTS = [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]


def test_stock_goes_by_the_angle():
    """Task vectors at a right angle give the base, equal ones their mean."""
    base, first, second = (torch.tensor(values) for values in PARENTS)
    assert torch.allclose(merging.stock([base, first, second]), base)
    assert torch.allclose(merging.stock([base, first, first]), first)


def test_layers_of_several():
    """Layers as the order says, all else the first parent's."""
    first, second = made("llama"), made("llama")
    for parameter in second.model.parameters():
        parameter.data.add_(1)
    expected = [tensors(one.model) for one in (first, second)]
    after = tensors(merging.by_layer(merging.second_half)([first, second], 1).model)
    for name, weight in after.items():
        late = any(f"layers.{place}." in name for place in (2, 3))
        assert torch.equal(weight, expected[late][name])
