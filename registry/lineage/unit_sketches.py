"""The matrices' sketches scaled to length 1, one spot of all layers at a time."""

from typing import NamedTuple

import numpy as np

from registry.lineage.layer_table import LayerTable
from registry.lineage.matrix_columns import DENSE, MatrixColumns


class Shape(NamedTuple):
    """What sketches have in common that are compared."""

    spot: int
    rows: int
    cols: int
    numbers: int


class UnitRows(NamedTuple):
    """Layers that have a matrix, and its sketch: layers x numbers."""

    layers: np.ndarray
    sketches: np.ndarray


LARGEST = 2**31  # above the rows and columns of a matrix
UnitSketches = dict[Shape, UnitRows]


def unit_rows(sketches: np.ndarray) -> np.ndarray:
    """Return rows scaled to length 1; those of zeros stay."""
    lengths = np.linalg.norm(sketches, axis=1, keepdims=True)
    rows: np.ndarray = sketches / np.where(lengths > 0, lengths, 1.0)
    return rows


def unit_sketches(table: LayerTable) -> UnitSketches:
    """Return the sketches of matrices that serve every token, by spot and shape."""
    matrices = table.matrices
    units: UnitSketches = {}
    for stack in matrices.stacks:
        sketches = unit_rows(stack.numbers)
        places = stack.places
        dense = matrices.experts[places] == DENSE
        for of_spot in parted(np.flatnonzero(dense), table.spots[places[dense]]):
            sizes = matrices.rows[places[of_spot]] * LARGEST + matrices.cols[places[of_spot]]
            for chosen in parted(of_spot, sizes):
                first = places[chosen[0]]
                spot, rows, cols = table.spots[first], matrices.rows[first], matrices.cols[first]
                shape = Shape(int(spot), int(rows), int(cols), stack.size)
                units[shape] = UnitRows(table.layers[places[chosen]], sketches[chosen])
    return units


def parted(places: np.ndarray, keys: np.ndarray) -> list[np.ndarray]:
    """Return places in parts that have one key each, in their order."""
    order = np.argsort(keys, kind="stable")
    cuts = np.flatnonzero(np.diff(keys[order])) + 1
    return np.split(places[order], cuts) if len(places) else []


def layer_cosines(table: LayerTable) -> np.ndarray:
    """Return the mean cosines of two layers' matrices at the spots that both have.

    Matrices of two shapes count as 0.
    """
    total = np.zeros((len(table), len(table)))
    count = np.zeros_like(total)
    for places in table.by_spot:
        layers = table.layers[places]
        total[np.ix_(layers, layers)] += cosines_of(table.matrices, places)
        count[np.ix_(layers, layers)] += 1
    return total / np.maximum(count, 1)


def cosines_of(matrices: MatrixColumns, places: np.ndarray) -> np.ndarray:
    """Return the cosines of some matrices' sketches: k x k; 0 of different shapes.

    Of two that have no sketch nothing is known but their lengths, which are alike.
    """
    cosines = np.zeros((len(places), len(places)))
    for size in matrices.stack_rows:
        present, sketches = matrices.sketches_at(places, size)
        rows = np.flatnonzero(present)
        units = unit_rows(sketches)
        cosines[np.ix_(rows, rows)] = units @ units.T

    blind = np.isin(places, matrices.without_sketch) & (matrices.energies[places] > 0)
    cosines[np.ix_(blind, blind)] = 1.0
    rows, cols = matrices.rows[places], matrices.cols[places]
    alike = (rows[:, None] == rows) & (cols[:, None] == cols)
    return np.where(alike, cosines, 0.0)


def cosines_between(matrices: MatrixColumns, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the cosine of each of some matrices' sketches to that of another; as `cosines_of`."""
    cosines = np.zeros(len(ones))
    for size in matrices.stack_rows:
        first, one = matrices.sketches_at(ones, size)
        second, other = matrices.sketches_at(others, size)
        both = first & second
        products = unit_rows(one[both[first]]) * unit_rows(other[both[second]])
        cosines[both] = products.sum(1)

    blind = np.isin(ones, matrices.without_sketch) & np.isin(others, matrices.without_sketch)
    weigh = (matrices.energies[ones] > 0) & (matrices.energies[others] > 0)
    cosines[blind & weigh] = 1.0
    same_rows = matrices.rows[ones] == matrices.rows[others]
    same_cols = matrices.cols[ones] == matrices.cols[others]
    return np.where(same_rows & same_cols, cosines, 0.0)
