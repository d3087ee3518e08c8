"""Adapters in PEFT's own files, and a base that their starts are taken off."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from registry.checkpoints import Checkpoint, Entry
from registry.data import load
from registry.errors import BaseNotWritable, FolderNotEmpty
from registry.lora_init.factors import Plan, Start

SHARD = 4 << 30  # bytes of a shard of a base that is written
BASE = "base"  # the folder of such a base, inside the adapter's


def write_adapter(
    folder: Path, base: Checkpoint, starts: Sequence[Start], plan: Plan, *, keep_output: bool
) -> None:
    """Write an adapter, whole or not at all; with keep_output the base less its start as well.

    Raises FolderNotEmpty, BaseNotWritable.
    """
    from safetensors.torch import save_file  # noqa: PLC0415  # only whoever writes waits for it

    check_free(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        draft = Path(scratch) / "adapter"
        draft.mkdir()
        save_file(tensors(base, starts), draft / "adapter_model.safetensors", {"format": "pt"})
        origin = str(folder / BASE) if keep_output else base.source
        settings = config(base, starts, plan, origin)
        (draft / "adapter_config.json").write_text(
            json.dumps(settings, indent=2) + "\n", encoding="utf-8"
        )
        if keep_output:
            write_base(draft / BASE, base, starts, plan)
        if folder.exists():
            folder.rmdir()
        draft.replace(folder)


def check_free(folder: Path) -> None:
    """Whether something can be written there. Raises FolderNotEmpty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderNotEmpty(folder=str(folder))


def tensors(base: Checkpoint, starts: Sequence[Start]) -> dict[str, torch.Tensor]:
    """The factors by PEFT's names."""
    before = f"base_model.model.{prefix(base)}"
    return {
        f"{before}{start.module}.lora_{side}.weight": factor.contiguous()
        for start in starts
        for side, factor in (("A", start.a), ("B", start.b))
    }


def prefix(base: Checkpoint) -> str:
    """What the names of a base lack that was published without its head; empty where they lack nothing."""
    own = prefixes().get(str(base.config.get("model_type")), "")
    return (
        f"{own}."
        if own and not any(entry.name.startswith(f"{own}.") for entry in base.entries)
        else ""
    )


def prefixes() -> dict[str, str]:
    """Return the prefix that PEFT expects before a base's names, by model type."""
    by_model_type: dict[str, str] = load("registry.lora_init", "peft.toml")["prefixes"]
    return by_model_type


def config(base: Checkpoint, starts: Sequence[Start], plan: Plan, origin: str) -> dict[str, object]:
    """adapter_config.json."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": origin,
        "r": plan.rank,
        "lora_alpha": plan.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": targets(base, starts),
        "fan_in_fan_out": any(start.site.transposed for start in starts),
        "init_lora_weights": True,
        "inference_mode": False,
    }


def targets(base: Checkpoint, starts: Sequence[Start]) -> list[str]:
    """Ends of module names that mean these modules and no other of the base."""
    own = {start.module for start in starts}
    rest = {entry.name.removesuffix(".weight") for entry in base.entries} - own
    return sorted({shortest(module, rest) for module in own})


def shortest(module: str, rest: set[str]) -> str:
    """The shortest end of a name that no other module has; the last word, or more where that is another's too."""
    words = module.split(".")
    ends = (".".join(words[-count:]) for count in range(1, len(words) + 1))
    return next(
        (end for end in ends if not any(f".{other}".endswith(f".{end}") for other in rest)), module
    )


def write_base(folder: Path, base: Checkpoint, starts: Sequence[Start], plan: Plan) -> None:
    """The base with the start of every update taken off, as PiSSA and LoRA-GA do, in its own types.

    Raises BaseNotWritable for a base that is no folder of unquantised weights.
    """
    source = Path(base.source)
    stored = next((entry.stored for entry in base.entries if entry.stored), None)
    if stored or not source.is_dir():
        raise BaseNotWritable(
            base=base.source, reason=f"it is stored as {stored}" if stored else "it is no folder"
        )
    folder.mkdir()
    for path in source.iterdir():
        if (
            path.is_file()
            and path.suffix in {".json", ".txt", ".model", ".jinja"}
            and ".index." not in path.name
        ):
            shutil.copy(path, folder)
    write_shards(
        folder, base, {start.site.entry.name: start.update(plan.scaling) for start in starts}
    )


def write_shards(folder: Path, base: Checkpoint, starts: dict[str, torch.Tensor]) -> None:
    """All weights of a base, those that have a start without it."""
    from safetensors.torch import save_file  # noqa: PLC0415  # only whoever writes waits for it

    shards = list(sharded(base.entries))
    index: dict[str, str] = {}
    for number, entries in enumerate(shards, 1):
        name = (
            "model.safetensors"
            if len(shards) == 1
            else f"model-{number:05}-of-{len(shards):05}.safetensors"
        )
        save_file(
            {entry.name: without(entry, starts) for entry in entries},
            folder / name,
            {"format": "pt"},
        )
        index |= {entry.name: name for entry in entries}
    if len(shards) > 1:
        content = {
            "metadata": {"total_size": sum(entry.nbytes for entry in base.entries)},
            "weight_map": index,
        }
        (folder / "model.safetensors.index.json").write_text(
            json.dumps(content, indent=2) + "\n", encoding="utf-8"
        )


def sharded(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Entries in their order, so many at a time as one shard holds."""
    taken: list[Entry] = []
    for entry in entries:
        if taken and sum(each.nbytes for each in taken) + entry.nbytes > SHARD:
            yield taken
            taken = []
        taken.append(entry)
    yield taken


def without(entry: Entry, starts: dict[str, torch.Tensor]) -> torch.Tensor:
    """A weight less its start, in its own type and in memory of its own."""
    weight = entry.load()
    if entry.name in starts:
        return (weight.to(torch.float32) - starts[entry.name]).to(weight.dtype).contiguous()
    return weight.clone().contiguous()
