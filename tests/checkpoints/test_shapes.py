"""registry.checkpoints.peft.shapes: shapes as torch would have them."""

import pytest
import torch

from registry.checkpoints.peft.shapes import MatrixShape

FORMULAS = {
    "product": lambda a, b: a @ b,
    "entry by entry": lambda a, b: a * b,
    "Kronecker": lambda a, b: a.kron(b),
    "transposed": lambda a, b: a.T @ b.T,
    "nested": lambda a, b: (a @ b).kron(b),
}
PAIRS = [
    ((2, 3), (3, 4)),
    ((3, 3), (3, 3)),
    ((2, 3), (2, 1)),
    ((1, 3), (2, 3)),
    ((4, 2), (5, 4)),
    ((0, 3), (3, 0)),
]


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_shapes_are_those_of_tensors(formula, pair):
    """What fits has the same shape, and what does not is an error in both."""
    try:
        expected = tuple(formula(*(torch.ones(shape) for shape in pair)).shape)
    except RuntimeError:
        with pytest.raises(ValueError, match=r"\d"):
            formula(*map(MatrixShape, pair))
    else:
        assert formula(*map(MatrixShape, pair)).shape == expected


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4)], ids=str)
def test_only_matrices_have_one(shape):
    """A factor of another rank makes no update."""
    with pytest.raises(ValueError, match=r"\("):
        MatrixShape(shape)
