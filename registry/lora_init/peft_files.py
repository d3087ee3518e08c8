"""Adapters in PEFT's own files, and a base model less the adapter's initial LoRA delta."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch

from registry.checkpoints import Checkpoint, Entry
from registry.checkpoints.suffixes import suffixes
from registry.data import load
from registry.errors import BaseNotWritable, FolderNotEmpty
from registry.files import folder_whole, write_whole
from registry.lora_init.factors import LoraFactors, Plan

SHARD = 4 << 30  # bytes of a shard of a base that is written
BASE = "base"  # the folder of such a base, inside the adapter's
COPIED = {".json", ".txt", ".model", ".jinja"}  # files of a base beside its weights


def write_adapter(
    folder: Path,
    base: Checkpoint,
    factors: Sequence[LoraFactors],
    plan: Plan,
    *,
    keep_output: bool,
) -> None:
    """Write an adapter, whole or not at all; with keep_output the base less its delta as well.

    Raises FolderNotEmpty, BaseNotWritable, UnwritableFile.
    """
    from safetensors.torch import save_file  # noqa: PLC0415  # only whoever writes waits for it

    check_free(folder)
    origin = str(folder / BASE) if keep_output else base.source
    settings = peft_config(base, factors, plan, origin)

    with folder_whole(folder) as draft:
        tensors = peft_tensors(base, factors)
        save_file(tensors, draft / "adapter_model.safetensors", {"format": "pt"})
        write_json(draft / "adapter_config.json", settings)
        if keep_output:
            write_base(draft / BASE, base, factors, plan)


def check_free(folder: Path) -> None:
    """Raise FolderNotEmpty where something stands already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderNotEmpty(folder=str(folder))


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a JSON file."""
    write_whole(path, json.dumps(content, indent=2) + "\n")


def peft_tensors(base: Checkpoint, factors: Sequence[LoraFactors]) -> dict[str, torch.Tensor]:
    """Return all factors A and B by the names that PEFT gives them."""
    prefix = missing_prefix(base)
    tensors = {}
    for pair in factors:
        module = f"base_model.model.{prefix}{pair.module}"
        tensors[f"{module}.lora_A.weight"] = pair.a.contiguous()
        tensors[f"{module}.lora_B.weight"] = pair.b.contiguous()
    return tensors


def missing_prefix(base: Checkpoint) -> str:
    """Return what the tensor names of a base lack that was published without its head.

    Such as `transformer.` for GPT-2; empty where the names lack nothing.
    """
    prefix = prefixes().get(str(base.config.get("model_type")))
    if not prefix:
        return ""

    for entry in base.entries:
        if entry.name.startswith(f"{prefix}."):
            return ""
    return f"{prefix}."


def prefixes() -> dict[str, str]:
    """Return the prefix that PEFT expects before a base's names, by model type."""
    by_model_type: dict[str, str] = load("registry.lora_init", "peft.toml")["prefixes"]
    return by_model_type


def peft_config(
    base: Checkpoint, factors: Sequence[LoraFactors], plan: Plan, origin: str
) -> dict[str, object]:
    """Return the content of adapter_config.json.

    Args:
        origin: Where PEFT finds the base model.
    """
    transposed = any(pair.site.transposed for pair in factors)
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": origin,
        "r": plan.rank,
        "lora_alpha": plan.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": target_modules(base, factors),
        "fan_in_fan_out": transposed,
        "init_lora_weights": True,
        "inference_mode": False,
    }


def target_modules(base: Checkpoint, factors: Sequence[LoraFactors]) -> list[str]:
    """Return ends of module names that mean the adapted modules and no other of the base."""
    adapted = {pair.module for pair in factors}
    modules = {entry.name.removesuffix(".weight") for entry in base.entries}
    others = modules - adapted
    return sorted({shortest_end(module, others) for module in adapted})


def shortest_end(module: str, others: set[str]) -> str:
    """Return the fewest last words of a module's name in which no other module's name ends."""
    for end in reversed(suffixes(module)):
        if not any(f".{other}".endswith(f".{end}") for other in others):
            return end
    return module


def write_base(folder: Path, base: Checkpoint, factors: Sequence[LoraFactors], plan: Plan) -> None:
    """Write the base less every initial LoRA delta, as PiSSA and LoRA-GA do, in its own dtypes.

    Raises BaseNotWritable for a base that is no folder of unquantised weights.
    """
    source = Path(base.source)
    check_subtractable(base)
    folder.mkdir()

    for path in source.iterdir():
        described = path.is_file() and path.suffix in COPIED
        if described and ".index." not in path.name:
            shutil.copy(path, folder)

    deltas = {}
    for pair in factors:
        tensor = pair.site.entry.name
        deltas[tensor] = pair.delta(plan.scaling)
    write_shards(folder, base, deltas)


def check_subtractable(base: Checkpoint) -> None:
    """Raise BaseNotWritable for a base that is no folder of unquantised weights."""
    for entry in base.entries:
        if entry.stored:
            raise BaseNotWritable(base=base.source, reason=f"quantised: {entry.stored}")
    if not Path(base.source).is_dir():
        raise BaseNotWritable(base=base.source, reason="it is no folder")


def write_shards(folder: Path, base: Checkpoint, deltas: Mapping[str, torch.Tensor]) -> None:
    """Write all weights of a base, those with a delta (by tensor name) less it."""
    from safetensors.torch import save_file  # noqa: PLC0415  # only whoever writes waits for it

    shards = list(sharded(base.entries))
    shard_of: dict[str, str] = {}
    for number, entries in enumerate(shards, 1):
        shard = shard_name(number, len(shards))
        tensors = {}
        for entry in entries:
            tensors[entry.name] = less_delta(entry, deltas)
            shard_of[entry.name] = shard
        save_file(tensors, folder / shard, {"format": "pt"})

    if len(shards) > 1:
        total = sum(entry.nbytes for entry in base.entries)
        index = {"metadata": {"total_size": total}, "weight_map": shard_of}
        write_json(folder / "model.safetensors.index.json", index)


def shard_name(number: int, count: int) -> str:
    """Return the file name of one of so many shards."""
    if count == 1:
        return "model.safetensors"
    return f"model-{number:05}-of-{count:05}.safetensors"


def sharded(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Yield the entries in their order, as many at a time as fit into SHARD bytes."""
    shard: list[Entry] = []
    size = 0
    for entry in entries:
        if shard and size + entry.nbytes > SHARD:
            yield shard
            shard, size = [], 0
        shard.append(entry)
        size += entry.nbytes
    yield shard


def less_delta(entry: Entry, deltas: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return a weight less its delta, if it has one, in its own dtype and in memory of its own."""
    weight = entry.load()
    if entry.name not in deltas:
        return weight.clone().contiguous()
    difference = weight.to(torch.float32) - deltas[entry.name]
    return difference.to(weight.dtype).contiguous()
