"""Make random matrices with spectra like those of weights, and with spectra that are hard for methods."""

from collections.abc import Callable

import numpy as np
import torch

DTYPES = (torch.bfloat16, torch.float16, torch.float32, torch.float64)


def gaussian(draw: np.random.Generator, m: int, n: int) -> np.ndarray:
    """Independent entries: a bulk without a gap, the slowest to converge."""
    return draw.standard_normal((m, n)) / np.sqrt(max(m, n))


def with_values(draw: np.random.Generator, m: int, n: int, values: np.ndarray) -> np.ndarray:
    """A matrix with given singular values, in random directions."""
    k = len(values)
    left, right = (np.linalg.qr(draw.standard_normal((size, k)))[0] for size in (m, n))
    return (left * values) @ right.T


def power_law(exponent: float) -> Callable[[np.random.Generator, int, int], np.ndarray]:
    """A gaussian bulk with i^-exponent on top of it, as trained weights have."""

    def make(draw: np.random.Generator, m: int, n: int) -> np.ndarray:
        k = min(m, n, 256)
        return 0.3 * gaussian(draw, m, n) + with_values(
            draw, m, n, 6.0 * np.arange(1, k + 1) ** -exponent
        )

    return make


def outliers(ratio: float) -> Callable[[np.random.Generator, int, int], np.ndarray]:
    """A gaussian bulk below eight values that are `ratio` times its largest."""

    def make(draw: np.random.Generator, m: int, n: int) -> np.ndarray:
        k = min(m, n, 8)
        return gaussian(draw, m, n) + with_values(draw, m, n, 2 * ratio * np.linspace(1, 0.5, k))

    return make


def repeated(draw: np.random.Generator, m: int, n: int) -> np.ndarray:
    """Up to forty values that are equal, or nearly so, somewhere in a falling spectrum."""
    k = min(m, n)
    values = np.sort(draw.random(k))[::-1] + 0.05
    first, count = draw.integers(0, max(1, k // 8)), int(draw.integers(2, 40))
    spread = 10.0 ** draw.uniform(-12, -2) * draw.random(len(values[first : first + count]))
    values[first : first + count] = values[first] * (1 - spread)
    return with_values(draw, m, n, values)


def orthogonal(draw: np.random.Generator, m: int, n: int) -> np.ndarray:
    """Every value is one."""
    return with_values(draw, m, n, np.ones(min(m, n)))


def low_rank(draw: np.random.Generator, m: int, n: int) -> np.ndarray:
    """Fewer values than asked for, the rest zero or next to it."""
    k = int(draw.integers(1, 12))
    noise = draw.choice([0.0, 1e-9, 1e-5]) * gaussian(draw, m, n)
    return draw.standard_normal((m, k)) @ draw.standard_normal((k, n)) + noise


def zero(draw: np.random.Generator, m: int, n: int) -> np.ndarray:
    """Nothing, or next to it: one entry in a tenth of the matrices."""
    matrix = np.zeros((m, n))
    if draw.random() < 0.1:
        matrix[draw.integers(m), draw.integers(n)] = 1e-3
    return matrix


def pruned(draw: np.random.Generator, m: int, n: int) -> np.ndarray:
    """Half of the entries, some rows and some columns are zero."""
    matrix = power_law(0.5)(draw, m, n)
    matrix[np.abs(matrix) < np.median(np.abs(matrix))] = 0
    matrix[draw.random(m) < 0.1] = 0
    matrix[:, draw.random(n) < 0.1] = 0
    return matrix


def diagonal(draw: np.random.Generator, m: int, n: int) -> np.ndarray:
    """Nothing off the diagonal, and little on it."""
    matrix = np.zeros((m, n))
    np.fill_diagonal(matrix, np.round(draw.standard_normal(min(m, n)), int(draw.integers(0, 3))))
    return matrix


def rounded(draw: np.random.Generator, m: int, n: int) -> np.ndarray:
    """Fifteen levels, as a 4-bit quantiser leaves."""
    matrix = power_law(0.7)(draw, m, n)
    return np.round(matrix / np.abs(matrix).max() * 7) / 7


def shifted(draw: np.random.Generator, m: int, n: int) -> np.ndarray:
    """A mean far from zero: one value above all others."""
    return gaussian(draw, m, n) + draw.choice([0.1, 3.0])


def scaled(exponent: int) -> Callable[[np.random.Generator, int, int], np.ndarray]:
    """Entries whose squares leave single precision."""
    return lambda draw, m, n: power_law(0.5)(draw, m, n) * 10.0**exponent


KINDS: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "gaussian": gaussian,
    "power law 0.3": power_law(0.3),
    "power law 0.7": power_law(0.7),
    "power law 1.5": power_law(1.5),
    "outliers 100:1": outliers(100.0),
    "outliers 10000:1": outliers(1e4),
    "repeated": repeated,
    "orthogonal": orthogonal,
    "low rank": low_rank,
    "zero": zero,
    "pruned": pruned,
    "diagonal": diagonal,
    "rounded": rounded,
    "shifted": shifted,
    "tiny": scaled(-25),
    "huge": scaled(25),
}


def array(kind: str, m: int, n: int, dtype: np.dtype, seed: int) -> np.ndarray:
    """An m x n matrix of a kind, as an array of an element type of numpy's or ml_dtypes'."""
    made = KINDS[kind](np.random.default_rng(seed), m, n)
    if dtype == np.float16:  # its range is narrow
        made = made / max(np.abs(made).max(), 1e-300)
    with np.errstate(over="ignore"):
        return made.astype(np.float32, copy=False).astype(dtype) if dtype != np.float64 else made


def matrix(kind: str, m: int, n: int, dtype: torch.dtype, seed: int) -> torch.Tensor:
    """An m x n matrix of a kind, in an element type."""
    made = torch.from_numpy(KINDS[kind](np.random.default_rng(seed), m, n))
    if dtype == torch.float16:  # its range is narrow
        made = made / made.abs().max().clamp(min=1e-300)
    return made.to(dtype)


def projections(hidden: int, inner: int, keys: int) -> dict[str, tuple[int, int]]:
    """The shapes of a Llama layer's projections, outputs x inputs, by the ends of their names."""
    attention = {
        "q": (hidden, hidden),
        "k": (keys, hidden),
        "v": (keys, hidden),
        "o": (hidden, hidden),
    }
    mlp = {"gate": (inner, hidden), "up": (inner, hidden), "down": (hidden, inner)}
    return {f"self_attn.{p}_proj": shape for p, shape in attention.items()} | {
        f"mlp.{p}_proj": shape for p, shape in mlp.items()
    }
