"""Results as JSON objects; docs/json.md is the contract. Pure."""

from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

SCHEMA_VERSION = 3


def answer(**content: Any) -> dict[str, Any]:
    """Return a JSON answer, with the version of docs/json.md that it follows."""
    return {"schema_version": SCHEMA_VERSION, **plain(content)}


def plain(value: Any) -> Any:
    """Return records, times and tuples as the objects, strings and arrays of JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
