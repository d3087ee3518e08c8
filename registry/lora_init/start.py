"""The journey of a base and a reference's characteristic to an adapter that can be trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

import torch

from registry.characteristic.groups import Characteristic
from registry.checkpoints import open_checkpoint
from registry.errors import BaseIsAdapter, NoCharacteristic
from registry.lora_init.factors import STD, Plan, Start, initialise, targeted
from registry.lora_init.peft_files import BASE, check_free, write_adapter

SAMPLE, LENGTH = 4, 64  # sequences of tokens on which the output is looked at, and tokens of each


@dataclass(frozen=True)
class Output:
    """How far a model's output is from the base's before the first step, on random tokens.

    relative: |logits - base's| / |base's|, each about its mean. divergence: Kullback-Leibler, nats a token. agree: of
    how many tokens the likeliest next one is the same, as a share.
    """

    relative: float
    divergence: float
    agree: float


@dataclass(frozen=True)
class Initialised:
    """What was written.

    weights: the median of |scaling B A| / |W|. output: None where it could not be looked at, and `why`.
    """

    folder: str
    base: str
    modules: int
    parameters: int
    weights: float
    output: Output | None
    why: str | None
    keep_output: bool


class Starting(TypedDict, total=False):
    """How an adapter starts.

    lora_rank: 16 unless told otherwise. alpha: scaling times the rank, by default the rank. targets: projections or
    modules, by default all. std: of A and B, by default 0.02. seed: by default 0. keep_output: write the base less the
    start as well. download: keep a hub model in the hub cache.
    """

    lora_rank: int
    alpha: float | None
    targets: Sequence[str]
    std: float | None
    seed: int
    keep_output: bool
    download: bool


def lora_init(
    source: str | Path,
    reference: tuple[str, Characteristic],
    folder: str | Path,
    **options: Unpack[Starting],
) -> Initialised:
    """Write an adapter for a base, its factors shaped by a reference's characteristic. Raises RegistryError.

    reference: its name, and characteristic. folder: that the adapter comes to; it must be new or empty.
    """
    rank, keep_output = options.get("lora_rank", 16), options.get("keep_output", False)
    plan = Plan(
        rank, options.get("alpha") or rank, options.get("std") or STD, options.get("seed", 0)
    )
    name, characteristic = reference
    if not characteristic.usable:
        raise NoCharacteristic(name=name, first=characteristic.groups[0].referenced)
    check_free(Path(folder))
    base = open_checkpoint(source, download=options.get("download", False))
    if base.kind == "adapter":
        raise BaseIsAdapter(base=base.source)
    starts = list(initialise(targeted(base, options.get("targets", ())), characteristic, plan))
    write_adapter(Path(folder), base, starts, plan, keep_output=keep_output)
    output = looked_at(Path(base.source), Path(folder), keep_output=keep_output)
    return Initialised(
        folder=str(folder),
        base=base.source,
        modules=len(starts),
        parameters=sum(start.a.numel() + start.b.numel() for start in starts),
        weights=weights_moved(starts, plan),
        output=None if isinstance(output, str) else output,
        why=output if isinstance(output, str) else None,
        keep_output=keep_output,
    )


def weights_moved(starts: Sequence[Start], plan: Plan) -> float:
    """The median of the updates' sizes, each over that of its weight."""
    sizes = [
        float(
            start.update(plan.scaling).norm()
            / start.site.entry.load().to(torch.float32).norm().clamp_min(1e-30)
        )
        for start in starts
    ]
    return float(torch.tensor(sizes).median())


def looked_at(base: Path, folder: Path, *, keep_output: bool) -> Output | str:
    """How far the adapter's output is from the base's, or why that is not known."""
    if not (base / "config.json").is_file():
        return "the base is no folder with a config.json"
    try:
        return output_moved(base, folder, keep_output=keep_output)
    except ImportError:
        return "transformers and peft are not installed (pip install 'weight-registry[lora]')"
    except (OSError, ValueError) as exc:
        return f"transformers cannot load the base ({str(exc).splitlines()[0]})"


def output_moved(base: Path, folder: Path, *, keep_output: bool) -> Output:
    """The base's logits beside those of base and adapter, as transformers and peft compute them."""
    from peft import PeftModel  # noqa: PLC0415  # not needed for writing
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    length = min(LENGTH, getattr(model.config, "max_position_embeddings", LENGTH))
    draw = torch.Generator().manual_seed(0)
    tokens = torch.randint(model.config.vocab_size, (SAMPLE, length), generator=draw)
    with torch.no_grad():
        before = model(tokens).logits.float()
        kept = folder / BASE
        own = (
            AutoModelForCausalLM.from_pretrained(kept, dtype=torch.float32)
            if keep_output
            else model
        )
        after = PeftModel.from_pretrained(own, str(folder))(tokens).logits.float()
    return difference(before, after)


def difference(before: torch.Tensor, after: torch.Tensor) -> Output:
    """Of two sets of logits: sequences x tokens x vocabulary."""
    centred = [logits - logits.mean(-1, keepdim=True) for logits in (before, after)]
    relative = float((centred[1] - centred[0]).norm() / centred[0].norm())
    logs = [logits.log_softmax(-1) for logits in (before, after)]
    divergence = float((logs[0].exp() * (logs[0] - logs[1])).sum(-1).mean())
    return Output(
        relative, divergence, float((before.argmax(-1) == after.argmax(-1)).float().mean())
    )
