"""registry.numerics.compiled.jit: machine code that is kept where a folder can be written."""

import json
import os
import subprocess
import sys

import numba
import pytest

from registry.numerics.compiled.jit import compiled

pytestmark = pytest.mark.slow


PROGRAM = """
import json
import numpy as np
from registry.numerics.compiled.histograms import narrow_kernel, pattern_counts
counts = pattern_counts(np.array([7, 7, 9], np.uint16), 16)
stats = narrow_kernel().stats
read, written = sum(stats.cache_hits.values()), sum(stats.cache_misses.values())
print(json.dumps({"counts": counts[[7, 8, 9]].tolist(), "read": read, "written": written}))
"""


def doubled(x):
    return x + x


@pytest.mark.parametrize(
    "failure", [RuntimeError("no locator available"), OSError("disk full")], ids=str
)
def test_no_folder_for_the_cache(failure, monkeypatch):
    """Functions are compiled all the same where no machine code can be kept."""
    compile_it, asked = numba.njit, []

    def njit(signature, *, cache=False, **options):
        asked.append(cache)
        if cache:
            raise failure
        return compile_it(signature, **options)

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled(doubled, "(float64,)")(1.5) == 3.0
    assert asked == [True, False]


def test_processes_share_the_cache(tmp_path):
    """Several processes may compile at once, and a later one reads their machine code."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def begin() -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True
        )

    def answer(process: subprocess.Popen) -> dict:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        return json.loads(said)

    for together in [begin(), begin()]:
        assert answer(together)["counts"] == [2, 0, 1]
    assert list(tmp_path.rglob("*.nbc"))
    assert answer(begin()) == {"counts": [2, 0, 1], "read": 1, "written": 0}
