"""Assignments: SciPy's answer, with and without SciPy."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from registry.numerics.assignment import SMALL, best_assignment, best_of_rows, searched

SHAPES = [(1, 1), (1, 5), (2, 2), (3, 3), (3, 7), (7, 3), (8, 8), (8, 30), (9, 9), (20, 12)]


def scipys(table: np.ndarray) -> tuple[list[int], list[int]]:
    rows, columns = linear_sum_assignment(table, maximize=True)
    return rows.tolist(), columns.tolist()


def ours(table: np.ndarray) -> tuple[list[int], list[int]]:
    rows, columns = best_assignment(table)
    return rows.tolist(), columns.tolist()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_it_is_scipys_assignment(shape: tuple[int, int]) -> None:
    """Tables of random numbers get the rows and columns that SciPy gives them."""
    draw = np.random.Generator(np.random.PCG64(5))
    for table in draw.standard_normal((30, *shape)):
        assert ours(table) == scipys(table)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_ties_come_to_the_same_sum(shape: tuple[int, int]) -> None:
    """Of several assignments with the largest sum one is given."""
    draw = np.random.Generator(np.random.PCG64(6))
    for table in draw.integers(-2, 3, (30, *shape)).astype(float):
        rows, columns = best_assignment(table)
        assert len(set(columns.tolist())) == min(shape)
        assert table[rows, columns].sum() == table[scipys(table)].sum()


def test_ties_are_broken_as_scipy_does() -> None:
    """Small square tables with many ties get SciPy's own choice, so that verdicts stay."""
    draw = np.random.Generator(np.random.PCG64(7))
    for table in draw.integers(0, 3, (200, 5, 5)).astype(float):
        assert ours(table) == scipys(table)


def test_a_constant_table_gives_the_diagonal() -> None:
    """Layers of which nothing tells one from another are matched in their order."""
    assert searched(np.ones((4, 6))).tolist() == [0, 1, 2, 3]


def test_rows_with_a_best_of_their_own_need_no_search() -> None:
    """The largest of every row is taken where no two of them are in one column."""
    table = np.array([[0.1, 0.9, 0.2], [0.8, 0.3, 0.1]])
    best = best_of_rows(table)
    assert best is not None
    assert best.tolist() == [1, 0]


def test_rows_that_want_one_column_need_a_search() -> None:
    """Two rows that are best in the same column, or a tie in a row, are searched."""
    assert best_of_rows(np.array([[0.9, 0.1], [0.8, 0.1]])) is None
    assert best_of_rows(np.array([[0.9, 0.9], [0.8, 0.1]])) is None


def test_nothing_is_assigned_in_an_empty_table() -> None:
    """A model without layers in common has no pairs."""
    rows, columns = best_assignment(np.zeros((0, 3)))
    assert not rows.size
    assert not columns.size


@pytest.mark.parametrize("side", [2, SMALL + 1])
def test_what_is_no_number_is_refused(side: int) -> None:
    """NaN is refused as SciPy refuses it, whatever the size."""
    with pytest.raises(ValueError, match="invalid numeric entries"):
        best_assignment(np.full((side, side), np.nan))


def test_small_tables_need_no_scipy() -> None:
    """A small table is searched without importing scipy.optimize."""
    code = (
        "import sys, numpy as np; from registry.numerics.assignment import best_assignment;"
        "best_assignment(np.array([[0.9, 0.1], [0.8, 0.3]]));"
        "sys.exit('scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
