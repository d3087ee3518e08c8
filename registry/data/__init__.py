"""Tables that lie beside the code as TOML files."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def load(package: str, name: str) -> dict[str, Any]:
    """Read a TOML file that lies beside a package's modules; it is parsed once.

    Args:
        package: The package's full name, such as `registry.architectures`.
        name: The file's name, such as `projections.toml`.

    Returns:
        The content as a dictionary that all callers share: do not change it.
    """
    text = files(package).joinpath(name).read_text(encoding="utf-8")
    return tomllib.loads(text)
