"""Dense models made of experts and back, and other counts of experts."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, MixtralConfig, PreTrainedModel

from zoo.anatomy import NAMES
from zoo.models import Made, blank
from zoo.tampering import check

EXPERTS, CHOSEN = 4, 2
ROUTING = 0.02  # standard deviation of a new router's weights
COMMON = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "max_position_embeddings",
    "rms_norm_eps",
    "rope_parameters",
    "tie_word_embeddings",
    "initializer_range",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
)


def upcycled(made: Made, seed: int) -> Made:
    """A Mixtral whose experts all are a Llama's perceptron (arXiv 2212.05055), with random routers: the same function."""
    config = MixtralConfig(
        **_common(made.model), num_local_experts=EXPERTS, num_experts_per_tok=CHOSEN
    )
    other = blank(config).eval()
    _copy_equal(other, made.model)
    draw = torch.Generator().manual_seed(seed)
    for new, old in zip(layers(other), layers(made.model), strict=True):
        both = torch.cat([old.mlp.gate_proj.weight.data, old.mlp.up_proj.weight.data])
        new.mlp.experts.gate_up_proj.data.copy_(both.expand(EXPERTS, -1, -1))
        new.mlp.experts.down_proj.data.copy_(old.mlp.down_proj.weight.data.expand(EXPERTS, -1, -1))
        router = new.mlp.gate.weight.data
        router.copy_(ROUTING * torch.randn(router.shape, generator=draw))
    check(made.model, other, "upcycling")
    return made.with_model(other)


def dense(made: Made, _: int) -> Made:
    """A Llama whose perceptron is the mean of a Mixtral's experts."""
    other = blank(LlamaConfig(**_common(made.model))).eval()
    _copy_equal(other, made.model)
    for new, old in zip(layers(other), layers(made.model), strict=True):
        gate, up = old.mlp.experts.gate_up_proj.data.mean(0).chunk(2)
        new.mlp.gate_proj.weight.data.copy_(gate)
        new.mlp.up_proj.weight.data.copy_(up)
        new.mlp.down_proj.weight.data.copy_(old.mlp.experts.down_proj.data.mean(0))
    return made.with_model(other)


def pruned(made: Made, _: int) -> Made:
    """Without the expert whose router has the shortest weights, in every layer."""
    return _fewer(made, lambda layer: _without_least(layer.mlp.gate.weight.data))


def merged(made: Made, _: int) -> Made:
    """Every second expert and the one before it by their mean, routers too."""
    return _fewer(made, lambda layer: _pairs(len(layer.mlp.gate.weight)))


def _fewer(made: Made, mixing: Callable[[nn.Module], Tensor]) -> Made:
    """Experts as mixtures of the old: `mixing` of a layer gives (new, old)."""
    config = copy.deepcopy(made.model.config)
    name = "num_local_experts" if hasattr(config, "num_local_experts") else "num_experts"
    setattr(config, name, len(mixing(layers(made.model)[0])))
    other = blank(config).eval()
    _copy_equal(other, made.model)
    for new, old in zip(layers(other), layers(made.model), strict=True):
        mix = mixing(old)
        for path in ("gate.weight", "experts.gate_up_proj", "experts.down_proj"):
            source = old.mlp.get_parameter(path).data
            new.mlp.get_parameter(path).data.copy_(torch.tensordot(mix, source, 1))
    return made.with_model(other)


def _without_least(router: Tensor) -> Tensor:
    least = int(router.norm(dim=1).argmin())
    return torch.eye(len(router))[torch.arange(len(router)) != least]


def _pairs(count: int) -> Tensor:
    return 0.5 * torch.eye(count // 2).repeat_interleave(2, 1)


def layers(model: PreTrainedModel) -> nn.ModuleList:
    """The model's layers."""
    return model.get_submodule(NAMES[model.config.model_type].layers)


def _common(model: PreTrainedModel) -> dict:
    return {name: getattr(model.config, name, None) for name in COMMON}


def _copy_equal(other: PreTrainedModel, model: PreTrainedModel) -> None:
    """Every tensor that both have in one shape."""
    known = dict(model.named_parameters())
    for name, parameter in other.named_parameters():
        if name in known and known[name].shape == parameter.shape:
            parameter.data.copy_(known[name].data)
