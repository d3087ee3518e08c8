"""Which parameters of a model belong to a group, to train them alone."""

from collections.abc import Callable, Iterator

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from zoo.anatomy import NAMES

Part = Callable[[PreTrainedModel], list[nn.Parameter]]


def embeddings(model: PreTrainedModel) -> list[nn.Parameter]:
    """The tokens' embeddings, which are the head's weights too where these are tied."""
    return [model.get_input_embeddings().weight]


def head(model: PreTrainedModel) -> list[nn.Parameter]:
    """The map to the logits."""
    return [model.get_output_embeddings().weight]


def norms(model: PreTrainedModel) -> list[nn.Parameter]:
    """Gains and biases of all norms."""
    chosen = (module for module in model.modules() if "Norm" in type(module).__name__)
    return [parameter for module in chosen for parameter in module.parameters(recurse=False)]


def biases(model: PreTrainedModel) -> list[nn.Parameter]:
    """Those of linear maps."""
    maps = (module for module in model.modules() if isinstance(module, nn.Linear | Conv1D))
    return [module.bias for module in maps if module.bias is not None]


def routers(model: PreTrainedModel) -> list[nn.Parameter]:
    """What chooses experts."""
    return list(_routers(model))


def _routers(model: PreTrainedModel) -> Iterator[nn.Parameter]:
    for layer in model.get_submodule(NAMES[model.config.model_type].layers):
        yield layer.mlp.gate.weight
