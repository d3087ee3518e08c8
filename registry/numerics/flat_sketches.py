"""Sixteen signed sums of a tensor's values: how far two tensors of one shape lie apart.

Linear, and rows appended below change it by their own sums alone.
"""

import math
from typing import NamedTuple

import torch

from registry.numerics.sketches import finite, signs

WIDTH = 16  # sums
BLOCK = 4096  # values that one table of signs covers; every block has signs of its own besides
BLOCKS_AT_ONCE = 32  # 512 KiB in float32, which stay in a cache
TABLE_SEED, BLOCK_SEED = 21, 22


class FlatSketch(NamedTuple):
    """The size of a tensor and its image.

    Attributes:
        length: root of the sum of the squared finite values.
        sums: 16 numbers; their squares add up to length^2 in the mean, off by a third or so.
    """

    length: float
    sums: tuple[float, ...]


def flat_sketch(tensor: torch.Tensor) -> FlatSketch:
    """Return the length and the signed sums of a tensor of any type and shape.

    sums[k] = sum over values x_i of s_k(i) x_i / 4 with s_k(i) = table[i mod 4096, k] times
    block[i div 4096, k], all signs from fixed seeds. NaN and infinities count as zero.
    """
    flat = tensor.reshape(-1)
    table = signs(BLOCK, WIDTH, TABLE_SEED).to(flat.device)
    block_signs = signs(-(-len(flat) // BLOCK), WIDTH, BLOCK_SEED).to(flat.device)

    squares = 0.0
    sums = torch.zeros(WIDTH, dtype=torch.float64, device=flat.device)
    for number, piece in enumerate(flat.split(BLOCK * BLOCKS_AT_ONCE)):
        values = finite(piece)
        squares += float(torch.linalg.vector_norm(values, dtype=torch.float64)) ** 2
        image = block_images(values, table)  # blocks x 16
        start = number * BLOCKS_AT_ONCE
        flips = block_signs[start : start + len(image)]
        sums += (image * flips).sum(0, dtype=torch.float64)

    scaled = (sums / math.sqrt(WIDTH)).to(torch.float32)  # as they are stored
    return FlatSketch(math.sqrt(squares), tuple(scaled.tolist()))


def block_images(values: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Return the signed sums of every block of a row of values: blocks x 16.

    A last block that is not full counts as if zeros followed.
    """
    whole = len(values) // BLOCK * BLOCK
    images = [values[:whole].view(-1, BLOCK) @ table]
    rest = values[whole:]
    if len(rest):
        images.append((rest @ table[: len(rest)])[None])
    return torch.cat(images)
