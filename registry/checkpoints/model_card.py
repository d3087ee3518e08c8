"""What stands beside the weights: config.json and the model card. Shown and used for families, proving nothing."""

import json
import re
from collections.abc import Mapping
from typing import Any

from registry.checkpoints.blob import Blob, read_bytes
from registry.errors import BrokenJSON

CARD_HEAD = 1 << 16  # bytes of a model card that may hold its metadata
LIMIT = 64 << 20  # bytes of JSON; the index of a thousand experts takes about 10 MB

FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)


def read_json(blob: Blob) -> dict[str, Any]:
    """A JSON object from a file. Raises BrokenJSON."""
    if blob.size > LIMIT:
        raise BrokenJSON(
            path=blob.label, reason=f"its {blob.size:,} bytes are more than any model needs"
        )
    try:
        content = json.loads(read_bytes(blob))
    except (ValueError, RecursionError) as exc:
        raise BrokenJSON(path=blob.label, reason=exc) from exc
    if not isinstance(content, dict):
        raise BrokenJSON(path=blob.label, reason="it is not an object")
    return content


def read_config(files: Mapping[str, Blob]) -> dict[str, Any]:
    """config.json, empty where there is none."""
    return read_json(files["config.json"]) if "config.json" in files else {}


def declared_base(files: Mapping[str, Blob], config: dict[str, Any]) -> str | None:
    """The model that the card (`base_model`) or the config (`_name_or_path`) says this one was made from."""
    card = card_metadata(files["README.md"]) if "README.md" in files else {}
    base = card.get("base_model") or config.get("_name_or_path")
    if isinstance(base, list):
        base = base[0] if base else None
    if not isinstance(base, str) or not base.strip("/\\. "):
        return None
    is_path = (
        base.startswith(("/", ".", "~")) or base.count("/") > 1 or bool({"\\", ":"} & set(base))
    )
    return re.split(r"[/\\]", base.rstrip("/\\"))[-1] if is_path else base


def card_metadata(blob: Blob) -> dict[str, Any]:
    """The YAML block at the head of a model card; a card without a readable one says nothing.

    Nor does it say anything where yaml is missing: what it declares is for families, and no part of the fingerprint.
    """
    try:
        import yaml  # noqa: PLC0415  # a bare machine has none
    except ModuleNotFoundError:
        return {}
    head = read_bytes(blob, 0, min(blob.size, CARD_HEAD)).decode(errors="replace")
    block = FRONT_MATTER.match(head.replace("\r\n", "\n"))
    try:
        metadata = yaml.safe_load(block[1]) if block else {}
    except yaml.YAMLError:
        return {}
    return metadata if isinstance(metadata, dict) else {}
