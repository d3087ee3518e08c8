"""Heads that share values (grouped-query attention): how large a head is.

A config may be wrong, and the weights may hide it. Training keeps the rows of a value about as long
as the columns of the output that read them: cut into heads of the true size, these lengths go
together over all layers, or against each other where a function-preserving re-parameterisation
rescaled them. Invertible maps of whole heads leave no such trace: then the config is asked.
"""

from collections.abc import Sequence

import numpy as np

CLEAR = 0.5  # mean correlation of lengths from which the weights speak against a config

Lengths = tuple[np.ndarray, np.ndarray]
"""Squared lengths of a value's rows, and of the columns of the output that read them."""


def head_size(pairs: Sequence[Lengths], value_heads: int | None = None) -> int:
    """Return how many rows one head has, given one pair a layer; 0 where none is given.

    Of all sizes that divide every value's rows, that under which the lengths correlate most; of
    equals the largest. A config's number of value heads counts instead, unless the weights speak
    clearly for another size.
    """
    if not pairs:
        return 0

    scores = size_scores(pairs)
    best = max(scores, key=lambda size: (scores[size], size))
    configured = configured_size(pairs, value_heads)
    if configured is None:
        return best

    clear = scores[best] > CLEAR * len(pairs) and scores[configured] < scores[best] / 2
    return best if clear else configured


def size_scores(pairs: Sequence[Lengths]) -> dict[int, float]:
    """Return for every possible size the sum of the layers' correlations, without its sign."""
    shortest = min(len(value) for value, _ in pairs)
    scores = {}
    for size in range(1, shortest + 1):
        if any(len(value) % size for value, _ in pairs):
            continue
        total = sum(length_correlation(value, output, size) for value, output in pairs)
        scores[size] = round(abs(total), 6)
    return scores


def configured_size(pairs: Sequence[Lengths], value_heads: int | None) -> int | None:
    """Return the size that a config's number of value heads gives; None where it does not fit."""
    if not value_heads:
        return None

    sizes = set()
    for value, _ in pairs:
        if len(value) % value_heads:
            return None
        sizes.add(len(value) // value_heads)
    return sizes.pop() if len(sizes) == 1 else None


def length_correlation(value: np.ndarray, output: np.ndarray, head: int) -> float:
    """Return the correlation of log lengths, if heads had this size; 0 where lengths are constant.

    Args:
        value: Squared lengths of a value's rows.
        output: Squared lengths of the columns that read them, a multiple as many: each value head
            serves several query heads, one after the other.
    """
    heads = len(value) // head
    read_by = output.reshape(heads, -1, head).sum(1).flatten()
    lengths = np.log(np.maximum(np.stack([value, read_by]), np.float32(1e-30)))
    with np.errstate(divide="ignore", invalid="ignore"):  # constant lengths
        correlation = np.corrcoef(lengths)[0, 1]
    return float(np.nan_to_num(correlation))


def summed_values(image: np.ndarray, rows: int, head: int) -> np.ndarray:
    """Return the sums of the heads that one value head serves: the transpose of repeating it.

    Args:
        image: a multiple of `rows` x directions.
        rows: How many the values have.
        head: How many of these are one head.
    """
    times = len(image) // rows
    heads = image.reshape(-1, times, head, image.shape[1])
    with np.errstate(over="ignore"):
        summed: np.ndarray = heads.sum(1).reshape(rows, -1)
    return summed


def repeated_values(value: np.ndarray, rows: int, head: int) -> np.ndarray:
    """Return a value's side with every head once for each query head that it serves.

    Args:
        value: inner x directions.
        rows: How many the result has, a multiple of inner.
    """
    times = rows // len(value)
    order = np.arange(len(value)).reshape(-1, head)
    repeated: np.ndarray = value[order.repeat(times, 0).reshape(-1)]
    return repeated
