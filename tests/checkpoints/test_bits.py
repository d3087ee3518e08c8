"""registry.checkpoints.quantised.bits: small numbers out of packed ones."""

import quantisers as q
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.checkpoints.quantised.bits import BLOCK, E2M1, fill_rows, unpack


def test_long_rows_are_unpacked_in_blocks():
    """Blocks of rows join up to the whole matrix."""
    calls = []
    matrix = fill_rows(
        torch.empty(5, BLOCK // 2), lambda rows: calls.append(rows) or torch.ones(1) * rows.start
    )
    assert matrix[:, 0].tolist() == [0, 0, 2, 2, 4]
    assert [rows.start for rows in calls] == [0, 2, 4]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 8), st.integers(1, 70), st.integers(1, 4), st.randoms(use_true_random=False))
def test_unpacking_undoes_packing(bits, count, rows, draw):
    """Any bits, any length: the numbers come back."""
    numbers = torch.tensor([[draw.randrange(1 << bits) for _ in range(count)] for _ in range(rows)])
    assert unpack(q.packed_rows(numbers, bits), bits, count).tolist() == numbers.tolist()


def test_known_values():
    """e2m1 as the specification lists it."""
    assert list(E2M1) == [q.e2m1(i) for i in range(16)]
    assert E2M1[:8] == (0, 0.5, 1, 1.5, 2, 3, 4, 6)
