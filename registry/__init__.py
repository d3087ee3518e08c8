"""The weight registry: what a checkpoint comes from, told from its weights alone.

import registry

print(registry.fingerprint("./model").std)
print(registry.compare("./child", "./model").verdict)
with registry.Registry() as known:
    known.ingest("./model")
    print(known.identify("./unknown_model").verdict)
"""

from typing import TYPE_CHECKING, Any

from registry.errors import RegistryError

if TYPE_CHECKING:
    from registry.api import Registry, compare, fingerprint

__all__ = ["Registry", "RegistryError", "compare", "fingerprint"]


def __getattr__(name: str) -> Any:
    """Import on first use: torch and SQLAlchemy take seconds, `registry --help` should not."""
    if name in ("Registry", "compare", "fingerprint"):
        from registry import api  # noqa: PLC0415

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
