"""Compare K-Means with scikit-learn's: time, inertia and whether the labels depend on a seed.

    python benchmarks/clusters.py --json

Unit vectors like falling spectra of seven overlapping kinds. Times are CPU times of one thread, the least of
several calls, the methods in turn in one process; the first call of each is reported apart. sklearn's inertia is its
best over all seeds and both numbers of starts. Prints rows to stderr and ends with one JSON line: ms_600 is our time
for 600 vectors of 16 values and k = 2, vs_sklearn sklearn's time (n_init = 10) over ours, inertia_vs_best our inertia
over sklearn's best, the worst of all rows.
"""

import argparse
import json
import sys
import time

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from registry.numerics.kmeans import cluster
from registry.numerics.partitions import canonical

SIZES = (
    (600, 16, 2),
    (600, 16, 3),
    (600, 64, 2),
    (600, 64, 3),
    (112, 16, 2),
    (224, 16, 2),
    (6000, 16, 2),
)
LARGE = (60000, 16, 2)
SEEDS = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="only the JSON line, no rows")
    parser.add_argument("--full", action="store_true", help="60,000 vectors too")
    options = parser.parse_args()
    rows = []
    with threadpool_limits(1):
        for n, d, k in SIZES + (LARGE,) * options.full:
            rows.append(measure(n, d, k))
            if not options.json:
                print(
                    *(f"{name} {value:.4g}" for name, value in rows[-1].items()),
                    sep="  ",
                    file=sys.stderr,
                )
    summary = {
        "ms_600": rows[0]["ms"],
        "vs_sklearn": rows[0]["vs_n_init_10"],
        "inertia_vs_best": max(row["inertia_vs_best"] for row in rows),
    }
    print(json.dumps(summary | {"rows": rows}))


def measure(n: int, d: int, k: int) -> dict[str, float]:
    """One row: our time and inertia, sklearn's, and how many labelings it gives over its seeds."""
    points = spectra(n, d)
    methods = {
        "ours": lambda _: cluster(points, k),
        "n_init_10": lambda seed: KMeans(k, n_init=10, random_state=seed).fit(points),
        "n_init_50": lambda seed: KMeans(k, n_init=50, random_state=seed).fit(points),
    }
    times: dict[str, list[float]] = {name: [] for name in methods}
    fits: dict[str, list[KMeans]] = {"n_init_10": [], "n_init_50": []}
    for seed in range(SEEDS if n < LARGE[0] else 2):
        for name, method in methods.items():
            begin = time.thread_time()
            found = method(seed)
            times[name].append(time.thread_time() - begin)
            if name in fits:
                fits[name].append(found)
    best = min(fit.inertia_ for own in fits.values() for fit in own)
    least = {name: min(own) for name, own in times.items()}
    return {
        "n": n,
        "d": d,
        "k": k,
        "ms": 1e3 * least["ours"],
        "ms_first": 1e3 * times["ours"][0],
        "vs_n_init_10": least["n_init_10"] / least["ours"],
        "vs_n_init_50": least["n_init_50"] / least["ours"],
        "inertia_vs_best": cluster(points, k).inertia / best,
        "labelings_n_init_10": len({canonical(fit.labels_).tobytes() for fit in fits["n_init_10"]}),
        "labelings_n_init_50": len({canonical(fit.labels_).tobytes() for fit in fits["n_init_50"]}),
    }


def spectra(n: int, d: int) -> np.ndarray:
    """N unit vectors of falling spectra, of seven kinds that overlap."""
    draw = np.random.default_rng(n + d)
    decay = draw.uniform(0.1, 0.7, 7)[np.arange(n) % 7] + draw.normal(0, 0.15, n)
    rows = np.exp(-np.outer(decay, np.sqrt(np.arange(d)))) * (1 + draw.normal(0, 0.03, (n, d)))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
