"""What stands beside the weights: config.json and the model card.

They are shown and used for families, and prove nothing.
"""

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from registry.checkpoints.blob import Blob, read_bytes
from registry.checkpoints.limits import limit
from registry.checkpoints.source_names import STEP, is_step
from registry.errors import BrokenJSON

CARD_HEAD = limit("card-bytes")
LIMIT = limit("json-bytes")

CONFIGS = ("config.json", "params.json")
FENCES = ("---", "...")  # lines around the metadata of a card
BASE = "base_model"
MOST_BASES = limit("card-bases")
TEXT = "tag:yaml.org,2002:str"
# A model on a hub by its address, and in the hub's cache by its folder.
ADDRESS = re.compile(r"https?://[^/]+/(?P<id>[\w.-]+/[\w.-]+)")
CACHED = re.compile(r"(?:^|[/\\])models--(?P<id>[^/\\]+)")
# The same, or a role in a run: in a path on somebody's disk.
RUN = re.compile(
    STEP.pattern
    + r"|(checkpoint|ckpt|version|run|trial|seed)s?[_-]?\d*|last|best|latest|final|merged"
    r"|huggingface|hf|safetensors|weights|(model|output|result|out|save|tmp|log)s?|actor"
    r"|adapter(_model)?|pytorch_model\w*|[0-9a-f]{40}",
    re.IGNORECASE,
)


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
    """Read config.json, or Meta's and Mistral's params.json; empty where there is neither.

    Raises:
        BrokenJSON: Where it is no JSON object.
    """
    for name in CONFIGS:
        if name in files:
            return read_json(files[name])
    return {}


def declared_base(
    files: Mapping[str, Blob], config: dict[str, Any], own_name: str | None = None
) -> str | None:
    """Return the base that the card (`base_model`) or the config (`_name_or_path`) declares.

    Of several it is the first. Of an address it is the hub id in it, of a path, which nobody else
    has, the last part that names a model. It is never the model's own name.
    """
    declarations: list[object] = []
    if "README.md" in files:
        declarations += declared_on_card(files["README.md"])
    declarations += as_list(config.get("_name_or_path"))
    for declared in declarations:
        base = model_named(declared)
        if base and base != own_name:
            return base
    return None


def as_list(declared: object) -> list[object]:
    """Return what a config declares as a list; a table gives its `name`."""
    items = declared if isinstance(declared, list) else [declared]
    return [item.get("name") if isinstance(item, dict) else item for item in items]


def model_named(declared: object) -> str | None:
    """Return the model that a text names: a hub id, or the last part of a path that is no run's."""
    if not isinstance(declared, str):
        return None
    base = declared.strip()
    cached = CACHED.search(base)
    if cached:
        return cached["id"].replace("--", "/")
    address = ADDRESS.match(base)
    if address:
        return address["id"]
    parts = [part for part in re.split(r"[/\\]", base) if part.strip(". ~")]
    starts_as_path = base.startswith(("/", ".", "~"))
    is_path = starts_as_path or base.count("/") > 1 or "\\" in base or ":" in base
    if not is_path and parts and not is_step(parts[-1]):
        return base
    named = [part for part in parts if not RUN.fullmatch(part) and not part.endswith(":")]
    return named[-1] if named else None


def declared_on_card(blob: Blob) -> list[str | None]:
    """Return the bases that the head of a model card declares; None for what is no text."""
    metadata = card_metadata(blob)
    base = value_of(metadata, BASE)
    return [text_of(value_of(item, "name") or item) for item in items_of(base)]


def card_metadata(blob: Blob) -> Any:
    """Return the YAML block at the head of a model card as a node; None where there is none.

    That is so where the block cannot be read, too, and where yaml is not installed: what a card
    declares is for families, and no part of the fingerprint. Nothing is made of the rest of the
    block, which may hold dates that are none or lists of lists without end.
    """
    try:
        import yaml  # noqa: PLC0415  # a bare machine has none
    except ModuleNotFoundError:
        return None
    try:
        return composed(front_matter(head_lines(blob)))
    except yaml.YAMLError:
        return None


def head_lines(blob: Blob) -> list[str]:
    """Return the lines at the head of a model card, as far as they are looked at."""
    head = read_bytes(blob, 0, min(blob.size, CARD_HEAD))
    return head.decode("utf-8-sig", "replace").splitlines()


def composed(block: str) -> Any:
    """Return a YAML block as a node; None of an empty one. Raises YAMLError."""
    import yaml  # noqa: PLC0415  # a bare machine has none

    try:
        return yaml.compose(block, yaml.SafeLoader)
    except (ValueError, RecursionError) as exc:  # numbers in directives may be endless
        raise yaml.YAMLError(str(exc)) from exc


def texts_at(metadata: Any, key: str) -> list[str]:
    """Return the texts that a card states under a key: one or a list, of tables their names."""
    texts = []
    for item in items_of(value_of(metadata, key)):
        text = text_of(value_of(item, "name") or item)
        texts += [] if text is None else [text]
    return texts


def items_of(node: Any) -> list[Any]:
    """Return the items of a YAML list, up to the most that are looked at; another node alone."""
    is_list = node is not None and node.id == "sequence"
    return node.value[:MOST_BASES] if is_list else [node]


def value_of(node: Any, key: str) -> Any:
    """Return the node of a key in a YAML table, the last one; None where there is none."""
    pairs = node.value if node is not None and node.id == "mapping" else []
    values = [value for name, value in pairs if name.value == key]
    return values[-1] if values else None


def text_of(node: Any) -> str | None:
    """Return the text of a YAML node; None where it is a date, a number or anything else."""
    is_text = node is not None and node.tag == TEXT
    return str(node.value) if is_text else None


def front_matter(lines: list[str]) -> str:
    """Return what stands between the first line of a card, a fence, and the next one."""
    if not lines or lines[0].rstrip() != FENCES[0]:
        return ""
    for place, line in enumerate(lines[1:], 1):
        if line.rstrip() in FENCES:
            return "\n".join(lines[1:place])
    return ""
