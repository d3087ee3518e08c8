"""Models whose projections stay close to chosen others."""

import numpy as np
import torch
from checkpoints_made import write_folder

from registry.characteristic import generator

NAMES = {
    "query": "self_attn.q_proj", "key": "self_attn.k_proj", "value": "self_attn.v_proj", "output": "self_attn.o_proj",
    "gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj",
}  # fmt: skip


def model(folder, spectra, size=64):
    """A Llama whose matrices have given singular values: spectra[projection] is layers x size."""
    draw = torch.Generator().manual_seed(5)
    left, _ = torch.linalg.qr(torch.randn(size, size, generator=draw))
    tensors = {
        f"model.layers.{i}.{NAMES[projection]}.weight": left
        * torch.tensor(row, dtype=torch.float32)
        for projection, rows in spectra.items()
        for i, row in enumerate(rows)
    }
    return write_folder(folder, tensors)


def grouped(groups, layers=16, size=64):
    """Spectra of a model with given groups, from a falling template each that the generator moves a little."""
    draw, spectra = np.random.default_rng(3), {}
    for number, (first, *members) in enumerate(groups):
        template = np.linspace(2, 1, size) ** (1 + number)
        spectra[first], _ = generator.pair(template, layers, "power law", draw, std=1e-3)
        spectra |= {
            p: generator.beside(spectra[first], template, "power law", draw, std=1e-3)
            for p in members
        }
    return spectra
