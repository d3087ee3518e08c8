"""registry.checkpoints.peft.methods: deltas by the formulas of the papers."""

import pytest
import torch

from registry.checkpoints.peft.methods import as_matrix, matrix_shape, method_of

draw = torch.Generator().manual_seed(0)


def matrix(*shape):
    return torch.randn(shape, generator=draw)


A, B, E = matrix(2, 5), matrix(3, 2), matrix(2, 1)
CASES = {
    "LoRA": ("lora", {"lora_A": A, "lora_B": B}, B @ A),
    "AdaLoRA": ("adalora", {"lora_A": A, "lora_B": B, "lora_E": E}, B @ torch.diag(E[:, 0]) @ A),
    "embedding": ("lora", {"lora_embedding_A": A, "lora_embedding_B": B}, (B @ A).T),
    "LoHa": (
        "loha",
        {"hada_w1_a": B, "hada_w1_b": A, "hada_w2_a": 2 * B, "hada_w2_b": A},
        (B @ A) * (2 * B @ A),
    ),
    "LoKr": ("lokr", {"lokr_w1": B, "lokr_w2": A}, torch.kron(B, A)),
    "LoKr of products": (
        "lokr",
        {"lokr_w1_a": B, "lokr_w1_b": A, "lokr_w2": E},
        torch.kron(B @ A, E),
    ),
}


@pytest.mark.parametrize(("name", "matrices", "delta"), CASES.values(), ids=CASES)
def test_deltas(name, matrices, delta):
    """The method is told by its tensors, and its delta is the formula's."""
    method = method_of(matrices)
    assert method.name == name
    assert torch.allclose(method.delta(matrices), delta, rtol=1e-5)


def test_tensors_of_no_method():
    """Without a tensor that marks a method there is none."""
    with pytest.raises(LookupError, match="lora_A"):
        method_of({"lora_A": A})


def test_a_fused_weight_with_parts_enabled():
    """B of two enabled parts of three acts on its own rows and its own rows of A, and on no others."""
    enabled = (True, False, True)
    grouped = matrix(4, 2, 1)  # two outputs of each enabled part x r x 1
    full = as_matrix("lora_B", grouped, enabled)
    assert full.shape == matrix_shape("lora_B", (4, 2, 1), enabled) == (6, 4)
    assert torch.equal(full[:2, :2], grouped[:2, :, 0])
    assert torch.equal(full[4:, 2:], grouped[2:, :, 0])
    assert full.count_nonzero() == grouped.numel()


def test_other_factors_stay_what_they_are():
    """A matrix needs no change."""
    assert as_matrix("lora_A", A, (True, False)) is A


@pytest.mark.parametrize(
    ("shape", "enabled"),
    [((4, 2, 1), ()), ((4, 2, 1), (False,)), ((3, 2, 1), (True, True)), ((4, 2, 3), (True, True))],
    ids=["no flags", "none enabled", "odd rows", "a kernel of three"],
)
def test_convolutions_that_do_not_fit(shape, enabled):
    """B of a convolution must have as many rows as the enabled parts share evenly."""
    with pytest.raises(ValueError, match=str(shape[0])):
        matrix_shape("lora_B", shape, enabled)
