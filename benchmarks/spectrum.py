"""Time top-r singular values beside other libraries, and check their bounds on many random matrices.

    python benchmarks/spectrum.py --json

One thread, CPU time, the least of several calls (of one where it takes seconds), the methods in turn in one process.
Ours reads the bfloat16 matrix; the others get their float copy for free. Errors are relative to the largest value,
against LAPACK's SVD in float64, WeightWatcher's method. Ratios above 1 mean that ours is faster. The bounds
are checked on small matrices of every kind and type that are computed as large ones are (`--check N`), and
`--full` adds shapes. Prints rows to stderr and ends with one JSON line.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from matrices import DTYPES, KINDS, matrix
from scipy.sparse.linalg import svds
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from registry.numerics import spectrum
from registry.numerics.spectrum import Spectrum, spectra

SPECTRA = ("gaussian", "power law 0.3", "power law 0.7", "outliers 100:1")
SHAPES = {(2048, 512): SPECTRA, (2048, 2048): SPECTRA, (8192, 2048): SPECTRA[::2]}
MORE = {(2048, 8192): SPECTRA[::2], (4096, 4096): SPECTRA[::2]}
RANKS = (16, 64, 256)
LONG = 0.5  # seconds; what takes longer is called once
REPEATS = 3
CHECKED = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="only the JSON line, no rows")
    parser.add_argument("--full", action="store_true", help="more shapes")
    parser.add_argument(
        "--check", type=int, default=CHECKED, help="how many random matrices to check the bounds on"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    with threadpool_limits(1):
        for shape, kinds in (SHAPES | MORE if options.full else SHAPES).items():
            for kind in kinds:
                for row in measure(shape, kind):
                    rows.append(row)
                    if not options.json:
                        print(line(row), file=sys.stderr)
    violations = check(options.check)
    for violation in violations:
        print(f"violated: {violation}", file=sys.stderr)
    print(
        json.dumps(
            {"rows": rows, "bound_checked": options.check, "bound_violations": len(violations)}
        )
    )


def measure(shape: tuple[int, int], kind: str) -> list[dict[str, Any]]:
    """The rows of one matrix."""
    from weightwatcher.RMT_Util import svd_vals  # noqa: PLC0415  # takes seconds to import

    stored = matrix(kind, *shape, torch.bfloat16, seed=1)
    single = stored.float()
    double = single.double().numpy()
    full, true = timed(
        {"weightwatcher": lambda: svd_vals(double), "svdvals": lambda: torch.linalg.svdvals(single)}
    )
    rows = []
    top_singular_values(stored, RANKS[0])  # what is loaded once
    for rank in RANKS:
        if rank > min(shape) // 2:
            continue
        methods: dict[str, Callable[[], Any]] = {
            "ours": lambda r=rank: top_singular_values(stored, r),
            "arpack": lambda r=rank: svds(
                single.numpy(), r, tol=1e-5, return_singular_vectors=False
            ),
            "randomized": lambda r=rank: randomized_svd(single.numpy(), r, random_state=0)[1],
        }
        seconds, found = timed(methods)
        seconds |= full
        ours: Spectrum = found["ours"]
        found["ours"] = ours.values
        exact = np.sort(true["weightwatcher"])[::-1][:rank]
        errors = {
            name: error(values, exact)
            for name, values in {**found, "svdvals": true["svdvals"]}.items()
        }
        rows.append(
            {
                "shape": shape,
                "spectrum": kind,
                "r": rank,
                **{
                    f"vs_{name}": seconds[name] / seconds["ours"]
                    for name in seconds
                    if name != "ours"
                },
                "max_error": errors["ours"],
                "bound": max(ours.bounds) / ours.values[0],
                "errors": errors,
                "seconds": seconds["ours"],
            }
        )
    return rows


def top_singular_values(stored: torch.Tensor, rank: int) -> Spectrum:
    """The spectrum of one matrix alone."""
    return spectra([stored], rank)[0]


def timed(methods: dict[str, Callable[[], Any]]) -> tuple[dict[str, float], dict[str, Any]]:
    """CPU seconds of each method, the least of some alternating calls, and its answer."""
    seconds: dict[str, float] = {}
    answers = {}
    for _ in range(REPEATS):
        for name, method in methods.items():
            if seconds.get(name, 0.0) > LONG:
                continue
            start = time.thread_time()
            answers[name] = method()
            seconds[name] = min(seconds.get(name, np.inf), time.thread_time() - start)
    return seconds, answers


def error(values: Any, exact: np.ndarray) -> float:
    """Largest error of the values, in any order, relative to the largest value."""
    ordered = np.sort(np.asarray(values, dtype=float))[::-1][: len(exact)]
    return float(np.abs(ordered - exact).max() / exact[0])


def line(row: dict[str, Any]) -> str:
    """A row for reading."""
    ratios = "  ".join(f"{name} {row[name]:6.1f}x" for name in row if name.startswith("vs_"))
    m, n = row["shape"]
    return (
        f"{m:>5} x {n:<5} {row['spectrum']:<16} r {row['r']:<4} {row['seconds'] * 1e3:7.1f} ms  {ratios}  "
        f"error {row['max_error']:.0e} within {row['bound']:.0e}"
    )


def check(count: int) -> list[str]:
    """Which of so many random matrices have a value outside its bound."""
    workers = len(os.sched_getaffinity(0))
    with multiprocessing.get_context("spawn").Pool(workers, alone) as pool:
        found = pool.imap_unordered(violation, range(count), chunksize=50)
        return [sentence for sentence in found if sentence]


def alone() -> None:
    """Set a process up: one thread."""
    torch.set_num_threads(1)
    threadpool_limits(1)


def violation(seed: int) -> str | None:
    """A random matrix that has a value outside its bound, in words; None where it has not."""
    draw = np.random.default_rng(seed)
    kind, dtype = list(KINDS)[seed % len(KINDS)], DTYPES[draw.integers(len(DTYPES))]
    (m, n), rank = draw.integers(20, 150, 2), int(draw.choice([3, 4, 8, 16]))
    made = matrix(kind, m, n, dtype, seed)
    # Every other one by block Lanczos, all but the smallest; the rest by the Gram matrix.
    spectrum.SMALL, spectrum.PER_RANK = 24, 3 if seed // len(KINDS) % 2 else 50
    found = top_singular_values(made, rank)
    exact = np.linalg.svd(made.double().numpy(), compute_uv=False)[:rank]
    off = (
        np.abs(np.array(found.values) - exact) - np.array(found.bounds) - 1e-13 * exact[0]
    )  # LAPACK's own error
    return (
        f"{kind}, {dtype}, {m} x {n}, rank {rank}, seed {seed}: by {off.max():.1e}"
        if not off.max() <= 0
        else None
    )


if __name__ == "__main__":
    main()
