"""Where each architecture keeps what: views into a model's weights, in one layout for all of them.

Every view shares memory with the model, so that writing into it changes the model. A tensor that touches the residual
stream has that axis last. H heads of keys, G heads of queries to each, e values in a head, d the residual stream.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D


@dataclass(frozen=True)
class Attention:
    """q, o: (H, G, e, d); k, v: (H, e, d); biases, and gains within heads, have no d."""

    q: Tensor
    k: Tensor
    v: Tensor
    o: Tensor
    beside_q: list[Tensor]
    beside_k: list[Tensor]
    bias_v: Tensor | None


@dataclass(frozen=True)
class Perceptron:
    """gate, up, down: (hidden, d). Without a gate, `up` goes through the activation."""

    up: Tensor
    down: Tensor
    gate: Tensor | None = None
    bias: Tensor | None = None


@dataclass(frozen=True)
class Norm:
    """A norm before linear maps: x / |x| * (gain + offset) + bias; `readers` (.., d) are what it is read by."""

    gain: Tensor
    bias: Tensor | None
    offset: float
    readers: list[Tensor]


@dataclass(frozen=True)
class Anatomy:
    """All weights of a model; `writers` (.., d) add to the residual stream or lie in it."""

    attentions: list[Attention] = field(default_factory=list)
    perceptrons: list[Perceptron] = field(default_factory=list)
    norms: list[Norm] = field(default_factory=list)
    unread: list[Tensor] = field(default_factory=list)  # readers without a norm before them
    afters: list[Tensor] = field(
        default_factory=list
    )  # gains after a branch: nothing linear follows
    writers: list[Tensor] = field(default_factory=list)

    def residual(self) -> list[Tensor]:
        """Every tensor whose last axis is the residual stream's, once."""
        read = [
            tensor
            for norm in self.norms
            for tensor in (norm.gain, norm.bias, *norm.readers)
            if tensor is not None
        ]
        tensors = [*read, *self.unread, *self.afters, *self.writers]
        return list({(tensor.data_ptr(), tensor.shape): tensor for tensor in tensors}.values())


@dataclass(frozen=True)
class Names:
    """What an architecture calls its modules."""

    layers: str = "model.layers"
    embeddings: tuple[str, ...] = ("model.embed_tokens",)
    final: str = "model.norm"
    head: str = "lm_head"
    qkv: tuple[str, ...] = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
    o: str = "self_attn.o_proj"
    before_attention: str | None = "input_layernorm"
    before_perceptron: str | None = "post_attention_layernorm"
    afters: tuple[str, ...] = ()
    gate_up: tuple[str, ...] = ("mlp.gate_proj", "mlp.up_proj")
    down: str = "mlp.down_proj"
    q_norm: str | None = None
    k_norm: str | None = None
    split: str = "apart"
    experts: str | None = None
    readers: tuple[str, ...] = ()  # further readers of the perceptron's norm: routers
    offset: float = 0.0


POST = ("post_attention_layernorm", "post_feedforward_layernorm")
NAMES = {
    "llama": Names(),
    "mistral": Names(),
    "qwen2": Names(),
    "phi3": Names(qkv=("self_attn.qkv_proj",), split="stacked", gate_up=("mlp.gate_up_proj",)),
    "gemma2": Names(before_perceptron="pre_feedforward_layernorm", afters=POST, offset=1.0),
    "olmo2": Names(
        before_attention=None,
        before_perceptron=None,
        afters=POST,
        q_norm="self_attn.q_norm",
        k_norm="self_attn.k_norm",
    ),
    "qwen2_moe": Names(
        gate_up=("mlp.shared_expert.gate_proj", "mlp.shared_expert.up_proj"),
        down="mlp.shared_expert.down_proj",
        experts="mlp.experts",
        readers=("mlp.gate", "mlp.shared_expert_gate"),
    ),
    "mixtral": Names(gate_up=(), experts="mlp.experts", readers=("mlp.gate",)),
    "gpt2": Names(
        layers="transformer.h",
        embeddings=("transformer.wte", "transformer.wpe"),
        final="transformer.ln_f",
        qkv=("attn.c_attn",),
        split="stacked",
        o="attn.c_proj",
        before_attention="ln_1",
        before_perceptron="ln_2",
        gate_up=("mlp.c_fc",),
        down="mlp.c_proj",
    ),
    "gpt_neox": Names(
        layers="gpt_neox.layers",
        embeddings=("gpt_neox.embed_in",),
        final="gpt_neox.final_layer_norm",
        qkv=("attention.query_key_value",),
        split="interleaved",
        o="attention.dense",
        gate_up=("mlp.dense_h_to_4h",),
        down="mlp.dense_4h_to_h",
    ),
}


def anatomy(model: PreTrainedModel) -> Anatomy:
    """The model's weights in one layout."""
    names = NAMES[model.config.model_type]
    body = Anatomy()
    body.writers.extend(model.get_submodule(name).weight.data for name in names.embeddings)
    for layer in model.get_submodule(names.layers):
        _layer(layer, names, Heads.of(model), body)
    body.norms.append(
        _norm(
            model.get_submodule(names.final), names, [model.get_submodule(names.head).weight.data]
        )
    )
    return body


