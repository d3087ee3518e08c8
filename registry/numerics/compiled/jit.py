"""How functions are compiled with numba: once, for all processes, where a folder can be written."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba

OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz"},
}


def compiled(function: Callable[..., Any], *signature: str) -> Callable[..., Any]:
    """Return the compiled function.

    It is compiled at once where its types are given, else when it is called. Raises NumbaError.
    """
    njit: Any = numba.njit
    with suppress(RuntimeError, OSError):  # no folder for the machine code, or a full one
        return njit(*signature, cache=True, **OPTIONS)(function)  # type: ignore[no-any-return]
    return njit(*signature, **OPTIONS)(function)  # type: ignore[no-any-return]
