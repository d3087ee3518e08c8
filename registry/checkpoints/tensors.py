"""One tensor of a checkpoint: what the index states of it, and how to read it."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from registry.checkpoints.blob import Pieces
from registry.checkpoints.claim import Claim
from registry.checkpoints.dtypes import DType
from registry.checkpoints.initialisation import Initialisation
from registry.errors import TensorTooLarge
from registry.numerics.arrays import Values, as_array, as_tensor

if TYPE_CHECKING:
    from torch import Tensor

# neither torch nor numpy has an error of its own for a size that no memory has
REFUSED = re.compile(
    "allocate memory|size calculation overflowed|Overflow when unpacking"
    "|array is too big|Maximum allowed (dimension|size) exceeded"
)
T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """A tensor that has not been read yet.

    Attributes:
        name: The tensor's name.
        dtype: The type that `read` gives it.
        shape: The shape that `read` gives it.
        read: Brings it into memory, as an array or a tensor of torch's; nothing is kept afterwards.
        stored: The format where the file keeps it in another one (`gptq 4-bit`, `Q4_K`): `read`
            then dequantises.
        head: Reads the first values alone, row by row, where the file keeps them so.
        bytes_stored: Bytes that it takes where it is stored, if these are others than in memory.
        pieces: Reads some of the values alone, where the file keeps them so.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...]
    read: Callable[[], Values]
    stored: str | None = None
    head: Callable[[int], Values] | None = None
    bytes_stored: int | None = None
    pieces: Pieces | None = None

    @property
    def stored_bytes(self) -> int:
        """Bytes that the tensor takes where it is stored."""
        return self.nbytes if self.bytes_stored is None else self.bytes_stored

    @cached_property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the tensor takes in memory."""
        return self.count * self.dtype.itemsize

    def array(self) -> np.ndarray:
        """Read the tensor.

        Raises:
            TensorTooLarge: Where it does not fit into memory; and whatever `read` raises.
        """
        return self._guarded(lambda: as_array(self.read()))

    def load(self) -> "Tensor":
        """Read the tensor for who computes with torch. Raises what `array` raises."""
        return self._guarded(lambda: as_tensor(self.read()))

    def first(self, count: int) -> np.ndarray:
        """Read the first `count` values, row by row, or all if there are fewer.

        Raises:
            TensorTooLarge: Where they do not fit into memory; and whatever `head` raises.
        """
        head = self.head
        if head is None:
            return self.array().reshape(-1)[:count]
        return self._guarded(lambda: as_array(head(min(count, self.count))))

    @property
    def comes_in_pieces(self) -> bool:
        """Whether some of the values can be read alone."""
        return self.pieces is not None and self.pieces.read == self.read

    def in_pieces(self, count: int) -> Iterator[np.ndarray]:
        """Read so many values at a time, flat, of a tensor that comes in pieces.

        Raises what `array` raises.
        """
        assert self.pieces is not None
        at = self.pieces.at
        for start in range(0, self.count, count):
            length = min(count, self.count - start)
            yield self._guarded(partial(at, start, length))

    def _guarded(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except (MemoryError, OverflowError, RuntimeError, TypeError, ValueError) as exc:
            may_be_other = isinstance(exc, RuntimeError | TypeError | ValueError)
            if may_be_other and not REFUSED.search(str(exc)):
                raise
            raise TensorTooLarge(tensor=self.name, size=f"{self.nbytes:,}") from exc


@dataclass(frozen=True, kw_only=True)
class Piece(Entry):
    """What one rank holds of a tensor, whose pieces lie one after the other along an axis.

    Attributes:
        whole: The shape of the tensor.
        axis: The axis; None where every rank holds all of it.
    """

    whole: tuple[int, ...]
    axis: int | None


class FileStamp(NamedTuple):
    """What tells a file from a later one of its name.

    Attributes:
        name: Its path in the folder.
        size: Bytes.
        written: When it was last written, in nanoseconds; 0 on a hub.
    """

    name: str
    size: int
    written: int


@dataclass(frozen=True)
class Contents:
    """The tensors of one file or several.

    Attributes:
        entries: Their index.
        config: What the format itself states of the model, in config.json's words.
        finished: Completes the contents of all files together, given what errors call them.
        format: What the files are, such as `safetensors`.
        size: Bytes of the files.
        claims: What the format itself claims of the model.
        files: The files.
    """

    entries: list[Entry]
    config: dict[str, Any] = field(default_factory=dict)
    finished: Callable[["Contents", str], "Contents"] = lambda contents, _: contents
    format: str | None = None
    size: int = 0
    claims: tuple[Claim, ...] = ()
    files: tuple[FileStamp, ...] = ()


class HeadRows(Enum):
    """Which heads the rows of a matrix belong to."""

    QUERY = "num_attention_heads"
    KEY = "num_key_value_heads"


@dataclass(frozen=True, kw_only=True)
class TokenRows(Entry):
    """The rows of some tokens alone, tokens x hidden, that an adapter sets in an embedding.

    Attributes:
        weight: The name of the whole embedding.
        tokens: The rows' places in it.
    """

    weight: str
    tokens: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class BiasDelta(Entry):
    """What an adapter adds to a bias, before it is scaled (`lora_bias` of peft).

    Attributes:
        weight: The name of the bias.
        scaling: What it is multiplied by.
    """

    weight: str
    scaling: float


@dataclass(frozen=True, kw_only=True)
class Delta(Entry):
    """What an adapter adds to one weight, which `name` and `shape` are those of.

    `read` multiplies it out in float32, with its scaling.

    Attributes:
        method: The adapter's kind, such as `lora+rslora`.
        scaling: What the product of the factors is multiplied by.
        rank: The inner dimension of the factors.
        parts: The tensors that it is kept in.
        exact: Multiplies it out in float64, with its scaling.
        factors: Reads B and A, outputs x r and r x inputs, whose product times `scaling` it is;
            None where it is no such product.
        magnitude: The row lengths that DoRA sets, which stand beside it as an entry too.
        initialisation: How the adapter began, where that changed the base that the delta is added
            to; None for the base as it is.
        heads: Which of the base's heads its rows are ordered by, where each head's two halves
            alternate as in llama.cpp's files: HeadRows.QUERY or KEY.
    """

    method: str
    scaling: float
    rank: int
    parts: tuple[Entry, ...]
    exact: Callable[[], "Tensor"]
    factors: Callable[[], tuple[Values, Values]] | None = None
    magnitude: Entry | None = None
    initialisation: Initialisation | None = None
    heads: HeadRows | None = None

    @cached_property
    def count(self) -> int:
        """Number of elements in the parts: they are what is stored."""
        return sum(part.count for part in self.parts)

    @cached_property
    def stored_bytes(self) -> int:
        """Bytes of the parts."""
        return sum(part.stored_bytes for part in self.parts)
