"""Changes of width, hidden units and heads: a blank model of another shape is filled from the old one's views."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import GPT2Config, PreTrainedModel

from zoo.anatomy import Anatomy, Attention, Heads, Perceptron, anatomy
from zoo.models import Made, blank
from zoo.tampering import check

Change = Callable[[Made, int], Made]
Along = Callable[[Tensor], Tensor]  # of a tensor's last axis, the residual stream
SHARE = 0.75  # of the width, and of the hidden units, that pruning leaves


def neurons_pruned(made: Made, _: int) -> Made:
    """The quarter of every perceptron's hidden units with the shortest weights taken out."""
    left = round(SHARE * hidden_units(made.model))
    other = reshaped(made.model, **units(made.model, left))
    before, after = anatomy(made.model), anatomy(other)
    fill_residual(after, before, same)
    fill_attentions(after, before, same, same)
    for new, old in zip(after.perceptrons, before.perceptrons, strict=True):
        kept = largest(old.up.norm(dim=1) * old.down.norm(dim=1), left)
        fill_perceptron(new, old, lambda tensor, kept=kept: tensor[kept])
    return made.with_model(other)


def heads_pruned(made: Made, _: int) -> Made:
    """Of the query heads of every key head half are left, those with the longest weights."""
    heads = Heads.of(made.model)
    left = heads.group // 2
    other = reshaped(made.model, num_attention_heads=heads.keys * left, head_dim=heads.size)
    before, after = anatomy(made.model), anatomy(other)
    fill_residual(after, before, same)
    for new, old in zip(after.attentions, before.attentions, strict=True):
        sizes = old.q.flatten(2).norm(dim=2) * old.o.flatten(2).norm(dim=2)
        kept = sizes.topk(left, dim=1).indices.sort(dim=1).values
        rows = torch.arange(heads.keys)[:, None]
        fill_attention(
            new,
            old,
            lambda tensor, rows=rows, kept=kept: tensor[rows, kept],
            same,
        )
    return made.with_model(other)


