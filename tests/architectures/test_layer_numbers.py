"""registry.architectures.layer_numbers: which layer a tensor outside the projections belongs to."""

import torch

from registry.architectures.layer_numbers import LayerNumbers
from registry.architectures.model_layout import model_layout
from registry.checkpoints.dtypes import F32
from registry.checkpoints.tensors import Entry


def test_a_layer_without_projections_keeps_its_number():
    """A tensor's layer is its projections' where there are any, else counted like its neighbours."""
    names = [f"model.layers.{layer}.self_attn.q_proj.weight" for layer in (0, 2)]
    entries = [Entry(name, F32, (4, 4), torch.empty) for name in names]
    numbers = LayerNumbers.of(model_layout(entries, {}))
    assert numbers.layer_of("model.layers.2.input_layernorm.weight") == 2
    assert numbers.layer_of("model.layers.1.self_attn.linear_attn.weight") == 1


def test_what_stands_outside_the_layers_has_none():
    """Embeddings, final norms and towers have no layer."""
    entries = [Entry("model.layers.0.self_attn.q_proj.weight", F32, (4, 4), torch.empty)]
    numbers = LayerNumbers.of(model_layout(entries, {}))
    assert numbers.layer_of("model.norm.weight") is None
    assert numbers.layer_of("vision_tower.layers.0.mlp.fc1.bias") is None
