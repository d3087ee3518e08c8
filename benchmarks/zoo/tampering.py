"""Function-preserving re-parameterisations, each checked by logits.

`tampered` works in float64 and raises where the logits moved. What an architecture does not permit is left out, and
SKIPPED says why.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from zoo.anatomy import NAMES, Norm, anatomy

TOLERANCE = 1e-4  # of the logits' standard deviation; transformers computes norms and rotary angles in float32
AFTER = "its norms after each branch have gains in the residual basis, and nothing linear follows to take them"
CURVED = "its hidden units have no linear gate partner: the activation lets neither a factor nor a sign through"
SKIPPED = {
    **{(kind, "rotation"): AFTER for kind in ("gemma2", "olmo2")},
    **{
        (kind, change): CURVED
        for kind in ("gpt2", "gpt_neox")
        for change in ("rescaling-hidden", "signs-hidden")
    },
}


class FunctionChangedError(Exception):
    """A tampering that should have preserved the function did not."""


def tampered(model: PreTrainedModel, change: str, seed: int) -> PreTrainedModel:
    """A copy of the model with one of CHANGES done to it, in float64.

    Raises FunctionChangedError where the logits differ.
    """
    after = copy.deepcopy(model).double()
    CHANGES[change](after, torch.Generator().manual_seed(seed))
    check(copy.deepcopy(model).double(), after, change)
    return after


def check(
    before: PreTrainedModel, after: PreTrainedModel, change: str, place: Tensor | None = None
) -> None:
    """Raise FunctionChangedError unless both give the same logits; token i of the first is place[i] of the other."""
    size = before.config.vocab_size
    place = torch.arange(size) if place is None else place
    ids = torch.randint(size, (4, 32), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = before.eval()(input_ids=ids.to(before.device)).logits
        found = after.eval()(input_ids=place[ids].to(after.device)).logits[..., place]
    moved = (expected - found).abs().max() / expected.std()
    if not moved < TOLERANCE:
        message = f"{change} moved the logits of {type(before).__name__} by {moved:.2g} of their standard deviation"
        raise FunctionChangedError(message)


def permitted(kind: str) -> list[str]:
    """The tamperings that an architecture (its model_type) permits."""
    return [change for change in CHANGES if (kind, change) not in SKIPPED]


def permute_hidden(model: PreTrainedModel, draw: torch.Generator) -> None:
    """Another order of the hidden units of every perceptron."""
    for each in anatomy(model).perceptrons:
        order = torch.randperm(len(each.up), generator=draw)
        for tensor in (each.gate, each.up, each.down, each.bias):
            if tensor is not None:
                tensor.copy_(tensor[order])


def permute_heads(model: PreTrainedModel, draw: torch.Generator) -> None:
    """Another order of the heads of keys, and of the heads of queries within each group."""
    for each in anatomy(model).attentions:
        keys, group = each.q.shape[:2]
        order = torch.randperm(keys, generator=draw)
        inner = torch.stack([torch.randperm(group, generator=draw) for _ in range(keys)])
        for tensor in (each.q, each.o, *each.beside_q):
            tensor.copy_(tensor[order[:, None], inner])
        for tensor in (each.k, each.v, each.bias_v, *each.beside_k):
            if tensor is not None:
                tensor.copy_(tensor[order])


def permute_residual(model: PreTrainedModel, draw: torch.Generator) -> None:
    """Permute the residual stream."""
    order = torch.randperm(model.config.hidden_size, generator=draw)
    for tensor in anatomy(model).residual():
        tensor.copy_(tensor[..., order])


def fold(model: PreTrainedModel, draw: torch.Generator | None = None) -> None:  # noqa: ARG001 - one signature for all
    """Every norm's gain moved into the maps that read it; tied embeddings are untied, for the head takes a gain."""
    untie(model)
    for norm in anatomy(model).norms:
        _fold(norm)


def _fold(norm: Norm) -> None:
    gain = norm.gain + norm.offset
    for tensor in norm.readers:
        tensor.mul_(gain)
    if norm.bias is not None:
        norm.bias.div_(gain)
    norm.gain.fill_(1 - norm.offset)


def untie(model: PreTrainedModel) -> None:
    """Give the head its own copy of the embeddings."""
    head = model.get_submodule(NAMES[model.config.model_type].head)
    head.weight = nn.Parameter(head.weight.detach().clone())
    model.config.tie_word_embeddings = False


def rotate(model: PreTrainedModel, draw: torch.Generator) -> None:
    """Rotate the residual stream into a random orthogonal basis, norms folded first.

    Where norms subtract the mean, the rotation keeps the vector of ones, and with it every mean.
    """
    fold(model)
    body = anatomy(model)
    turn = rotation(model.config.hidden_size, draw, keep_mean=body.norms[-1].bias is not None)
    gains = {norm.gain.data_ptr() for norm in body.norms}
    for tensor in body.residual():
        if tensor.data_ptr() not in gains:
            tensor.copy_(tensor @ turn)


def rotation(size: int, draw: torch.Generator, *, keep_mean: bool) -> Tensor:
    """A random orthogonal matrix, uniform over those that (if so asked) map the vector of ones to itself."""
    if not keep_mean:
        return torch.linalg.qr(torch.randn(size, size, generator=draw, dtype=torch.float64))[0]
    basis = torch.linalg.qr(torch.cat([torch.ones(size, 1), torch.eye(size)[:, 1:]], 1).double())[0]
    inner = torch.block_diag(torch.ones(1, 1), rotation(size - 1, draw, keep_mean=False))
    return basis @ inner @ basis.T


Factors = Callable[[torch.Size, torch.Generator], Tensor]


def positive(shape: torch.Size, draw: torch.Generator) -> Tensor:
    """Factors between a quarter and four, log-uniform."""
    return 4.0 ** (2 * torch.rand(shape, generator=draw, dtype=torch.float64) - 1)


def signs(shape: torch.Size, draw: torch.Generator) -> Tensor:
    """Plus or minus one."""
    return 2.0 * torch.randint(2, shape, generator=draw, dtype=torch.float64) - 1


def scale_hidden(factors: Factors) -> Callable[[PreTrainedModel, torch.Generator], None]:
    """Rows of the up projection times factors, columns of the down projection by them."""

    def change(model: PreTrainedModel, draw: torch.Generator) -> None:
        for each in anatomy(model).perceptrons:
            by = factors(each.up.shape[:1], draw)[:, None]
            each.up.mul_(by)
            each.down.div_(by)

    return change


def scale_values(factors: Factors) -> Callable[[PreTrainedModel, torch.Generator], None]:
    """The values of every head times factors, what reads them by the same."""

    def change(model: PreTrainedModel, draw: torch.Generator) -> None:
        for each in anatomy(model).attentions:
            by = factors(each.v.shape[:2], draw)
            each.v.mul_(by[..., None])
            each.o.div_(by[:, None, :, None])
            if each.bias_v is not None:
                each.bias_v.mul_(by)

    return change


CHANGES: dict[str, Callable[[PreTrainedModel, torch.Generator], None]] = {
    "permutation-hidden": permute_hidden,
    "permutation-heads": permute_heads,
    "permutation-residual": permute_residual,
    "rotation": rotate,
    "rescaling-hidden": scale_hidden(positive),
    "rescaling-values": scale_values(positive),
    "norm-folding": fold,
    "signs-hidden": scale_hidden(signs),
    "signs-values": scale_values(signs),
}
