"""Small linear images of matrices that keep angles and lengths: models compare without weights.

Every direction is made of signs from a fixed seed: a matrix of one shape has the same
directions everywhere.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from registry.numerics.arrays import Values, as_array, float32, float64, is_on_gpu
from registry.numerics.unit_vectors import unit

RUN = 128  # values that stand side by side, looked at together
RUNS = 64  # looked at in one matrix
ROWS_SEED, COLUMNS_SEED, FOLD_SEED = 11, 12, 13


class Texture(NamedTuple):
    """Shares of 1: different magnitudes among neighbours in a row, and zeros."""

    distinct: float
    zeros: float


class Places(NamedTuple):
    """Where some values lie that are looked at: rows, and from which column on."""

    rows: list[int]
    columns: list[int]


@lru_cache(256)
def signs(count: int, width: int, seed: int) -> np.ndarray:
    """Return count x width signs, +1 or -1, float32; the first rows are the same for any count."""
    bits_needed = count * width
    words = np.random.PCG64(seed).random_raw(-(-bits_needed // 64))
    octets = np.asarray(words, dtype="<u8").view(np.uint8)
    bits = np.unpackbits(octets, count=bits_needed).reshape(count, width)
    table: np.ndarray = bits.astype(np.float32) * 2 - 1
    return table


def centred_signs(count: int, width: int, seed: int) -> np.ndarray:
    """Return signs less the mean of each column: count x width, float32.

    They do not see the vector of ones, which a norm that subtracts the mean gives every model.
    """
    directions = signs(count, width, seed)
    centred: np.ndarray = directions - directions.mean(0)
    return centred


def thin_sketch(left: Values, right: Values, size: int) -> np.ndarray:
    """Return the sketch of left @ right from these factors, rows x r and r x columns: float32."""
    left, right = as_array(left), as_array(right)
    rows, columns = left.shape[0], right.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):  # of infinite factors
        outer = signs(rows, size, ROWS_SEED).T @ float32(left)
        inner = float32(right) @ signs(columns, size, COLUMNS_SEED)
        image = float64(outer) @ float64(inner) / size
        clean: np.ndarray = np.nan_to_num(image, nan=0.0, posinf=0.0, neginf=0.0)
        return clean.astype(np.float32)


def without_identity(image: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """Return a sketch less its part along the sketch of the identity, which is of the same shape.

    Every matrix that maps the residual stream to itself has some of the identity in it, whatever
    the model was trained on.
    """
    share = (image * identity).sum() / (identity**2).sum()
    rest: np.ndarray = image - share * identity
    return rest


def folded(values: Values, width: int) -> np.ndarray:
    """Return any tensor as `width` numbers of length 1 whose angles are near those of the tensors.

    Zeros stay zero.
    """
    flat = float32(as_array(values).reshape(-1))
    with np.errstate(over="ignore", invalid="ignore"):  # NaN and infinities
        image = flat @ signs(len(flat), width, FOLD_SEED)
    return unit(image.astype(np.float64))


def texture(matrix: Values) -> Texture:
    """Return how many different magnitudes 128 neighbours in a row have, and how many are zero.

    Both are shares, means over 64 places. Weights as training leaves them in bfloat16 come to some
    0.8 different ones, those of 8-bit quantisation levels to 0.5, of 4-bit levels to 0.07.
    """
    rows, columns = matrix.shape
    run = min(RUN, columns)
    draw = np.random.Generator(np.random.PCG64(rows * columns))
    vertical, horizontal = draw.random((RUNS, 2)).T
    places = Places(
        rows=(vertical * rows).astype(int).tolist(),
        columns=(horizontal * (columns - run + 1)).astype(int).tolist(),
    )

    magnitudes = np.abs(stretches(matrix, places, run))
    magnitudes.sort(axis=1)
    steps = magnitudes[:, 1:] > magnitudes[:, :-1]  # infinities may stand side by side
    distinct = 1 + steps.sum(1)
    return Texture(float(distinct.mean() / run), float((magnitudes == 0).mean()))


def stretches(matrix: Values, places: Places, length: int) -> np.ndarray:
    """Return `length` neighbours in a row from each of some places on: places x length, float32."""
    if is_on_gpu(matrix):
        from registry.numerics import on_gpu  # noqa: PLC0415  # it takes torch

        return on_gpu.stretches(matrix, places, length)
    array = as_array(matrix)
    neighbours = np.empty((len(places.rows), length), np.float32)
    for number, (row, column) in enumerate(zip(places.rows, places.columns, strict=True)):
        neighbours[number] = float32(array[row, column : column + length])
    return neighbours