def keys_pooled(made: Made, _: int) -> Made:
    """Pairs of key and value heads by their means, as when many heads become a few (arXiv 2305.13245)."""
    heads = Heads.of(made.model)
    other = reshaped(made.model, num_key_value_heads=heads.keys // 2, head_dim=heads.size)
    before, after = anatomy(made.model), anatomy(other)
    fill_residual(after, before, same)
    fill_attentions(
        after,
        before,
        lambda tensor: tensor.unflatten(0, (-1, 2)).flatten(1, 2),
        lambda tensor: tensor.unflatten(0, (-1, 2)).mean(1),
    )
    return made.with_model(other)


def keys_repeated(made: Made, _: int) -> Made:
    """Every key and value head twice, each for half of the queries: the same function."""
    heads = Heads.of(made.model)
    other = reshaped(made.model, num_key_value_heads=2 * heads.keys, head_dim=heads.size)
    before, after = anatomy(made.model), anatomy(other)
    fill_residual(after, before, same)
    fill_attentions(
        after,
        before,
        lambda tensor: tensor.unflatten(1, (2, -1)).flatten(0, 1),
        lambda tensor: tensor.repeat_interleave(2, 0),
    )
    check(made.model, other, "repeating key heads")
    return made.with_model(other)


def width_pruned(made: Made, _: int) -> Made:
    """The quarter of the residual stream's channels that are written the least taken out.

    Where the size of a head follows from the width, the last quarter of the heads goes with them.
    """
    width = made.model.config.hidden_size
    before = anatomy(made.model)
    written = sum(tensor.reshape(-1, width).square().sum(0) for tensor in before.writers)
    kept = largest(written, round(SHARE * width))
    other = reshaped(made.model, **widths(made.model, len(kept)))
    fill(anatomy(other), before, lambda tensor: tensor[..., kept])
    return made.with_model(other)


def width_padded(made: Made, _: int) -> Made:
    """A quarter more channels, all zero. Gains shrink, for the norm's mean is now over more: the same function."""
    width = made.model.config.hidden_size
    more = width // 4
    share = width / (width + more)
    other = reshaped(
        made.model,
        **widths(made.model, width + more),
        rms_norm_eps=made.model.config.rms_norm_eps * share,
    )
    after = anatomy(other)
    fill(after, anatomy(made.model), lambda tensor: torch.nn.functional.pad(tensor, (0, more)))
    for norm in after.norms:
        norm.gain.mul_(share**0.5)
        norm.gain[width:] = 1
    check(made.model, other, "padding the width")
    return made.with_model(other)


def width_doubled(made: Made, seed: int) -> Made:
    """Every channel twice; what reads it takes random shares of both: the same function."""
    draw = torch.Generator().manual_seed(seed)
    other = reshaped(made.model, **widths(made.model, 2 * made.model.config.hidden_size))
    after, before = anatomy(other), anatomy(made.model)
    fill(after, before, lambda tensor: torch.cat([tensor, tensor], -1))
    readers = [tensor for norm in after.norms for tensor in norm.readers]
    if (
        other.config.tie_word_embeddings
    ):  # the head reads both copies, and the final gain takes the half
        after.norms[-1].gain.mul_(0.5)
        table = other.get_output_embeddings().weight.data_ptr()
        readers = [tensor for tensor in readers if tensor.data_ptr() != table]
    for tensor in readers:
        first, second = tensor.chunk(2, -1)
        share = 0.3 + 0.4 * torch.rand(first.shape, generator=draw)
        first.mul_(share)
        second.mul_(1 - share)
    check(made.model, other, "doubling the width")
    return made.with_model(other)


def all_pruned(made: Made, seed: int) -> Made:
    """Width, hidden units and heads, each as above."""
    for change in (width_pruned, neurons_pruned, heads_pruned):
        made = change(made, seed)
    return made


def reshaped(model: PreTrainedModel, **given: Any) -> PreTrainedModel:
    """A random model of the same config but for these entries."""
    config = copy.deepcopy(model.config)
    for name, value in given.items():
        setattr(config, name, value)
    return blank(config).eval()


def hidden_units(model: PreTrainedModel) -> int:
    """Of a perceptron."""
    return len(anatomy(model).perceptrons[0].up)


def units(model: PreTrainedModel, count: int) -> dict[str, int]:
    """What the config calls the count of hidden units."""
    name = "n_inner" if isinstance(model.config, GPT2Config) else "intermediate_size"
    return {name: count}


def widths(model: PreTrainedModel, width: int) -> dict[str, int]:
    """A config's entries for another width, hidden units and, where it can say so, heads left as they are."""
    heads = Heads.of(model)
    given = {"hidden_size": width, **units(model, hidden_units(model))}
    if isinstance(model.config, GPT2Config):
        return given | {"num_attention_heads": width // heads.size}
    return given | {"head_dim": heads.size}


def same(tensor: Tensor) -> Tensor:
    """No change."""
    return tensor


def largest(sizes: Tensor, count: int) -> Tensor:
    """Places of the largest, in their order."""
    return sizes.topk(count).indices.sort().values


def fill(after: Anatomy, before: Anatomy, along: Along) -> None:
    """All weights of another width, and as many heads as there are, the first."""
    fill_residual(after, before, along)
    for new, old in zip(after.perceptrons, before.perceptrons, strict=True):
        fill_perceptron(new, old, along_if_wide(along, old.up.shape[-1]))
    first = _first(
        len(after.attentions[0].k), along_if_wide(along, before.attentions[0].q.shape[-1])
    )
    fill_attentions(after, before, first, first)


def along_if_wide(along: Along, width: int) -> Along:
    """The change for tensors that have the residual axis; others stay."""
    return lambda tensor: along(tensor) if tensor.ndim > 1 and tensor.shape[-1] == width else tensor


def _first(heads: int, along: Along) -> Along:
    return lambda tensor: along(tensor[:heads])


def fill_residual(after: Anatomy, before: Anatomy, along: Along) -> None:
    """Embeddings, head, norms, biases and whatever else keeps its other axes."""
    for new, old in zip(after.residual(), before.residual(), strict=True):
        changed = along(old)
        if changed.shape == new.shape:
            new.copy_(changed)


def fill_perceptron(new: Perceptron, old: Perceptron, rows: Along) -> None:
    """One perceptron; `rows` acts on (hidden, d) and on biases (hidden)."""
    for target, source in ((new.up, old.up), (new.down, old.down)):
        target.copy_(rows(source))
    for target, source in ((new.gate, old.gate), (new.bias, old.bias)):
        if target is not None and source is not None:
            target.copy_(rows(source))


def fill_attentions(after: Anatomy, before: Anatomy, queries: Along, keys: Along) -> None:
    """All attentions in one way."""
    for new, old in zip(after.attentions, before.attentions, strict=True):
        fill_attention(new, old, queries, keys)


def fill_attention(new: Attention, old: Attention, queries: Along, keys: Along) -> None:
    """One attention; `queries` acts on (H, G, ..), `keys` on (H, ..)."""
    for target, source in zip(
        (new.q, new.o, *new.beside_q), (old.q, old.o, *old.beside_q), strict=True
    ):
        target.copy_(queries(source))
    for target, source in zip(
        (new.k, new.v, *new.beside_k), (old.k, old.v, *old.beside_k), strict=True
    ):
        target.copy_(keys(source))
    if new.bias_v is not None and old.bias_v is not None:
        new.bias_v.copy_(keys(old.bias_v))
