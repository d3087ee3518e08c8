"""Layers that begin as identities, a projection of zeros, layers in another order."""

import torch
from transformers import PreTrainedModel

from zoo.anatomy import NAMES, anatomy
from zoo.changes import layers
from zoo.models import Made
from zoo.tampering import check


def after_every_second(count: int) -> list[int]:
    """Every second layer twice: of four layers 0, 1, 1, 2, 3, 3."""
    return sorted([*range(count), *range(1, count, 2)])


def inserted(count: int) -> list[int]:
    """Where the copies are after such an expansion."""
    order = after_every_second(count)
    return [place for place in range(1, len(order)) if order[place] == order[place - 1]]


def expanded(made: Made, seed: int) -> Made:
    """Copies of every second layer that write nothing, behind it: the same function (arXiv 2401.02415)."""
    count = made.model.config.num_hidden_layers
    after = layers(after_every_second)(made, seed)
    silence(after.model, inserted(count))
    check(made.model, after.model, "inserting layers")
    return after


def silence(model: PreTrainedModel, places: list[int]) -> None:
    """Zero all that these layers add to the residual stream, their biases too."""
    stem = NAMES[model.config.model_type].layers
    names = NAMES[model.config.model_type]
    for place in places:
        for name in (names.o, names.down):
            for parameter in model.get_submodule(f"{stem}.{place}.{name}").parameters():
                parameter.data.zero_()


def new_layers(model: PreTrainedModel) -> list[torch.nn.Parameter]:
    """The parameters of the layers that an expansion added, judged by the count of layers."""
    total = model.config.num_hidden_layers
    count = next(n for n in range(1, total) if len(after_every_second(n)) == total)
    stem = NAMES[model.config.model_type].layers
    chosen = [model.get_submodule(f"{stem}.{place}") for place in inserted(count)]
    return [parameter for layer in chosen for parameter in layer.parameters()]


def zero_projection(made: Made, seed: int) -> Made:
    """The values' projection of one layer all zero."""
    attentions = anatomy(made.model).attentions
    attentions[seed % len(attentions)].v.zero_()
    return made


def interleaved(count: int) -> list[int]:
    """All layers but the first and the last twice, each beside its copy."""
    return sorted([*range(count), *range(1, count - 1)])


def swapped(count: int) -> list[int]:
    """The two layers in the middle in each other's place."""
    order = list(range(count))
    middle = count // 2
    order[middle - 1], order[middle] = order[middle], order[middle - 1]
    return order
