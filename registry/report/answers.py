"""Results as JSON objects; docs/json.md is the contract. Pure."""

from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

SCHEMA_VERSION = 2


def answer(**content: Any) -> dict[str, Any]:
    """A JSON answer; every one says which version of docs/json.md it follows."""
    return {
        "schema_version": SCHEMA_VERSION,
        **{name: plain(value) for name, value in content.items()},
    }


def plain(value: Any) -> Any:
    """Records, times and tuples as JSON knows them."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
