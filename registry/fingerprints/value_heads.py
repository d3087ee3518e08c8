"""Heads that share values (grouped-query attention): how large a head is, from the weights alone.

Configs are not believed here. Training keeps the rows of a value about as long as the columns of
the output that read them: cut into heads of the true size, these lengths go together over all
layers, or against each other where a function-preserving re-parameterisation rescaled them.
"""

from collections.abc import Sequence

import torch

Lengths = tuple[torch.Tensor, torch.Tensor]
"""Squared lengths of a value's rows, and of the columns of the output that read them."""


def head_size(pairs: Sequence[Lengths]) -> int:
    """Return how many rows one head has, given one pair a layer; 0 where none is given.

    Of all sizes that divide every value's rows, that under which the lengths correlate most; of
    equals the largest.
    """
    if not pairs:
        return 0

    shortest = min(len(value) for value, _ in pairs)
    best_size, best_score = 0, -1.0
    for size in range(1, shortest + 1):
        if any(len(value) % size for value, _ in pairs):
            continue
        total = sum(length_correlation(value, output, size) for value, output in pairs)
        score = round(abs(total), 6)
        if score >= best_score:
            best_size, best_score = size, score
    return best_size


def length_correlation(value: torch.Tensor, output: torch.Tensor, head: int) -> float:
    """Return the correlation of log lengths, if heads had this size; 0 where lengths are constant.

    Args:
        value: Squared lengths of a value's rows.
        output: Squared lengths of the columns that read them, a multiple as many: each value head
            serves several query heads, one after the other.
    """
    heads = len(value) // head
    read_by = output.reshape(heads, -1, head).sum(1).flatten()
    lengths = torch.stack([value, read_by]).clamp_min(1e-30).log()
    correlation = torch.corrcoef(lengths)[0, 1]
    return float(torch.nan_to_num(correlation))


def repeated_values(value: torch.Tensor, rows: int, head: int) -> torch.Tensor:
    """Return a value's side with every head once for each query head that it serves.

    Args:
        value: inner x directions.
        rows: How many the result has, a multiple of inner.
    """
    times = rows // len(value)
    heads = value.reshape(-1, head, value.shape[1])
    return heads.repeat_interleave(times, 0).flatten(0, 1)
