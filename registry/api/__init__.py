"""The Python face: a fingerprint without a database, and the registry as an object."""

from registry.api.base import TOOL_VERSION
from registry.api.functions import compare, fingerprint, inspect
from registry.api.registry import Registry

__all__ = ["TOOL_VERSION", "Registry", "compare", "fingerprint", "inspect"]
