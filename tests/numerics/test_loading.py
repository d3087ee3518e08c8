"""registry.numerics.compiled.loading, in a process that has not loaded numba yet."""

import json
import subprocess
import sys
from importlib import import_module
from types import ModuleType

import pytest

from registry.numerics.compiled import loading
from registry.numerics.compiled.loading import LOADING, loaded

pytestmark = pytest.mark.slow


PROGRAM = """
import json, sys, threading
import torch
from registry.numerics import histograms, moments, products
from registry.numerics.arrays import BF16

small = moments.COMPILED_FROM - 1
moments.moments(torch.ones(48, 48)), moments.moments(torch.ones(small).bfloat16())
before = "numba" in sys.modules
begin = threading.Barrier(3)
kernels = {}

def load(name, kernel):
    begin.wait()
    kernels[name] = kernel() is not None

large = torch.ones(moments.COMPILED_FROM).bfloat16()
loads = {
    "histograms": histograms.compiled,
    "moments": lambda: moments.moments(large) and moments.compiled(),
    "products": lambda: products.kernels(BF16),
}
threads = [threading.Thread(target=load, args=item) for item in loads.items()]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps({"before": before, "after": "numba" in sys.modules, "kernels": kernels}))
"""


@pytest.fixture(scope="module")
def answer() -> dict:
    """What a new process says of numba before the first large tensor, and after three threads asked."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=False, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_kernels_load_from_several_threads(answer):
    """Modules of numba import each other in circles; threads that begin at different ends get them."""
    assert answer["kernels"] == {"histograms": True, "moments": True, "products": True}


def test_small_tensors_wait_for_no_compiler(answer):
    """The compiler is imported when the first large tensor comes."""
    assert not answer["before"]
    assert answer["after"]


def test_one_module_loads_at_a_time(monkeypatch):
    """The lock is held while a module is imported, and let go of when that fails."""
    held = []

    def importing(name: str) -> ModuleType:
        held.append(LOADING.locked())
        if name.endswith("missing"):
            raise ImportError(name)
        return import_module(name)

    monkeypatch.setattr(loading, "import_module", importing)
    assert loaded("histograms").__name__ == "registry.numerics.compiled.histograms"
    assert loaded("missing") is None
    assert held == [True, True]
    assert not LOADING.locked()
