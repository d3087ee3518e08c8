"""One tensor of a checkpoint: what the index says of it, and how to fetch it."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from registry.checkpoints.dtypes import DType
from registry.errors import TensorTooLarge

if TYPE_CHECKING:
    from torch import Tensor

# torch has no error of its own for a lack of memory
REFUSED = re.compile("allocate memory|size calculation overflowed|Overflow when unpacking")


@dataclass(frozen=True)
class Entry:
    """A tensor that has not been read yet.

    `read` brings it into memory, `dtype` and `shape` as stated; nothing is kept afterwards. `stored` names the format
    where the file keeps it in another one (`gptq 4-bit`, `Q4_K`): `read` then dequantises. `head` reads the first
    values alone, row by row, where the file keeps them so.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...]
    read: Callable[[], "Tensor"]
    stored: str | None = None
    head: Callable[[int], "Tensor"] | None = None

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the tensor takes in memory."""
        return self.count * self.dtype.itemsize

    def load(self) -> "Tensor":
        """Read the tensor. Raises TensorTooLarge where it does not fit into memory, and whatever `read` raises."""
        return self._guarded(self.read)

    def first(self, count: int) -> "Tensor":
        """The first `count` values, row by row, or all if there are fewer. Raises as `load`."""
        head = self.head
        if head is None:
            return self.load().reshape(-1)[:count]
        return self._guarded(lambda: head(min(count, self.count)))

    def _guarded(self, read: Callable[[], "Tensor"]) -> "Tensor":
        try:
            return read()
        except (MemoryError, OverflowError, RuntimeError, TypeError) as exc:
            if isinstance(exc, RuntimeError | TypeError) and not REFUSED.search(str(exc)):
                raise
            raise TensorTooLarge(tensor=self.name, size=f"{self.nbytes:,}") from exc


@dataclass(frozen=True)
class Contents:
    """The tensors of one file or several.

    config: what the format itself says of the model, in config.json's words. finished: gives the contents of all files
    together their last touch, told how errors call them.
    """

    entries: list[Entry]
    config: dict[str, Any] = field(default_factory=dict)
    finished: Callable[["Contents", str], "Contents"] = lambda contents, _: contents


@dataclass(frozen=True, kw_only=True)
class Delta(Entry):
    """What an adapter adds to one weight, which `name` and `shape` are those of.

    `read` multiplies it out in float32, `exact` in float64, both with `scaling`. `factors` reads the two matrices,
    outputs x r and r x inputs, whose product times `scaling` it is; None where it is no such product. `parts` are the
    tensors that it is kept in, `magnitude` the row lengths that DoRA sets, which stand beside it as an entry too.
    """

    method: str
    scaling: float
    rank: int
    parts: tuple[Entry, ...]
    exact: Callable[[], "Tensor"]
    factors: Callable[[], tuple["Tensor", "Tensor"]] | None = None
    magnitude: Entry | None = None

    @property
    def count(self) -> int:
        """Number of elements in the parts: it is they that are stored."""
        return sum(part.count for part in self.parts)
