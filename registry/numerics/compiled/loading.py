"""Loads compiled kernels, one module at a time.

numba's modules import each other in circles: two threads that come upon them from different ends
would each wait for the other, which Python ends with an error in one of them.
"""

from importlib import import_module
from threading import Lock
from types import ModuleType

LOADING = Lock()


def loaded(name: str) -> ModuleType | None:
    """Return a module of kernels of this package; None where numba is missing."""
    with LOADING:
        try:
            return import_module(f"registry.numerics.compiled.{name}")
        except ImportError:
            return None
