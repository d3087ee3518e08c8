"""What an initialisation of LoRA leaves of the base, as peft leaves it when it loads the adapter.

PiSSA: arXiv 2404.02948, section 3; OLoRA: 2406.01775, algorithm 1; LoftQ: 2310.08659, algorithm 1.
"""

import torch

from registry.checkpoints.initialisation import BaseChange
from registry.checkpoints.tensors import Delta

BLOCK = 64  # values that share a scale in bitsandbytes' 4-bit types
AT_ONCE = 1 << 20  # values that are quantised at a time, whole blocks
# The 16 values of a 4-bit normal float (QLoRA, arXiv 2305.14314, appendix E).
NORMAL_FLOATS = (
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
)


def initial_base(stored: torch.Tensor, delta: Delta) -> torch.Tensor:
    """Return the weight that a delta is added to: as stored, or what its initialisation left of it.

    It is cut to the weight's own type, as peft does.
    """
    if delta.initialisation is None:
        return stored
    if delta.initialisation.change is BaseChange.LEADING_PART:
        weight = stored.to(torch.float64)
        remainder: torch.Tensor = weight - leading_part(weight, delta.rank)
        return remainder.to(stored.dtype)
    if delta.initialisation.change is BaseChange.LEADING_COLUMNS:
        return without_leading_columns(stored, delta.rank, delta.scaling)
    return loftq_base(stored, delta.rank, delta.initialisation.iterations)


def without_leading_columns(stored: torch.Tensor, rank: int, scaling: float) -> torch.Tensor:
    """Return a weight less what lies in the span of its first columns, times the scaling.

    Q R = W, and Q's and R's first r columns and rows are taken: of the weight as it is stored,
    whichever way round that is.
    """
    weight = stored.to(torch.float64)
    basis = torch.linalg.qr(weight[:, :rank]).Q
    part: torch.Tensor = scaling * (basis @ (basis.T @ weight))
    return (weight - part).to(stored.dtype)


def leading_part(matrix: torch.Tensor, rank: int) -> torch.Tensor:
    """Return the sum of a matrix's `rank` largest singular components, rows x columns.

    The singular vectors of its shorter side are the eigenvectors of its Gram matrix, in float64.
    """
    rows, columns = matrix.shape
    if rows > columns:
        return leading_part(matrix.T, rank).T
    matrix = matrix.to(torch.float64)
    _, vectors = torch.linalg.eigh(matrix @ matrix.T)  # eigenvalues rise
    basis = vectors[:, max(rows - rank, 0) :]
    part: torch.Tensor = basis @ (basis.T @ matrix)
    return part


def loftq_base(stored: torch.Tensor, rank: int, iterations: int) -> torch.Tensor:
    """Return LoftQ's base: the weight, less B A of the round before, in 4-bit normal floats."""
    weight = stored.to(torch.float32)
    remainder = weight
    quantised = normal_floats(remainder)
    for _ in range(iterations - 1):
        low_rank = leading_part(weight - quantised, rank)
        remainder = (weight - low_rank).to(torch.float32)
        quantised = normal_floats(remainder)
    return quantised.to(stored.dtype)


def normal_floats(weight: torch.Tensor) -> torch.Tensor:
    """Return a float32 weight rounded to the nearest 4-bit normal floats, scaled by blocks."""
    values = torch.tensor(NORMAL_FLOATS)
    middles = (values[1:] + values[:-1]) / 2
    flat = weight.reshape(-1)
    rounded = torch.empty_like(flat)
    for begin in range(0, len(flat), AT_ONCE):
        part = flat[begin : begin + AT_ONCE]
        padding = -len(part) % BLOCK
        blocks = torch.nn.functional.pad(part, (0, padding)).view(-1, BLOCK)
        scale = blocks.abs().amax(1, keepdim=True)
        codes = torch.bucketize(blocks / scale.clamp(min=torch.finfo(torch.float32).tiny), middles)
        rounded[begin : begin + AT_ONCE] = (values[codes] * scale).view(-1)[: len(part)]
    return rounded.view(weight.shape)