@dataclass(frozen=True)
class Heads:
    """Heads of keys, heads of queries to each of them, values in a head."""

    keys: int
    group: int
    size: int

    @classmethod
    def of(cls, model: PreTrainedModel) -> "Heads":
        """As the config counts them."""
        config = model.config
        heads = config.num_attention_heads
        keys = getattr(config, "num_key_value_heads", None) or heads
        return cls(
            keys, heads // keys, getattr(config, "head_dim", None) or config.hidden_size // heads
        )


def _layer(layer: nn.Module, names: Names, heads: Heads, body: Anatomy) -> None:
    attention, readers, writers = _attention(layer, names, heads)
    body.attentions.append(attention)
    body.writers.extend(writers)
    perceptrons, more, writers = _perceptrons(layer, names)
    body.perceptrons.extend(perceptrons)
    body.writers.extend(writers)
    for name, read in ((names.before_attention, readers), (names.before_perceptron, more)):
        if name is None:
            body.unread.extend(read)
        else:
            body.norms.append(_norm(layer.get_submodule(name), names, read))
    body.afters.extend(layer.get_submodule(name).weight.data for name in names.afters)


def _attention(
    layer: nn.Module, names: Names, heads: Heads
) -> tuple[Attention, list[Tensor], list[Tensor]]:
    maps, out = [layer.get_submodule(name) for name in names.qkv], layer.get_submodule(names.o)
    split = SPLITS[names.split]
    q, k, v = split([linear(each) for each in maps], heads)
    o = linear(out).T.unflatten(0, q.shape[:3])
    beside_q, beside_k, bias_v = [], [], None
    if maps[0].bias is not None:
        bias_q, bias_k, bias_v = split([each.bias.data for each in maps], heads)
        beside_q.append(bias_q)
        beside_k.append(bias_k)
    if names.q_norm and names.k_norm:
        beside_q.append(layer.get_submodule(names.q_norm).weight.data.view(q.shape[:3]))
        beside_k.append(layer.get_submodule(names.k_norm).weight.data.view(k.shape[:2]))
    return Attention(q, k, v, o, beside_q, beside_k, bias_v), [q, k, v], [o, *_bias(out)]


def _perceptrons(
    layer: nn.Module, names: Names
) -> tuple[list[Perceptron], list[Tensor], list[Tensor]]:
    found, biases = [], []
    if names.gate_up:
        maps = [layer.get_submodule(name) for name in names.gate_up]
        out = layer.get_submodule(names.down)
        fused = [linear(each) for each in maps]
        bias = maps[-1].bias.data if maps[-1].bias is not None else None
        found = [_perceptron(fused, linear(out).T, bias)]
        biases = _bias(out)
    if names.experts:
        experts = layer.get_submodule(names.experts)
        pairs = zip(experts.gate_up_proj.data, experts.down_proj.data, strict=True)
        found += [_perceptron([both], down.T, None) for both, down in pairs]
    readers = [tensor for each in found for tensor in (each.gate, each.up) if tensor is not None]
    readers += [layer.get_submodule(name).weight.data for name in names.readers]
    return found, readers, [each.down for each in found] + biases


def _perceptron(parts: list[Tensor], down: Tensor, bias: Tensor | None) -> Perceptron:
    """Gate and up apart, or one above the other, or no gate: distinguished by their rows."""
    if len(parts) == 1 and len(parts[0]) == 2 * len(down):
        parts = list(parts[0].chunk(2))
    gate, up = parts if len(parts) == 2 else (None, parts[0])
    return Perceptron(up, down, gate, bias)


def _norm(norm: nn.Module, names: Names, readers: list[Tensor]) -> Norm:
    bias = getattr(norm, "bias", None)
    return Norm(norm.weight.data, None if bias is None else bias.data, names.offset, readers)


def _bias(linear_map: nn.Module) -> list[Tensor]:
    return [] if linear_map.bias is None else [linear_map.bias.data]


def linear(module: nn.Module) -> Tensor:
    """A linear map's weight as (outputs, inputs)."""
    return module.weight.data.T if isinstance(module, Conv1D) else module.weight.data


def _apart(parts: list[Tensor], heads: Heads) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = parts
    keys = (heads.keys, heads.size)
    return (
        q.unflatten(0, (heads.keys, heads.group, heads.size)),
        k.unflatten(0, keys),
        v.unflatten(0, keys),
    )


def _stacked(parts: list[Tensor], heads: Heads) -> tuple[Tensor, Tensor, Tensor]:
    keys = heads.keys * heads.size
    return _apart(list(parts[0].split([keys * heads.group, keys, keys])), heads)


def _interleaved(parts: list[Tensor], heads: Heads) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = parts[0].unflatten(0, (heads.keys, 3, heads.size)).unbind(1)
    return q.unsqueeze(1), k, v


SPLITS: dict[str, Callable[[list[Tensor], Heads], tuple[Tensor, Tensor, Tensor]]] = {
    "apart": _apart,
    "stacked": _stacked,
    "interleaved": _interleaved,
}


def matrices(model: PreTrainedModel) -> Iterator[Tensor]:
    """Every matrix within the layers as a view (.., outputs, inputs)."""
    layers = model.get_submodule(NAMES[model.config.model_type].layers)
    for module in layers.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.ndim > 1:
                yield parameter.data.T if isinstance(module, Conv1D) else parameter.data
