"""One tensor of a checkpoint: what the index says of it, and how to fetch it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(frozen=True)
class Entry:
    """A tensor that has not been read yet.

    `load` reads it into memory, `dtype` and `shape` as stated; nothing is kept afterwards. `stored` names the format
    where the file keeps it in another one (`gptq 4-bit`, `Q4_K`): `load` then dequantises.
    """

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    load: Callable[[], torch.Tensor]
    stored: str | None = None

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the tensor takes in memory."""
        return self.count * self.dtype.itemsize


@dataclass(frozen=True)
class Contents:
    """The tensors of one file or several, and what the format itself says of the model, in config.json's words."""

    entries: list[Entry]
    config: dict[str, Any] = field(default_factory=dict)
