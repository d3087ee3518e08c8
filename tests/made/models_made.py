"""A model as training leaves it, as far as lineage can tell, and what people do to one."""

import torch
from checkpoints_made import Tensors

HIDDEN, INNER, HEADS, KEYS, HEAD, LAYERS = 64, 96, 4, 2, 16, 4
Q, K, V, O = (f"self_attn.{p}_proj.weight" for p in "qkvo")  # noqa: E741  # the field's letter
GATE, UP, DOWN = (f"mlp.{p}_proj.weight" for p in ("gate", "up", "down"))


def grown(seed: int = 0, layers: int = LAYERS) -> Tensors:
    """A random Llama with grouped heads, whose values are as long as the outputs that read them, with uneven norms."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draw)

    tensors = {
        "model.embed_tokens.weight": normal(80, HIDDEN),
        "model.norm.weight": torch.ones(HIDDEN),
    }
    for i in range(layers):
        lengths = torch.exp(0.5 * normal(KEYS * HEAD))
        shared = lengths.reshape(KEYS, 1, HEAD).expand(KEYS, HEADS // KEYS, HEAD).reshape(-1)
        attention = {
            Q: normal(HIDDEN, HIDDEN),
            K: normal(KEYS * HEAD, HIDDEN),
            O: normal(HIDDEN, HIDDEN) * shared,
        }
        mlp = {GATE: normal(INNER, HIDDEN), UP: normal(INNER, HIDDEN), DOWN: normal(HIDDEN, INNER)}
        own = attention | mlp | {V: lengths[:, None] * normal(KEYS * HEAD, HIDDEN)}
        tensors |= {f"model.layers.{i}.{name}": 0.05 * (1 + 0.1 * i) * t for name, t in own.items()}
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"model.layers.{i}.{norm}.weight"] = 1 + 0.3 * normal(HIDDEN)
    return tensors


def each_layer(tensors: Tensors, change) -> Tensors:
    """`change` takes the tensors of one layer by their own names and gives those that are new."""
    made = dict(tensors)
    for i in sorted({int(name.split(".")[2]) for name in tensors if ".layers." in name}):
        prefix = f"model.layers.{i}."
        own = {
            name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)
        }
        made |= {
            prefix + name: t for name, t in change(own, torch.Generator().manual_seed(i)).items()
        }
    return made


def neurons_permuted(tensors: Tensors) -> Tensors:
    def change(own, draw):
        order = torch.randperm(INNER, generator=draw)
        return {GATE: own[GATE][order], UP: own[UP][order], DOWN: own[DOWN][:, order]}

    return each_layer(tensors, change)


def heads_permuted(tensors: Tensors) -> Tensors:
    def change(own, draw):
        del draw
        values, queries = (
            torch.arange(KEYS * HEAD).reshape(KEYS, HEAD),
            torch.arange(HIDDEN).reshape(KEYS, -1),
        )
        v, q = values.flip(0).reshape(-1), queries.flip(0).reshape(-1)
        return {Q: own[Q][q], K: own[K][v], V: own[V][v], O: own[O][:, q]}

    return each_layer(tensors, change)


def rescaled(tensors: Tensors) -> Tensors:
    def change(own, draw):
        by = torch.exp(0.5 * torch.randn(INNER, generator=draw))
        return {UP: own[UP] * by[:, None], DOWN: own[DOWN] / by}

    return each_layer(tensors, change)


def signs_flipped(tensors: Tensors) -> Tensors:
    def change(own, draw):
        by = torch.randint(2, (INNER,), generator=draw) * 2.0 - 1
        return {UP: own[UP] * by[:, None], DOWN: own[DOWN] * by}

    return each_layer(tensors, change)


def norms_folded(tensors: Tensors) -> Tensors:
    def change(own, draw):
        del draw
        first, second = own["input_layernorm.weight"], own["post_attention_layernorm.weight"]
        ones = torch.ones(HIDDEN)
        folded = {
            name: own[name] * gain
            for gain, names in ((first, (Q, K, V)), (second, (GATE, UP)))
            for name in names
        }
        return folded | {"input_layernorm.weight": ones, "post_attention_layernorm.weight": ones}

    return each_layer(tensors, change)


def rotated(tensors: Tensors) -> Tensors:
    """The residual stream in other axes, norms folded first."""
    basis, _ = torch.linalg.qr(
        torch.randn(HIDDEN, HIDDEN, generator=torch.Generator().manual_seed(99))
    )

    def change(own, draw):
        del draw
        return {name: own[name] @ basis for name in (Q, K, V, GATE, UP)} | {
            n: basis.T @ own[n] for n in (O, DOWN)
        }

    made = each_layer(norms_folded(tensors), change)
    return made | {"model.embed_tokens.weight": made["model.embed_tokens.weight"] @ basis}


def stream_permuted(tensors: Tensors) -> Tensors:
    order = torch.randperm(HIDDEN, generator=torch.Generator().manual_seed(98))

    def change(own, draw):
        del draw
        sides = {name: own[name][:, order] for name in (Q, K, V, GATE, UP)} | {
            n: own[n][order] for n in (O, DOWN)
        }
        return sides | {name: t[order] for name, t in own.items() if name.endswith("norm.weight")}

    made = each_layer(tensors, change)
    return made | {"model.embed_tokens.weight": made["model.embed_tokens.weight"][:, order]}


def tuned(tensors: Tensors, by: float = 0.1, seed: int = 7) -> Tensors:
    """Every matrix moved by a part of its size."""
    draw = torch.Generator().manual_seed(seed)
    return {
        n: t + by * t.std() * torch.randn(t.shape, generator=draw) if t.ndim > 1 else t
        for n, t in tensors.items()
    }


def adapted(tensors: Tensors, rank: int) -> Tensors:
    """Queries and values with an update of low rank."""

    def change(own, draw):
        return {name: own[name] + 0.01 * torch.randn(len(own[name]), rank, generator=draw)
                @ torch.randn(rank, HIDDEN, generator=draw) for name in (Q, V)}  # fmt: skip

    return each_layer(tensors, change)


def pruned(tensors: Tensors, share: float) -> Tensors:
    def cut(t):
        return torch.where(t.abs() < t.abs().flatten().quantile(share), 0.0, t) if t.ndim > 1 else t

    return {name: cut(t) if "layers" in name else t for name, t in tensors.items()}


def quantised(tensors: Tensors, bits: int) -> Tensors:
    """Rows on a grid, as round trips through integers leave them."""
    most = 2 ** (bits - 1) - 1

    def round_trip(t):
        step = t.abs().amax(1, keepdim=True) / most
        return (t / step).round() * step

    return {name: round_trip(t) if "proj" in name else t for name, t in tensors.items()}


def layers_taken(tensors: Tensors, order: list[int]) -> Tensors:
    """A model of the named layers, in that order."""
    made = {name: t for name, t in tensors.items() if ".layers." not in name}
    for i, j in enumerate(order):
        prefix = f"model.layers.{j}."
        made |= {
            f"model.layers.{i}.{n.removeprefix(prefix)}": t.clone()
            for n, t in tensors.items()
            if n.startswith(prefix)
        }
    return made


def neurons_cut(tensors: Tensors, left: int) -> Tensors:
    """The first of the hidden units."""

    def change(own, _):
        return {GATE: own[GATE][:left], UP: own[UP][:left], DOWN: own[DOWN][:, :left]}

    return each_layer(tensors, change)


def neurons_padded(tensors: Tensors, more: int) -> Tensors:
    """Hidden units of zeros."""

    def change(own, _):
        rows, columns = torch.zeros(more, HIDDEN), torch.zeros(HIDDEN, more)
        reading = {name: torch.cat([own[name], rows]) for name in (GATE, UP)}
        return reading | {DOWN: torch.cat([own[DOWN], columns], 1)}

    return each_layer(tensors, change)


def vocabulary_anew(tensors: Tensors) -> Tensors:
    return tensors | {
        "model.embed_tokens.weight": torch.randn(
            70, HIDDEN, generator=torch.Generator().manual_seed(97)
        )
    }
