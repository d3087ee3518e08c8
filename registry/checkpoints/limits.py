"""What a file of unknown origin may ask for: all limits, as a table beside this module.

They are far beyond what any published model needs, and low enough that a file of under 1 MB takes
less than 1 GB of memory and 10 seconds.
"""

from registry.data import load

SMALL = 1 << 20  # bytes of a file for which limits do not grow


def limit(name: str, size: int = 0) -> int:
    """Return a limit of limits.toml.

    Args:
        name: The row's name.
        size: Bytes of the file, for limits that grow with what it has beyond SMALL.
    """
    row = load("registry.checkpoints", "limits.toml")[name]
    return int(row["limit"] + row.get("for_each_byte", 0) * max(0, size - SMALL))
