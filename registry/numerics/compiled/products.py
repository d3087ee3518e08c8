"""Compiled products of a matrix in its storage type with a few float32 vectors, summed in float32.

The element type of an array says how its bits are read: uint16 holds bfloat16, int16 holds float16.
Vectors are rows, their number a multiple of 4. Sums and factors are written out one by one: only so
do they stay in registers, and the loops over j run at the speed of a dense matrix product.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import NumbaError
from numba.extending import intrinsic

from registry.numerics.compiled.jit import compiled
from registry.numerics.products import LOST

__all__ = ["NumbaError", "add", "add_gram", "dots", "orthogonalise"]

TILE = 32  # rows that are read twice, the second time from the cache
HALF = 0.5  # of a row's square: what remains of it is orthogonal as far as float32 can tell
APART = 16  # columns: rows that are a multiple of 4 KiB long would share a few lines of the cache
STRIP = 2048  # columns whose sums stay in the cache while a tile's rows are added to them


def element_as_float32(_: Any, element: Any) -> Any:
    """Return how LLVM widens an element, exactly: a signature and what generates the code."""

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        (bits,) = arguments
        if element == types.uint16:  # bfloat16 is the upper half of a float32
            word = ir.IntType(32)
            upper = builder.shl(builder.zext(bits, word), ir.Constant(word, 16))
            return builder.bitcast(upper, ir.FloatType())
        if element == types.int16:
            half = builder.bitcast(bits, ir.HalfType())
            return builder.fpext(half, ir.FloatType())
        return bits

    return types.float32(element), generate


widen: Any = intrinsic(element_as_float32)


@compiled
def dots_of_tile(a: Any, x: Any, y: Any, at: int) -> None:
    """Set the columns of y from `at` on to x A^T.

    Args:
        a: m x n.
        x: b x n.
        y: b x m or wider.

    Four rows of A meet four vectors; s12 is the sum for the second row and the third vector.
    """
    m, n = a.shape
    for c in range(0, len(x), 4):
        x0, x1, x2, x3 = x[c], x[c + 1], x[c + 2], x[c + 3]
        y0, y1, y2, y3 = y[c], y[c + 1], y[c + 2], y[c + 3]
        for i in range(0, m - 3, 4):
            r0, r1, r2, r3 = a[i], a[i + 1], a[i + 2], a[i + 3]
            s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = np.float32(0)
            s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = np.float32(0)
            for j in range(n):
                a0, a1, a2, a3 = widen(r0[j]), widen(r1[j]), widen(r2[j]), widen(r3[j])
                b0, b1, b2, b3 = x0[j], x1[j], x2[j], x3[j]
                s00, s01, s02, s03 = s00 + a0 * b0, s01 + a0 * b1, s02 + a0 * b2, s03 + a0 * b3
                s10, s11, s12, s13 = s10 + a1 * b0, s11 + a1 * b1, s12 + a1 * b2, s13 + a1 * b3
                s20, s21, s22, s23 = s20 + a2 * b0, s21 + a2 * b1, s22 + a2 * b2, s23 + a2 * b3
                s30, s31, s32, s33 = s30 + a3 * b0, s31 + a3 * b1, s32 + a3 * b2, s33 + a3 * b3
            k = at + i
            y0[k], y0[k + 1], y0[k + 2], y0[k + 3] = s00, s10, s20, s30
            y1[k], y1[k + 1], y1[k + 2], y1[k + 3] = s01, s11, s21, s31
            y2[k], y2[k + 1], y2[k + 2], y2[k + 3] = s02, s12, s22, s32
            y3[k], y3[k + 1], y3[k + 2], y3[k + 3] = s03, s13, s23, s33

        for i in range(m - m % 4, m):
            s0 = s1 = s2 = s3 = np.float32(0)
            for j in range(n):
                a0 = widen(a[i, j])
                s0, s1, s2, s3 = s0 + a0 * x0[j], s1 + a0 * x1[j], s2 + a0 * x2[j], s3 + a0 * x3[j]
            k = at + i
            y0[k], y1[k], y2[k], y3[k] = s0, s1, s2, s3


# fmt: off
@compiled
def add_tile(a: Any, y: Any, z: Any, at: int) -> None:
    """Add y A to z, with the columns of y from `at` on.

    Args:
        a: m x n.
        y: b x m or wider.
        z: b x n or wider.

    Eight rows of A go to four sums; s51 is the factor of the sixth row in the second sum.
    """
    m, n = a.shape
    for start in range(0, n, STRIP):
        stop = min(n, start + STRIP)
        for c in range(0, len(z), 4):
            # Of two-dimensional slices the compiler would not know that rows are contiguous, and
            # not use vectors.
            z0, z1 = z[c, start:stop], z[c + 1, start:stop]
            z2, z3 = z[c + 2, start:stop], z[c + 3, start:stop]
            for i in range(0, m - 7, 8):
                r0, r1 = a[i, start:stop], a[i + 1, start:stop]
                r2, r3 = a[i + 2, start:stop], a[i + 3, start:stop]
                r4, r5 = a[i + 4, start:stop], a[i + 5, start:stop]
                r6, r7 = a[i + 6, start:stop], a[i + 7, start:stop]
                y0, y1 = y[c, at + i :], y[c + 1, at + i :]
                y2, y3 = y[c + 2, at + i :], y[c + 3, at + i :]
                s00, s10, s20, s30 = y0[0], y0[1], y0[2], y0[3]
                s40, s50, s60, s70 = y0[4], y0[5], y0[6], y0[7]
                s01, s11, s21, s31 = y1[0], y1[1], y1[2], y1[3]
                s41, s51, s61, s71 = y1[4], y1[5], y1[6], y1[7]
                s02, s12, s22, s32 = y2[0], y2[1], y2[2], y2[3]
                s42, s52, s62, s72 = y2[4], y2[5], y2[6], y2[7]
                s03, s13, s23, s33 = y3[0], y3[1], y3[2], y3[3]
                s43, s53, s63, s73 = y3[4], y3[5], y3[6], y3[7]
                for j in range(stop - start):
                    a0, a1, a2, a3 = widen(r0[j]), widen(r1[j]), widen(r2[j]), widen(r3[j])
                    a4, a5, a6, a7 = widen(r4[j]), widen(r5[j]), widen(r6[j]), widen(r7[j])
                    z0[j] += (a0 * s00 + a1 * s10 + a2 * s20 + a3 * s30
                              + a4 * s40 + a5 * s50 + a6 * s60 + a7 * s70)
                    z1[j] += (a0 * s01 + a1 * s11 + a2 * s21 + a3 * s31
                              + a4 * s41 + a5 * s51 + a6 * s61 + a7 * s71)
                    z2[j] += (a0 * s02 + a1 * s12 + a2 * s22 + a3 * s32
                              + a4 * s42 + a5 * s52 + a6 * s62 + a7 * s72)
                    z3[j] += (a0 * s03 + a1 * s13 + a2 * s23 + a3 * s33
                              + a4 * s43 + a5 * s53 + a6 * s63 + a7 * s73)

            for i in range(m - m % 8, m):
                row = a[i, start:stop]
                s0, s1 = y[c, at + i], y[c + 1, at + i]
                s2, s3 = y[c + 2, at + i], y[c + 3, at + i]
                for j in range(stop - start):
                    a0 = widen(row[j])
                    z0[j] += a0 * s0
                    z1[j] += a0 * s1
                    z2[j] += a0 * s2
                    z3[j] += a0 * s3
# fmt: on


@compiled
def dots(a: Any, x: Any, y: Any) -> None:
    """Set y = x A^T.

    Args:
        a: m x n.
        x: b x n.
        y: b x m.
    """
    for first in range(0, len(a), TILE):
        dots_of_tile(a[first : first + TILE], x, y, first)


@compiled
def add(a: Any, y: Any, z: Any) -> None:
    """Add y A to z.

    Args:
        a: m x n.
        y: b x m.
        z: b x n.
    """
    n = a.shape[1]
    sums = np.zeros((len(z), n + APART), np.float32)
    for first in range(0, len(a), TILE):
        add_tile(a[first : first + TILE], y, sums, first)
    for i in range(len(z)):
        z[i] += sums[i, :n]


@compiled
def add_gram(a: Any, x: Any, z: Any, scale: float) -> None:
    """Add scale * x A^T A to z, reading A from memory once.

    Args:
        a: m x n.
        x: b x n.
        z: b x n.
    """
    m, n = a.shape
    y = np.empty((len(x), TILE), np.float32)
    sums = np.zeros((len(x), n + APART), np.float32)
    for first in range(0, m, TILE):
        tile = a[first : first + TILE]
        dots_of_tile(tile, x, y, 0)
        y *= np.float32(scale)
        add_tile(tile, y, sums, 0)
    for i in range(len(z)):
        z[i] += sums[i, :n]


@compiled
def dot(x: Any, y: Any) -> float:
    """Return the inner product of two vectors, summed in float64."""
    total = 0.0
    for j in range(len(x)):
        total += np.float64(x[j]) * np.float64(y[j])
    return total


@compiled
def project_out(basis: Any, w: Any, inside: Any, factors: Any, part: Any) -> None:
    """Take the part of a basis, k x n, out of w's rows, b x n or wider, in place.

    What is taken out is added to inside, b x k, times factors, b x b. part: b x TILE, for use here.
    """
    for first in range(0, len(basis), TILE):  # each tile sees what the ones before have left
        tile = basis[first : first + TILE]
        dots_of_tile(tile, w, part, 0)
        for i in range(len(w)):
            for j in range(i + 1):
                inside[i, first : first + TILE] += factors[i, j] * part[j, : len(tile)]
        add_tile(tile, -part, w, 0)


@compiled
def orthogonalise(basis: Any, w: Any, inside: Any, outside: Any, lost: Any, near: int) -> None:
    """Orthonormalise w's rows, b x n, to a basis, k x n, and each other: Gram-Schmidt by blocks.

    In place: w = inside basis + outside w' for the new w'; inside: b x k, zeros, outside: b x b,
    the identity. lost: of which rows nothing was left, or no more than the share LOST of the
    longest one's squared length; they are zero then. First the last `near` rows of the basis are
    taken out, then all, until that leaves at least half of the square of every row.
    """
    n = w.shape[1]
    rows = np.zeros((len(w), n + APART), np.float32)
    rows[:, :n] = w
    part = np.empty((len(w), TILE), np.float32)
    lower = np.empty_like(outside)
    least = np.max((w * w).sum(1)) * LOST
    for again in range(4):
        begin = max(0, len(basis) - near) if again == 0 else 0
        before = outside.astype(np.float32)
        project_out(basis[begin:], rows, inside[:, begin:], before, part)
        shortest = 1.0
        for i in range(len(w)):
            lower[i] = 0
            for j in range(i):
                lower[i, j] = dot(rows[i], rows[j])
                rows[i] -= np.float32(lower[i, j]) * rows[j]
            squared = dot(rows[i], rows[i])
            if squared * outside[i, i] ** 2 <= least:
                lost[i] = True
            lower[i, i] = 0.0 if lost[i] else np.sqrt(squared)
            rows[i] *= np.float32(0.0 if lost[i] else 1 / np.sqrt(squared))
            if not lost[i]:
                shortest = min(shortest, squared)
        outside[:] = outside @ lower
        if again > 0 and shortest >= HALF:
            break
    w[:] = rows[:, :n]
