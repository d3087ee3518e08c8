"""What stands beside the weights: config.json and the model card. Shown and used for families, proving nothing."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from registry.errors import BrokenJSON

CARD_HEAD = 1 << 16  # characters of a model card that may hold its metadata
LIMIT = 64 << 20  # bytes of JSON; the index of a thousand experts takes about 10 MB

FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises BrokenJSON."""
    try:
        if path.stat().st_size > LIMIT:
            raise BrokenJSON(path=str(path), reason=f"its {path.stat().st_size:,} bytes are more than any model needs")
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as exc:
        raise BrokenJSON(path=str(path), reason=exc) from exc
    if not isinstance(content, dict):
        raise BrokenJSON(path=str(path), reason="it is not an object")
    return content


def read_config(folder: Path) -> dict[str, Any]:
    """config.json, empty where there is none."""
    path = folder / "config.json"
    return read_json(path) if path.is_file() else {}


def declared_base(folder: Path, config: dict[str, Any]) -> str | None:
    """The model that the card (`base_model`) or the config (`_name_or_path`) says this one was made from."""
    base = card_metadata(folder / "README.md").get("base_model") or config.get("_name_or_path")
    if isinstance(base, list):
        base = base[0] if base else None
    if not isinstance(base, str) or not base.strip("/\\. "):
        return None
    is_path = base.startswith(("/", ".", "~")) or base.count("/") > 1 or bool({"\\", ":"} & set(base))
    return re.split(r"[/\\]", base.rstrip("/\\"))[-1] if is_path else base


def card_metadata(path: Path) -> dict[str, Any]:
    """The YAML block at the head of a model card; a card without a readable one says nothing."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", errors="replace") as file:
        block = FRONT_MATTER.match(file.read(CARD_HEAD))
    try:
        metadata = yaml.safe_load(block[1]) if block else {}
    except yaml.YAMLError:
        return {}
    return metadata if isinstance(metadata, dict) else {}
