"""registry.numerics.device_products, with tensors in the host's memory, against float64."""

import pytest
import torch

from registry.numerics.device_products import Gram, add, dots, orthogonalise

TYPES = [torch.bfloat16, torch.float16, torch.float32]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "shape", [(1, 1), (3, 5), (7, 2), (64, 33), (100, 2100), (2100, 100)], ids=str
)
@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("vectors", [4, 12])
def test_products(shape, dtype, vectors):
    """Dots, sums and the product with both are those of float64, whatever the remainders of rows and columns."""
    a = normal(2, *shape).to(dtype)
    x, y, z = (normal(2, vectors, size, seed=size) for size in (shape[1], shape[0], shape[1]))
    exact = a.double()
    assert torch.allclose(
        dots(a, x).double(), x.double() @ exact.mT, atol=1e-3 * shape[1] ** 0.5 / 30
    )
    before = z.double()
    add(a, y, z)
    assert torch.allclose(z.double(), before + y.double() @ exact, atol=1e-3 * shape[0] ** 0.5 / 30)
    gram = exact.mT @ exact if shape[1] <= shape[0] else exact @ exact.mT
    vectors_in = x if shape[1] <= shape[0] else y
    expected = vectors_in.double() @ gram
    assert torch.allclose(
        Gram(a)(vectors_in).double(), expected, atol=1e-5 * float(expected.abs().max())
    )


@pytest.mark.parametrize("scale", [2.0**-90, 2.0**90])
def test_scale(scale):
    """A matrix of any magnitude is brought near 1 by a scale, without a copy."""
    a = normal(1, 50, 20)
    x = normal(1, 4, 20, seed=1)
    assert torch.allclose(Gram(a * scale, 1 / scale)(x), Gram(a)(x), rtol=1e-4, atol=1e-3)


def test_orthogonalise():
    """Rows become orthonormal to the basis and each other, and the two factors say what they were."""
    basis = torch.linalg.qr(normal(2, 100, 30))[0].mT.contiguous()
    w = normal(2, 8, 100, seed=1) * torch.logspace(-2, 2, 8)[:, None]
    w[0, 3] += 1e2 * basis[0, 5]
    before = w.double()
    inside, outside, lost = orthogonalise(basis, w)
    assert not lost.any()
    both = torch.cat([basis, w], 1)
    assert torch.allclose(both @ both.mT, torch.eye(38).expand(2, -1, -1), atol=1e-6)
    again = inside.double() @ basis.double() + outside @ w.double()
    assert ((again - before).norm(dim=2) <= 1e-5 * before.norm(dim=2)).all()


@pytest.mark.parametrize("what", ["in the basis", "zero", "equal"])
def test_lost_rows(what):
    """Rows that add nothing to the basis and the rows before them are reported and zero; the others are kept."""
    basis = torch.linalg.qr(normal(1, 100, 30))[0].mT.contiguous()
    w = normal(1, 4, 100, seed=1)
    w[0, 2] = {
        "in the basis": 3 * basis[0, 7] - basis[0, 9],
        "zero": torch.zeros(100),
        "equal": w[0, 1],
    }[what]
    _, outside, lost = orthogonalise(basis, w)
    assert lost.tolist() == [[False, False, True, False]]
    assert w.norm(dim=2).tolist() == [pytest.approx([1, 1, 0, 1], abs=1e-6)]
    assert not outside[0, :, 2].any()
