"""The assignment of rows to columns with the largest sum, without SciPy's import where it can be.

`scipy.optimize` takes as long to import as a small model to compare. Most tables of two relatives
need no search: the best of every row lies in a column of its own. Small tables are searched here by
SciPy's own algorithm, step by step, so that ties are broken alike; large ones by SciPy itself.

Source: D. F. Crouse, On implementing 2D rectangular assignment algorithms, IEEE Transactions on
Aerospace and Electronic Systems 52 (2016), as scipy.optimize.linear_sum_assignment has it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

SMALL = 8  # rows of a table that is searched in Python
FREE = -1  # instead of the row or column that one goes with


def best_assignment(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows, rising, and their columns, with the largest sum of a table's entries.

    As scipy.optimize.linear_sum_assignment(table, maximize=True) does.

    Args:
        table: rows x columns of finite numbers. As many are matched as the shorter side has.
    """
    if table.shape[0] > table.shape[1]:
        columns, rows = best_assignment(table.T)
        order = np.argsort(rows)
        return rows[order], columns[order]
    rows = np.arange(len(table))
    best = best_of_rows(table)
    if best is not None:
        return rows, best
    if len(table) <= SMALL and np.isfinite(table).all():
        return rows, searched(-table)

    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415  # see the module's docstring

    rows, columns = linear_sum_assignment(table, maximize=True)
    return rows, columns


def best_of_rows(table: np.ndarray) -> np.ndarray | None:
    """Return the columns of the rows' largest entries, if these are single and no two are in one.

    No other assignment has a sum as large.
    """
    if not table.size:
        return None
    columns: np.ndarray = table.argmax(axis=1)
    largest = table.max(axis=1, keepdims=True)
    if (table == largest).sum() != len(table) or len(np.unique(columns)) != len(columns):
        return None
    return columns


@dataclass
class Search:
    """Shortest augmenting paths in a table of costs, at most as many rows as columns.

    Attributes:
        costs: rows x columns.
        row_of: The row that each column goes with, or FREE.
        column_of: The column that each row goes with, or FREE.
        row_prices, column_prices: The dual variables.
    """

    costs: list[list[float]]
    row_of: list[int] = field(init=False)
    column_of: list[int] = field(init=False)
    row_prices: list[float] = field(init=False)
    column_prices: list[float] = field(init=False)

    def __post_init__(self) -> None:
        columns = len(self.costs[0]) if self.costs else 0
        self.row_of = [FREE] * columns
        self.column_of = [FREE] * len(self.costs)
        self.row_prices = [0.0] * len(self.costs)
        self.column_prices = [0.0] * columns

    def add(self, row: int) -> None:
        """Give one more row a column; earlier ones may get others."""
        path = self.shortest_path(row)
        self.row_prices[row] += path.length
        for column in path.passed:
            between = path.length - path.distances[column]
            passed_row = self.row_of[column]
            if passed_row != FREE:
                self.row_prices[passed_row] += between
            self.column_prices[column] -= between

        column, changed = path.end, FREE
        while changed != row:
            changed = path.before[column]
            self.row_of[column] = changed
            self.column_of[changed], column = column, self.column_of[changed]

    def shortest_path(self, row: int) -> "Path":
        """Return the cheapest way from a row to a column that is free (Dijkstra)."""
        columns = len(self.row_of)
        path = Path([math.inf] * columns, [FREE] * columns)
        left = list(range(columns - 1, -1, -1))  # so that a constant table gives the diagonal
        while path.end == FREE:
            costs, price = self.costs[row], self.row_prices[row]
            nearest, least = 0, math.inf
            for place, column in enumerate(left):
                distance = path.length + costs[column] - price - self.column_prices[column]
                if distance < path.distances[column]:
                    path.distances[column] = distance
                    path.before[column] = row
                distance = path.distances[column]
                is_tie = distance == least and self.row_of[column] == FREE
                if distance < least or is_tie:
                    nearest, least = place, distance

            column = left[nearest]
            left[nearest] = left[-1]
            left.pop()
            path.length = least
            path.passed.append(column)
            row = self.row_of[column]
            path.end = column if row == FREE else FREE
        return path


@dataclass
class Path:
    """A way from a row to a free column.

    Attributes:
        distances: Of the columns from the row.
        before: The row by which each column is reached.
        passed: The columns whose distances are final, the nearest first.
        length: The distance of the last of them.
        end: The free column; FREE while it is not reached.
    """

    distances: list[float]
    before: list[int]
    passed: list[int] = field(default_factory=list)
    length: float = 0.0
    end: int = FREE


def searched(costs: np.ndarray | Sequence[Sequence[float]]) -> np.ndarray:
    """Return the columns of the rows, of which there are no more, with the smallest sum."""
    search = Search(np.asarray(costs, float).tolist())
    for row in range(len(search.costs)):
        search.add(row)
    return np.array(search.column_of, int)
