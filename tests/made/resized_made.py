"""Changes of size and of the tensors outside the projections, of the models of models_made."""

import torch
from checkpoints_made import Tensors
from models_made import DOWN, GATE, HEAD, HIDDEN, KEYS, UP, K, O, Q, V, each_layer

NORMS = ("input_layernorm.weight", "post_attention_layernorm.weight")
EXPERT = "mlp.experts.{}.{}_proj.weight"


def neurons_pruned(tensors: Tensors, left: int = 72) -> Tensors:
    """The first neurons of every MLP."""

    def change(own, draw):
        del draw
        return {GATE: own[GATE][:left], UP: own[UP][:left], DOWN: own[DOWN][:, :left]}

    return each_layer(tensors, change)


def heads_pruned(tensors: Tensors) -> Tensors:
    """The first query head of each key head."""

    def change(own, draw):
        del draw
        rows = torch.arange(HIDDEN).reshape(KEYS, -1, HEAD)[:, :1].reshape(-1)
        return {Q: own[Q][rows], O: own[O][:, rows]}

    return each_layer(tensors, change)


def keys_repeated(tensors: Tensors) -> Tensors:
    """Every key and value head twice: the same function."""

    def change(own, draw):
        del draw
        return {
            name: own[name].reshape(KEYS, HEAD, HIDDEN).repeat_interleave(2, 0).flatten(0, 1)
            for name in (K, V)
        }

    return each_layer(tensors, change)


def narrowed(tensors: Tensors, width: int = 48) -> Tensors:
    """The first channels of the residual stream."""

    def change(own, draw):
        del draw
        reading = {name: own[name][:, :width] for name in (Q, K, V, GATE, UP)}
        writing = {name: own[name][:width] for name in (O, DOWN)}
        return reading | writing | {name: own[name][:width] for name in NORMS}

    made = each_layer(tensors, change)
    made["model.norm.weight"] = made["model.norm.weight"][:width]
    made["model.embed_tokens.weight"] = made["model.embed_tokens.weight"][:, :width]
    return made


def with_experts(tensors: Tensors, kept: tuple[int, ...] = (0, 1, 2, 3), seed: int = 5) -> Tensors:
    """Some of four experts in place of every MLP, numbered from 0, and a router over them."""
    made = {name: t for name, t in tensors.items() if ".mlp." not in name}
    for layer in sorted({int(name.split(".")[2]) for name in tensors if ".layers." in name}):
        draw = torch.Generator().manual_seed(seed + layer)
        router = torch.randn(4, HIDDEN, generator=draw)
        prefix = f"model.layers.{layer}."
        made[prefix + "mlp.gate.weight"] = router[list(kept)]
        for number, expert in enumerate(kept):
            for name in ("gate", "up", "down"):
                draw = torch.Generator().manual_seed(100 * layer + expert)
                base = tensors[prefix + f"mlp.{name}_proj.weight"]
                own = base.std() * torch.randn(base.shape, generator=draw)
                made[prefix + EXPERT.format(number, name)] = own
    return made


def queries_mapped(tensors: Tensors) -> Tensors:
    """Rows of query and key in another order within heads, as from Meta's layout to halves."""

    def change(own, draw):
        del draw
        return {
            name: own[name].reshape(-1, 2, HEAD // 2, HIDDEN).transpose(1, 2).flatten(0, 2)
            for name in (Q, K)
        }

    return each_layer(tensors, change)


def gains_rescaled(tensors: Tensors) -> Tensors:
    """Channels scaled before attention, and the gains by the inverse, as some quantisers do first."""

    def change(own, draw):
        by = torch.exp(0.5 * torch.randn(HIDDEN, generator=draw))
        reading = {name: own[name] * by for name in (Q, K, V)}
        return reading | {NORMS[0]: own[NORMS[0]] / by}

    return each_layer(tensors, change)


def trained_alone(tensors: Tensors, ending: str, by: float = 0.2) -> Tensors:
    """The tensors of one name moved by a share of their size."""
    draw = torch.Generator().manual_seed(31)
    return {
        name: t + by * t.std() * torch.randn(t.shape, generator=draw)
        if name.endswith(ending)
        else t
        for name, t in tensors.items()
    }


def silenced(tensors: Tensors, layer: int) -> Tensors:
    """A layer that writes next to nothing, as an inserted block does when training has begun."""
    draw = torch.Generator().manual_seed(13)
    prefix = f"model.layers.{layer}."
    made = dict(tensors)
    for name in (O, DOWN):
        made[prefix + name] = 1e-3 * torch.randn(tensors[prefix + name].shape, generator=draw)
    return made
