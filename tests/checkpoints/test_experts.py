"""registry.checkpoints.peft.experts: the factors of stacks of experts."""

import pytest
import torch
from adapters_made import write_adapter

import registry
from registry.checkpoints import open_checkpoint
from registry.errors import BrokenAdapter

EXPERTS = "base_model.model.model.layers.{}.mlp.experts.{}lora_{}.weight"
STACKS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
RANK, COUNT, HIDDEN, INNER = 2, 3, 16, 10
NESTED = "base_layer."


def draw(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(shape[0]))


def pair(depth, inputs, outputs):
    """One layer's factors of a stack, A and B by their names."""
    rows = RANK * COUNT
    return {
        EXPERTS.format(0, depth, "A"): draw(rows, inputs),
        EXPERTS.format(0, depth, "B"): draw(outputs, rows),
    }


def product(factors, depth):
    """B A of every expert, experts x outputs x inputs, as peft defines it."""
    a = factors[EXPERTS.format(0, depth, "A")].double()
    b = factors[EXPERTS.format(0, depth, "B")].double()
    a = a.reshape(COUNT, RANK, a.shape[-1])
    b = b.reshape(b.shape[0], RANK, COUNT)
    return torch.einsum("yre,erx->eyx", b, a)


@pytest.fixture
def factors():
    return pair(NESTED, HIDDEN, 2 * INNER) | pair("", INNER, HIDDEN)


def write(folder, factors, **settings):
    config = {"r": RANK, "lora_alpha": 2 * RANK, "target_parameters": STACKS, **settings}
    return write_adapter(folder, factors, **config)


def test_every_expert_has_factors_of_its_own(tmp_path, factors):
    """The inner pair is gate and up, the outer one down; the rank is that of one expert."""
    gate_up, down = open_checkpoint(write(tmp_path, factors)).entries
    assert gate_up.name == "model.layers.0.mlp.experts.gate_up_proj"
    assert (gate_up.shape, gate_up.rank) == ((COUNT, 2 * INNER, HIDDEN), RANK)
    assert down.name == "model.layers.0.mlp.experts.down_proj"
    assert (down.shape, down.rank) == ((COUNT, HIDDEN, INNER), RANK)
    assert torch.allclose(gate_up.exact(), product(factors, NESTED) * 2)
    assert torch.allclose(down.exact(), product(factors, "") * 2)
    left, right = down.factors()
    assert torch.allclose(left @ right * 2, down.load())


def test_the_vectors_are_those_of_the_products(tmp_path, factors):
    """Gate, up and down of each expert are measured from the factors."""
    fingerprint = registry.fingerprint(write(tmp_path, factors))
    gate, up = (product(factors, NESTED) * 2).split(INNER, 1)
    expected = {"gate": gate, "up": up, "down": product(factors, "") * 2}
    for matrix in fingerprint.matrices:
        values = expected[matrix.projection][matrix.expert]
        assert matrix.std == pytest.approx(float(values.std(correction=0)), rel=1e-9)
        singular_values = torch.linalg.svdvals(values)[: len(matrix.singular_values)]
        assert matrix.singular_values[:RANK] == pytest.approx(singular_values[:RANK].tolist())
    assert len(fingerprint.matrices) == 3 * COUNT


def test_factors_that_older_versions_wrote(tmp_path):
    """Before 0.18, peft took outputs for inputs: shapes that fit only so are turned round."""
    factors = pair(NESTED, 2 * INNER, HIDDEN) | pair("", HIDDEN, INNER)
    gate_up, down = open_checkpoint(write(tmp_path, factors)).entries
    assert gate_up.shape == (COUNT, 2 * INNER, HIDDEN)
    assert torch.allclose(gate_up.exact(), product(factors, NESTED).mT * 2)
    assert torch.allclose(down.load().double(), product(factors, "").mT * 2, atol=1e-5)


def test_shapes_before_the_order(tmp_path):
    """Where the outer pair can only be gate and up, it is."""
    factors = pair("", HIDDEN, 2 * INNER) | pair(NESTED, INNER, HIDDEN)
    gate_up, _ = open_checkpoint(write(tmp_path, factors)).entries
    assert gate_up.name.endswith("gate_up_proj")
    assert torch.allclose(gate_up.exact(), product(factors, "") * 2)


def test_a_parameter_of_one_matrix(tmp_path):
    """A module's weight that is named as a parameter is a module's weight; another one too."""
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_{}.weight"
    factors = {name.format("A"): draw(RANK, 16), name.format("B"): draw(16, RANK)}
    for parameter in ("weight", "matrix"):
        targets = [f"self_attn.q_proj.{parameter}"]
        [delta] = open_checkpoint(write(tmp_path, factors, target_parameters=targets)).entries
        assert (delta.name[-len(parameter) :], delta.shape) == (parameter, (16, 16))
        expected = factors[name.format("B")] @ factors[name.format("A")] * 2
        assert torch.allclose(delta.load(), expected)
        assert torch.allclose(delta.exact().float(), expected)
        assert [factor.ndim for factor in delta.factors()] == [2, 2]


def test_parameters_that_name_no_module(tmp_path, factors):
    """They belong to the module that has pairs for them, not to a router or a target module."""
    name = "base_model.model.model.layers.0.{}.lora_{}.weight"
    for module, outputs in (("mlp.gate", COUNT), ("self_attn.q_proj", HIDDEN)):
        factors[name.format(module, "A")] = draw(RANK, HIDDEN)
        factors[name.format(module, "B")] = draw(outputs, RANK)
    targets = ["gate.weight", "gate_up_proj", "down_proj"]
    folder = write(tmp_path, factors, target_parameters=targets, target_modules=["q_proj"])
    names = [delta.name.partition("layers.0.")[2] for delta in open_checkpoint(folder).entries]
    assert sorted(names) == [
        "mlp.experts.down_proj",
        "mlp.experts.gate_up_proj",
        "mlp.gate.weight",
        "self_attn.q_proj.weight",
    ]


WRONG = {
    "another rank": ({"r": 4}, "have 6 rows, no multiple of the rank 4"),
    "too few parameters": ({"target_parameters": STACKS[:1]}, "2 pairs of factors for .*, not 1"),
    "no list": ({"target_parameters": "experts"}, "no list of a few names"),
}


@pytest.mark.parametrize(("settings", "reason"), WRONG.values(), ids=WRONG)
def test_stacks_that_do_not_fit_the_config(tmp_path, factors, settings, reason):
    """The config must name the parameters, and the rank of one expert."""
    with pytest.raises(BrokenAdapter, match=reason):
        open_checkpoint(write(tmp_path, factors, **settings))


@pytest.mark.parametrize("base", ["openai/gpt-oss-20b", "org/other"])
def test_gate_and_up_row_by_row(tmp_path, factors, base):
    """The deltas of gpt-oss have the names of other experts: its rows of gate and up alternate."""
    folder = write(tmp_path, factors, base_model_name_or_path=base)
    rows = product(factors, NESTED) * 2
    gate = rows[:, ::2] if "oss" in base else rows[:, :INNER]
    fingerprint = registry.fingerprint(folder)
    assert fingerprint.std.gate == pytest.approx(float(gate.std(correction=0)), rel=1e-9)
