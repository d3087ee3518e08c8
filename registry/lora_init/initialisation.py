"""From a base model and a reference's characteristic to an adapter that can be trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

import torch

from registry.characteristic.groups import Characteristic
from registry.checkpoints import open_checkpoint
from registry.errors import BaseIsAdapter, NoCharacteristic
from registry.lora_init.factors import STD, LoraFactors, Plan, initialise, targeted
from registry.lora_init.peft_files import BASE, check_free, write_adapter

SEQUENCES, LENGTH = 4, 64  # of random tokens on which outputs are compared


@dataclass(frozen=True)
class OutputShift:
    """How far a model's output is from the base's before the first step, on random tokens.

    Attributes:
        relative: |logits - base's| / |base's|, each about its mean.
        divergence: Kullback-Leibler, nats a token.
        agree: The share of tokens for which the likeliest next one is the same.
    """

    relative: float
    divergence: float
    agree: float


@dataclass(frozen=True)
class MeasuredShift:
    """A shift of the output, or the reason why it could not be measured."""

    value: OutputShift | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Initialised:
    """What was written.

    Attributes:
        weights: The median of |scaling B A| / |W|.
        output: The shift of the output; None where it could not be measured, and `why`.
    """

    folder: str
    base: str
    modules: int
    parameters: int
    weights: float
    output: OutputShift | None
    why: str | None
    keep_output: bool


class InitialisationOptions(TypedDict, total=False):
    """Options of an initialisation.

    Attributes:
        lora_rank: By default 16.
        alpha: Scaling times the rank, by default the rank.
        targets: Projections or modules, by default all.
        std: Standard deviation of A and B, by default 0.02.
        seed: By default 0.
        keep_output: Also write the base minus B A.
        download: Keep a hub model in the hub cache.
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
    **options: Unpack[InitialisationOptions],
) -> Initialised:
    """Write an adapter for a base whose factors are shaped by a reference's characteristic.

    Args:
        reference: Its name and characteristic.
        folder: Where the adapter is written, new or empty.

    Raises RegistryError, with nothing written.
    """
    name, characteristic = reference
    if not characteristic.usable:
        raise NoCharacteristic(name=name, first=characteristic.groups[0].referenced)

    folder = Path(folder)
    check_free(folder)
    base = open_checkpoint(source, download=options.get("download", False))
    if base.kind == "adapter":
        raise BaseIsAdapter(base=base.source)

    plan = plan_of(options)
    keep_output = options.get("keep_output", False)
    sites = targeted(base, options.get("targets", ()))
    factors = list(initialise(sites, characteristic, plan))
    parameters = sum(pair.a.numel() + pair.b.numel() for pair in factors)
    write_adapter(folder, base, factors, plan, keep_output=keep_output)

    shift = measured_shift(Path(base.source), folder, keep_output=keep_output)
    return Initialised(
        folder=str(folder),
        base=base.source,
        modules=len(factors),
        parameters=parameters,
        weights=relative_size(factors, plan),
        output=shift.value,
        why=shift.reason,
        keep_output=keep_output,
    )


def plan_of(options: InitialisationOptions) -> Plan:
    """Return the plan that options ask for."""
    rank = options.get("lora_rank", 16)
    return Plan(
        rank=rank,
        alpha=options.get("alpha") or rank,
        std=options.get("std") or STD,
        seed=options.get("seed", 0),
    )


def relative_size(factors: Sequence[LoraFactors], plan: Plan) -> float:
    """Return the median of |scaling B A| / |W| over all weights."""
    ratios = []
    for pair in factors:
        weight = pair.site.entry.load().to(torch.float32)
        delta = pair.delta(plan.scaling)
        ratio = delta.norm() / weight.norm().clamp_min(1e-30)
        ratios.append(float(ratio))
    return float(torch.tensor(ratios).median())


def measured_shift(base: Path, folder: Path, *, keep_output: bool) -> MeasuredShift:
    """Return how far the adapter moves the base's output, or why that cannot be measured."""
    if not (base / "config.json").is_file():
        return MeasuredShift(reason="the base is no folder with a config.json")
    try:
        return MeasuredShift(output_shift(base, folder, keep_output=keep_output))
    except ImportError:
        install = "pip install 'weight-registry[lora]'"
        return MeasuredShift(reason=f"transformers and peft are not installed ({install})")
    except (OSError, ValueError) as exc:  # what transformers raises for a model it does not know
        first_line = str(exc).splitlines()[0]
        return MeasuredShift(reason=f"transformers cannot load the base ({first_line})")


def output_shift(base: Path, folder: Path, *, keep_output: bool) -> OutputShift:
    """Compare the base's logits with those of base and adapter, by transformers and peft."""
    from peft import PeftModel  # noqa: PLC0415  # not needed for writing
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    length = min(LENGTH, getattr(model.config, "max_position_embeddings", LENGTH))
    draw = torch.Generator().manual_seed(0)
    tokens = torch.randint(model.config.vocab_size, (SEQUENCES, length), generator=draw)

    with torch.no_grad():
        before = model(tokens).logits.float()
        if keep_output:
            model = AutoModelForCausalLM.from_pretrained(folder / BASE, dtype=torch.float32)
        adapted = PeftModel.from_pretrained(model, str(folder))
        after = adapted(tokens).logits.float()
    return difference(before, after)


def difference(before: torch.Tensor, after: torch.Tensor) -> OutputShift:
    """Compare two sets of logits, sequences x tokens x vocabulary."""
    centred_before = before - before.mean(-1, keepdim=True)
    centred_after = after - after.mean(-1, keepdim=True)
    relative = (centred_after - centred_before).norm() / centred_before.norm()

    log_before = before.log_softmax(-1)
    log_after = after.log_softmax(-1)
    by_token = log_before.exp() * (log_before - log_after)
    divergence = by_token.sum(-1).mean()

    same_token = before.argmax(-1) == after.argmax(-1)
    agree = same_token.float().mean()
    return OutputShift(float(relative), float(divergence), float(agree))
