"""registry.numerics.compiled.loading."""

import subprocess
import sys


def test_kernels_load_from_two_threads():
    """Modules of numba import each other in circles; threads that begin at different ends get them all the same."""
    code = """
import threading
from registry.numerics import histograms, moments, products
import torch
begin = threading.Barrier(3)
found = []

def ask(load):
    begin.wait()
    found.append(load() is not None)

loads = (histograms.compiled, moments.compiled, lambda: products.kernels(torch.bfloat16))
threads = [threading.Thread(target=ask, args=(load,)) for load in loads]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert found == [True] * 3, found
"""
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
