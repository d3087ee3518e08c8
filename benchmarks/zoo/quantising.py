"""Weights on few levels, by the ways in use, and back to floats."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from registry.checkpoints.peft.initial_base import NORMAL_FLOATS
from zoo import text
from zoo.anatomy import NAMES, linear
from zoo.changes import Change, on_matrices
from zoo.models import Made
from zoo.recipes import WINDOW

GROUP = 32
NF4 = torch.tensor(NORMAL_FLOATS)
NF4_BLOCK = 64
READ = 16  # windows of text that a calibrated quantisation sees
DAMPING = 0.01  # share of the mean diagonal of the inputs' second moments


def fp8(matrix: Tensor, _: torch.Generator) -> Tensor:
    """Four bits of exponent, three of mantissa, without a scale."""
    return matrix.to(torch.float8_e4m3fn).to(matrix.dtype)


def fp8_scaled(matrix: Tensor, _: torch.Generator) -> Tensor:
    """The same with a scale for each matrix, which puts its largest entry at the type's."""
    top = torch.finfo(torch.float8_e4m3fn).max
    scale = matrix.abs().amax((-2, -1), keepdim=True).clamp_min(1e-12) / top
    return fp8(matrix / scale, torch.Generator()) * scale


def nf4(matrix: Tensor, _: torch.Generator) -> Tensor:
    """The nearest of sixteen quantiles, of the largest in a block of 64 entries."""
    entries = matrix.flatten()
    missing = -len(entries) % NF4_BLOCK
    blocks = nn.functional.pad(entries, (0, missing)).view(-1, NF4_BLOCK)
    scale = blocks.abs().amax(1, keepdim=True).clamp_min(1e-12)
    edges = (NF4[1:] + NF4[:-1]) / 2
    rounded = NF4[torch.bucketize(blocks / scale, edges)] * scale
    return rounded.flatten()[: len(entries)].view(matrix.shape)


def q4_0(matrix: Tensor, _: torch.Generator) -> Tensor:
    """llama.cpp's: in groups of 32 the entry of the largest size becomes -8."""
    groups = matrix.unflatten(-1, (-1, GROUP))
    place = groups.abs().argmax(-1, keepdim=True)
    scale = groups.gather(-1, place) / -8
    scale = torch.where(scale == 0, 1e-12, scale).half().to(matrix.dtype)
    scale = torch.where(scale == 0, 1e-12, scale)
    levels = (groups / scale + 8.5).floor().clamp(0, 15) - 8
    return (levels * scale).flatten(-2)


def between_extremes(bits: int) -> Callable[[Tensor, torch.Generator], Tensor]:
    """Equal steps from the least to the largest entry of a group of 32."""

    def function(matrix: Tensor, _: torch.Generator) -> Tensor:
        groups = matrix.unflatten(-1, (-1, GROUP))
        least, most = groups.aminmax(dim=-1, keepdim=True)
        step = ((most - least) / (2**bits - 1)).clamp_min(1e-12)
        return (((groups - least) / step).round() * step + least).flatten(-2)

    return function


def ternary(matrix: Tensor) -> Tensor:
    """Minus one, zero or one times the mean size of a row's entries (arXiv 2402.17764)."""
    scale = matrix.abs().mean(-1, keepdim=True).clamp_min(1e-12)
    return (matrix / scale).round().clamp(-1, 1) * scale


class StraightThrough(nn.Module):
    """Ternary forward, the identity backward."""

    def __init__(self, *, transposed: bool) -> None:
        super().__init__()
        self.transposed = transposed

    def forward(self, weight: Tensor) -> Tensor:
        """The weight as its layer uses it."""
        matrix = weight.T if self.transposed else weight
        rounded = ternary(matrix)
        return weight + ((rounded.T if self.transposed else rounded) - weight).detach()


def through_ternary(model: PreTrainedModel) -> None:
    """Let every linear map within the layers use ternary weights, until `as_ternary`."""
    for module in maps(model):
        step = StraightThrough(transposed=isinstance(module, Conv1D))
        parametrize.register_parametrization(module, "weight", step, unsafe=True)


def as_ternary(model: PreTrainedModel) -> None:
    """Keep the ternary weights."""
    for module in maps(model):
        parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)


def maps(model: PreTrainedModel) -> list[nn.Module]:
    """The linear maps within the layers."""
    layers = model.get_submodule(NAMES[model.config.model_type].layers)
    return [module for module in layers.modules() if isinstance(module, nn.Linear | Conv1D)]


def compensated(bits: int) -> Change:
    """GPTQ (arXiv 2210.17323): column by column, the rest takes up the error as the inputs weigh it."""

    def change(made: Made, seed: int) -> Made:
        for module, moments in second_moments(made, seed).items():
            matrix = linear(module)
            matrix.copy_(_compensated(matrix.clone(), moments, 2 ** (bits - 1) - 1))
        return made

    return change


def second_moments(made: Made, seed: int) -> dict[nn.Module, Tensor]:
    """Of the inputs of every linear map, over some windows of the reference text."""
    draw = torch.Generator().manual_seed(seed)
    ids = text.tokens(text.named("reference", made.tokenizer), made.tokenizer)
    starts = torch.randint(len(ids) - WINDOW, (READ, 1), generator=draw)
    moments: dict[nn.Module, Tensor] = {}

    def note(module: nn.Module, given: tuple[Tensor, ...], _: Tensor) -> None:
        inputs = given[0].flatten(0, -2)
        moments[module] = inputs.T @ inputs

    hooks = [module.register_forward_hook(note) for module in maps(made.model)]
    with torch.no_grad():
        made.model(input_ids=ids[starts + torch.arange(WINDOW)])
    for hook in hooks:
        hook.remove()
    return moments


def _compensated(matrix: Tensor, moments: Tensor, top: int) -> Tensor:
    size = len(moments)
    damped = moments + DAMPING * moments.diagonal().mean() * torch.eye(size)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped.double()))
    factor = torch.linalg.cholesky(inverse, upper=True).to(matrix.dtype)
    rounded = torch.empty_like(matrix)
    for column in range(size):
        if column % GROUP == 0:
            group = matrix[:, column : column + GROUP]
            scale = group.abs().amax(1).clamp_min(1e-12) / top
        rounded[:, column] = (matrix[:, column] / scale).round().clamp(-top, top) * scale
        error = (matrix[:, column] - rounded[:, column]) / factor[column, column]
        matrix[:, column:] -= torch.outer(error, factor[column, column:])
    return rounded


WAYS = {
    "fp8": on_matrices(fp8),
    "fp8-scaled": on_matrices(fp8_scaled),
    "nf4": on_matrices(nf4),
    "q4_0": on_matrices(q4_0),
    "int3": on_matrices(between_extremes(3)),
    "int2": on_matrices(between_extremes(2)),
    "gptq": compensated(4),
}
