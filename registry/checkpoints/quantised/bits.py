"""Small numbers out of packed integers, and matrices filled a block of rows at a time."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = 1 << 20  # elements that are unpacked at a time

# FP4 (e2m1, Open Compute Project, Microscaling Formats 1.0, 5.3.3): a sign, two bits of exponent,
# one of mantissa.
E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0)


def unpack(packed: "Tensor", bits: int, count: int) -> "Tensor":
    """Return the first `count` unsigned numbers along the last dimension.

    They are a stream of bits, lowest first; a number may reach over the border of two words.

    Args:
        packed: ... x words, of any integer type.
        bits: Of one number, 1 to 8.
        count: How many numbers to return.

    Returns:
        ... x count, int16, which holds differences of the numbers too.
    """
    import torch  # noqa: PLC0415  # only whoever reads waits for it

    # A copy, for torch takes any stride along a dimension of 1 for contiguous. The host is
    # little-endian, as files are.
    octets = packed.clone(memory_format=torch.contiguous_format).view(torch.uint8)
    mask = (1 << bits) - 1
    if 8 % bits == 0:
        shifts = torch.arange(0, 8, bits, dtype=torch.uint8)
        numbers = (octets.unsqueeze(-1) >> shifts) & mask  # ... x octets x numbers in an octet
        return numbers.flatten(-2)[..., :count].short()
    starts = torch.arange(count) * bits
    first = starts // 8
    second = (first + 1).clamp(max=octets.shape[-1] - 1)
    pairs = octets[..., first].int() | octets[..., second].int() << 8
    return ((pairs >> (starts % 8)) & mask).short()


def e2m1(numbers: "Tensor") -> "Tensor":
    """Return what 4-bit floats stand for, float32; `numbers` are theirs from 0 to 15."""
    import torch  # noqa: PLC0415  # only whoever reads waits for it

    return torch.tensor(E2M1)[numbers.int()]


def numbered(count: int, size: int) -> "Tensor":
    """Return the number of its run of `size`, for each of `count` elements: 0 0 0 1 1 1 2."""
    import torch  # noqa: PLC0415  # only whoever reads waits for it

    return torch.arange(count) // size


def fill_rows(matrix: "Tensor", block: Callable[[slice], "Tensor"]) -> "Tensor":
    """Set a matrix a few rows at a time, so that little is held twice, and return it.

    Args:
        matrix: Rows x ..., whose content is overwritten.
        block: Makes the rows of a slice.
    """
    row_elements = math.prod(matrix.shape[1:])
    step = max(1, BLOCK // max(1, row_elements))
    for start in range(0, matrix.shape[0], step):
        rows = slice(start, start + step)
        matrix[rows] = block(rows)
    return matrix
