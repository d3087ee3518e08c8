"""A checkpoint's weights as matrices that can be edited in place, and saved as the checkpoint was."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from registry.architectures.layout import layout_of
from registry.checkpoints import open_checkpoint

BESIDE = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True)
class Place:
    """Where a matrix stands: its layer, its projection, its expert (None for none)."""

    layer: int
    projection: str
    expert: int | None


@dataclass
class Weights:
    """All tensors of a model in float32, and its projections, outputs x inputs, as views into them.

    Attributes:
        stored: How `save` writes what holds projections.
    """

    folder: Path
    tensors: dict[str, Tensor]
    matrices: dict[Place, Tensor]
    stored: str = "bfloat16"

    @classmethod
    def of(cls, folder: Path) -> "Weights":
        """Read a folder."""
        tensors = {}
        for file in sorted(folder.glob("*.safetensors")):
            for name, values in load_file(file).items():
                tensors[name] = values.float()
        matrices = {}
        for held in layout_of(open_checkpoint(folder)).projections:
            values = tensors.get(held.entry.name)
            if values is None:  # read from several tensors
                continue
            if held.groups > 1:  # interleaved: no view of one projection
                matrices[Place(held.layer, "+".join(held.parts), None)] = values
                continue
            cut = held.cut(values)
            for projection, expert, matrix in zip(held.parts, held.experts, cut, strict=True):
                matrices[Place(held.layer, projection, expert)] = matrix
        return cls(folder, tensors, matrices)

    @property
    def layers(self) -> list[int]:
        """The numbers of the layers."""
        return sorted({place.layer for place in self.matrices})

    @property
    def embedding(self) -> Tensor:
        """The tokens' embeddings: tokens x width."""
        for name in ("embed_tokens.weight", "wte.weight", "embed_in.weight"):
            for whole, values in self.tensors.items():
                if whole.endswith(name):
                    return values
        raise KeyError("embedding")

    def of_projections(self, *projections: str) -> dict[Place, Tensor]:
        """The matrices of some projections."""
        return {place: w for place, w in self.matrices.items() if place.projection in projections}

    def save(self, folder: Path) -> Path:
        """Write a folder: in bfloat16, what holds projections perhaps in int8 or fp8 with a scale for each row."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in BESIDE:
            if (self.folder / name).exists():
                shutil.copy(self.folder / name, folder / name)
        held = {matrix.untyped_storage().data_ptr() for matrix in self.matrices.values()}
        written = {}
        for name, values in self.tensors.items():
            is_held = values.untyped_storage().data_ptr() in held
            if self.stored == "bfloat16" or not is_held or values.ndim != 2:
                written[name] = values.bfloat16().contiguous()
                continue
            written |= with_scales(name, values, self.stored)
        save_file(written, folder / "model.safetensors", metadata={"format": "pt"})
        return folder


def with_scales(name: str, values: Tensor, stored: str) -> dict[str, Tensor]:
    """A matrix in int8 or fp8, and the scale of each row: the largest entry becomes the type's."""
    top = 127 if stored == "int8" else torch.finfo(torch.float8_e4m3fn).max
    scales = values.abs().amax(1, keepdim=True).clamp_min(1e-12) / top
    numbers = values / scales
    kept = numbers.round().to(torch.int8) if stored == "int8" else numbers.to(torch.float8_e4m3fn)
    return {name: kept.contiguous(), f"{name}_scale": scales.contiguous()}
