"""Loads compiled kernels, one module at a time.

numba's modules import each other in circles: two threads that come upon them from different ends
would each wait for the other, which Python ends with an error in one of them.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from importlib import import_module
from threading import Lock
from types import ModuleType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

LOADING = Lock()
sparing: list[None] = []  # one for every piece of work that loads none
NUMBA = "numba"


@contextmanager
def without_loading() -> Iterator[None]:
    """Do without kernels meanwhile, unless numba was loaded before.

    For work that takes less time than loading it.
    """
    sparing.append(None)
    try:
        yield
    finally:
        sparing.pop()


def remembered(find: Callable[P, T]) -> Callable[P, T | None]:
    """Return what finds a kernel so that it does so once, and finds none while they are spared."""
    known = cache(find)

    @wraps(find)
    def kernel(*args: P.args, **kwargs: P.kwargs) -> T | None:
        if sparing and NUMBA not in sys.modules:
            return None
        return known(*args, **kwargs)  # type: ignore[arg-type]  # of hashable arguments

    kernel.cache_clear = known.cache_clear  # type: ignore[attr-defined]  # for tests
    return kernel


def loaded(name: str) -> ModuleType | None:
    """Return a module of kernels of this package; None where numba is missing."""
    with LOADING:
        try:
            return import_module(f"registry.numerics.compiled.{name}")
        except ImportError:
            return None
