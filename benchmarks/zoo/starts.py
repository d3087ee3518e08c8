"""First weights other than an architecture's own: strong channels, identities, flat spectra."""

from collections.abc import Callable

import torch
from torch import Tensor
from transformers import PreTrainedModel

from zoo.anatomy import anatomy, matrices
from zoo.vocabulary import tables

NEAR = 0.01  # standard deviation of what is added to identities, so that no two are equal


def start(model: PreTrainedModel, name: str, seed: int) -> None:
    """Change a random model's weights in place into those of one of STARTS."""
    STARTS[name](model, torch.Generator().manual_seed(seed))


def plain(model: PreTrainedModel, draw: torch.Generator) -> None:
    """As the architecture draws them."""


def strong_channel(factor: float) -> Callable[[PreTrainedModel, torch.Generator], None]:
    """One channel of the residual stream, times a factor in all that writes it."""

    def change(model: PreTrainedModel, draw: torch.Generator) -> None:
        channel = int(torch.randint(model.config.hidden_size, (1,), generator=draw))
        for tensor in anatomy(model).writers:
            tensor[..., channel] *= factor

    return change


def of_matrices(
    function: Callable[[Tensor, torch.Generator], Tensor], *, embeddings: bool = False
) -> Callable[[PreTrainedModel, torch.Generator], None]:
    """Every matrix within the layers (each expert alone), and perhaps the embeddings, by a function of it."""

    def change(model: PreTrainedModel, draw: torch.Generator) -> None:
        chosen = [*matrices(model), *(tables(model) if embeddings else ())]
        for matrix in chosen:
            for one in matrix if matrix.ndim > 2 else [matrix]:
                one.copy_(function(one, draw))

    return change


def identity(matrix: Tensor, draw: torch.Generator) -> Tensor:
    """Ones on the diagonal, and a little noise."""
    return torch.eye(*matrix.shape) + NEAR * torch.randn(matrix.shape, generator=draw)


def orthogonal(matrix: Tensor, draw: torch.Generator) -> Tensor:
    """Rows or columns of length one, at right angles."""
    drawn = torch.randn(max(matrix.shape), min(matrix.shape), generator=draw)
    basis = torch.linalg.qr(drawn)[0]
    return basis if basis.shape == matrix.shape else basis.T


def flat(matrix: Tensor, _: torch.Generator) -> Tensor:
    """The same singular vectors, all singular values equal to their mean."""
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    return values.mean() * left @ right


def uniform(matrix: Tensor, draw: torch.Generator) -> Tensor:
    """Xavier's bounds: sqrt(6 / (inputs + outputs))."""
    bound = (6 / sum(matrix.shape)) ** 0.5
    return bound * (2 * torch.rand(matrix.shape, generator=draw) - 1)


STARTS: dict[str, Callable[[PreTrainedModel, torch.Generator], None]] = {
    "plain": plain,
    "channel-x10": strong_channel(10),
    "channel-x30": strong_channel(30),
    "identity": of_matrices(identity),
    "orthogonal": of_matrices(orthogonal),
    "flat": of_matrices(flat, embeddings=True),
    "uniform": of_matrices(uniform, embeddings=True),
}
