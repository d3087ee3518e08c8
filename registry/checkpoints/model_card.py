"""What stands beside the weights: config.json and the model card.

They are shown and used for families, and prove nothing.
"""

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from registry.checkpoints.blob import Blob, read_bytes
from registry.errors import BrokenJSON

CARD_HEAD = 1 << 16  # bytes of a model card that may hold its metadata
LIMIT = 64 << 20  # bytes of JSON; the index of a thousand experts takes about 10 MB

FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)


def read_json(blob: Blob) -> dict[str, Any]:
    """Read a JSON object from a file.

    Raises:
        BrokenJSON: Where the file is too large, no JSON or no object.
    """
    if blob.size > LIMIT:
        reason = f"its {blob.size:,} bytes are more than any model needs"
        raise BrokenJSON(path=blob.label, reason=reason)
    try:
        content = json.loads(read_bytes(blob))
    except (ValueError, RecursionError) as exc:
        raise BrokenJSON(path=blob.label, reason=exc) from exc
    if not isinstance(content, dict):
        raise BrokenJSON(path=blob.label, reason="it is not an object")
    return content


def read_weight_map(index: Blob) -> dict[str, str]:
    """Return the name of the shard that holds each tensor. Raises BrokenJSON."""
    weight_map = read_json(index).get("weight_map")
    if isinstance(weight_map, dict) and weight_map:
        shards = weight_map.values()
        if all(isinstance(shard, str) for shard in shards):
            return weight_map
    raise BrokenJSON(path=index.label, reason="it has no weight_map from tensors to files")


def beside(index: Blob, shard: str) -> str:
    """Return the name of a shard that stands beside an index."""
    return (PurePosixPath(index.name).parent / shard).as_posix()


def shards_of(index: Blob) -> set[str]:
    """Return the names of all shards of an index, from where its own name counts."""
    return {beside(index, shard) for shard in read_weight_map(index).values()}


def read_config(files: Mapping[str, Blob]) -> dict[str, Any]:
    """Read config.json; empty where there is none.

    Raises:
        BrokenJSON: Where it is no JSON object.
    """
    if "config.json" not in files:
        return {}
    return read_json(files["config.json"])


def declared_base(files: Mapping[str, Blob], config: dict[str, Any]) -> str | None:
    """Return the base that the card (`base_model`) or the config (`_name_or_path`) declares.

    Of a path, which nobody else has, it is the last part alone.
    """
    card = card_metadata(files["README.md"]) if "README.md" in files else {}
    base = card.get("base_model") or config.get("_name_or_path")
    if isinstance(base, list):
        base = base[0] if base else None
    if not isinstance(base, str) or not base.strip("/\\. "):
        return None
    is_path = base.startswith(("/", ".", "~")) or base.count("/") > 1 or "\\" in base or ":" in base
    if not is_path:
        return base
    return re.split(r"[/\\]", base.rstrip("/\\"))[-1]


def card_metadata(blob: Blob) -> dict[str, Any]:
    """Read the YAML block at the head of a model card; empty where there is no readable one.

    It is empty as well where yaml is not installed: what a card declares is for families, and no
    part of the fingerprint.
    """
    try:
        import yaml  # noqa: PLC0415  # a bare machine has none
    except ModuleNotFoundError:
        return {}
    head = read_bytes(blob, 0, min(blob.size, CARD_HEAD)).decode(errors="replace")
    block = FRONT_MATTER.match(head.replace("\r\n", "\n"))
    if block is None:
        return {}
    try:
        metadata = yaml.safe_load(block[1])
    except yaml.YAMLError:
        return {}
    return metadata if isinstance(metadata, dict) else {}
