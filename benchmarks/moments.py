"""Time the moments of tensors, beside a plain read of the same bytes and the paper's method.

    python benchmarks/moments.py [--full] [--json]

The tensors of one projection, larger together than the last-level cache, are measured on one thread and on all cores,
several tensors at once. The plain read adds the same bytes up as 64-bit words, compiled, on as many threads. The
paper's method is torch.cat of float32 copies of all tensors, then .std(), with as many torch threads. All take turns in
one process over the same buffers; the best wall time of each counts, and each is warm. Also timed: merging the moments
of many matrices. Ends with one JSON line: for bfloat16 on all cores the share of the plain read's speed and the ratio
to the paper's method (above 1: ours is faster), and more for every type. `--json` prints that line alone.
"""

import argparse
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import torch

from registry.numerics.moments import merge, moments

TYPES = (
    torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.float8_e4m3fn, torch.float8_e5m2,
)  # fmt: skip
TENSORS = 8
MEBIBYTES = 32  # of a tensor; 2048 x 8192 in bfloat16
ROUNDS = 7
PARTS = 60_000  # matrices of a large mixture of experts


@numba.njit("uint64(uint64[::1])", nogil=True)
def plain_read(words: np.ndarray) -> int:
    """The sum of all words: one load and one addition for every 64 bytes, four times unrolled by the compiler."""
    total = np.uint64(0)
    for i in range(words.size):
        total += words[i]
    return total


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true", help="print the JSON line alone")
    parser.add_argument(
        "--full", action="store_true", help="four times the bytes, three times the rounds"
    )
    options = parser.parse_args()
    size, rounds = (
        (MEBIBYTES << 20) * (4 if options.full else 1),
        ROUNDS * (3 if options.full else 1),
    )
    cores = os.cpu_count() or 1
    rows = {
        (str(dtype).removeprefix("torch."), threads): row
        for dtype in TYPES
        for threads, row in measured(dtype, size, rounds, sorted({1, cores})).items()
    }
    microseconds = merging()
    if not options.json:
        show(rows, microseconds)
    chosen = rows["bfloat16", cores]
    line = {
        "share_of_read": chosen["share_of_read"],
        "vs_paper": chosen["vs_paper"],
        "cores": cores,
        "machine": platform.machine() + " " + torch.backends.cpu.get_cpu_capability(),
        "merge_us": microseconds,
        "types": [
            {"type": name, "threads": threads, **row} for (name, threads), row in rows.items()
        ],
    }
    print(json.dumps(line))


def measured(
    dtype: torch.dtype, size: int, rounds: int, threads: list[int]
) -> dict[int, dict[str, float]]:
    """Shares and errors for one type at each number of threads."""
    values = (
        torch.randn(size // dtype.itemsize, generator=torch.Generator().manual_seed(0))
        .mul_(0.3)
        .to(dtype)
    )
    tensors = [values.clone() for _ in range(TENSORS)]
    words = [tensor.view(torch.uint64).numpy() for tensor in tensors]
    exact = float(values.double().std(correction=0))
    return {n: against(tensors, words, exact, rounds, n) for n in threads}


def against(
    tensors: list[torch.Tensor], words: list[np.ndarray], exact: float, rounds: int, threads: int
) -> dict[str, float]:
    """Time ours, the plain read and the paper's method, alternating."""
    torch.set_num_threads(threads)
    with ThreadPoolExecutor(threads) as pool:
        ways: dict[str, Callable[[], object]] = {
            "read": lambda: list(pool.map(plain_read, words)),
            "ours": lambda: merge(pool.map(moments, tensors)).std,
            "paper": lambda: float(torch.cat([t.flatten().float() for t in tensors]).std()),
        }
        best = dict.fromkeys(ways, math.inf)
        found = {name: way() for name, way in ways.items()}  # warm: kernels compiled, pages present
        for _ in range(rounds):
            for name, way in ways.items():
                best[name] = min(best[name], elapsed(way))
    return {
        "share_of_read": round(best["read"] / best["ours"], 3),
        "vs_paper": round(best["paper"] / best["ours"], 1),
        "error": abs(found["ours"] / exact - 1),
        "error_paper": abs(found["paper"] / exact - 1),
    }


def merging() -> float:
    """Microseconds to merge one more part."""
    few = [moments(torch.randn(48, 48).bfloat16()) for _ in range(100)]
    parts = [few[i % len(few)] for i in range(PARTS)]
    return round(min(elapsed(lambda: merge(parts)) for _ in range(3)) / PARTS * 1e6, 2)


def elapsed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def show(rows: dict[tuple[str, int], dict[str, float]], microseconds: float) -> None:
    print(
        "type             threads  share of read  vs paper  error of std  error of the paper's",
        file=sys.stderr,
    )
    for (name, threads), row in rows.items():
        shares = f"{row['share_of_read']:13.0%} {row['vs_paper']:8.1f}x"
        print(
            f"{name:16} {threads:7} {shares} {row['error']:13.1e} {row['error_paper']:21.1e}",
            file=sys.stderr,
        )
    print(f"merging {PARTS} parts: {microseconds} us each", file=sys.stderr)


if __name__ == "__main__":
    main()
