"""What is derived from each root, in order: the change, from what, and how."""

import torch

from zoo import changes, merging, tampering, vocabulary
from zoo.further import EXPERTS, FURTHER
from zoo.recipes import FAMILIES, HEADS, Root
from zoo.roots import ROOTS
from zoo.steps import (
    CONTINUED,
    EXTENDED,
    FINE,
    REPLACED,
    ROOT,
    TUNED,
    Row,
    adapter,
    chain,
    merge,
    merge_adapter,
    plain,
    trained,
)

TRAINED = (
    Row("fine-tune", (ROOT,), trained(*TUNED)),
    Row("continued", (ROOT,), trained("network", *CONTINUED)),
    Row("adapter-a", (ROOT,), adapter("windows")),
    Row("lora-a", (ROOT, "adapter-a"), merge_adapter),
    Row("adapter-b", (ROOT,), adapter("numbers")),
    Row("lora-b", (ROOT, "adapter-b"), merge_adapter),
    Row("vocabulary-extended", (ROOT,), trained("network", *FINE, before=EXTENDED)),
    Row("vocabulary-replaced", (ROOT,), trained("network", 0.3, 0.5, before=REPLACED)),
)

MERGED = (
    Row("merge-mean", ("fine-tune", "continued"), merge(merging.average((0.5, 0.5))), (0.5, 0.5)),
    Row("merge-weighted", ("fine-tune", "lora-a"), merge(merging.average((0.3, 0.7))), (0.3, 0.7)),
    Row("merge-slerp", ("continued", "lora-b"), merge(merging.slerp(0.5))),
    Row("merge-ties", (ROOT, "fine-tune", "lora-b"), merge(merging.ties_merge)),
)

LOSSY = (
    *(Row(f"pruned-{share}", (ROOT,), plain(changes.prune(share / 100))) for share in (30, 50, 70)),
    Row("int8", (ROOT,), plain(changes.quantise(8, None))),
    Row("int4", (ROOT,), plain(changes.quantise(4, 32))),
    Row("noise", (ROOT,), plain(changes.noise(0.01))),
)

RESHAPED = (
    Row("layer-dropped", (ROOT,), plain(changes.layers(changes.without_middle))),
    Row("layer-duplicated", (ROOT,), plain(changes.layers(changes.middle_twice))),
    Row("layers-stacked", (ROOT,), plain(changes.layers(changes.stacked))),
)

SAVED = (
    Row("cast-fp32", (ROOT,), plain(changes.saved_as(torch.float32))),
    Row("cast-fp16", (ROOT,), plain(changes.saved_as(torch.float16))),
    Row("resharded", (ROOT,), plain(changes.saved_as(shard="300KB"))),
)

TAMPERED = (
    *(Row(change, (ROOT,), plain(changes.tamper(change))) for change in tampering.CHANGES),
    Row("vocabulary-padded", (ROOT,), plain(vocabulary.pad(64))),
    Row("vocabulary-permuted", (ROOT,), plain(vocabulary.permute)),
)

CHAINED = (
    chain("continued", "rotation", plain(changes.tamper("rotation"))),
    chain("continued", "permutation-residual", plain(changes.tamper("permutation-residual"))),
    chain("fine-tune", "permutation-hidden", plain(changes.tamper("permutation-hidden"))),
    chain("fine-tune", "rescaling-values", plain(changes.tamper("rescaling-values"))),
    chain("pruned-50", "fine-tune", trained(*TUNED)),
    chain("merge-mean", "int4", plain(changes.quantise(4, 32))),
    chain("layer-dropped", "fine-tune", trained(*TUNED)),
)

PLAN = (*TRAINED, *MERGED, *LOSSY, *RESHAPED, *SAVED, *TAMPERED, *CHAINED)
CRS = (
    "fine-tune",
    "continued",
    "merge-mean",
    "pruned-30",
    "pruned-50",
    "pruned-70",
    "int8",
    "int4",
    "noise",
)


DERIVED_FURTHER = {
    "llama-small",
    "gpt2-small",
    "qwen2-small",
    "mistral-small",
    "neox-small",
    "moe-small",
    "llama-tied-d128",
    "gpt2-twins-d128",
    "mixtral-tied-d96-experts",
    "llama-160-d160",
    "mixtral-d96-experts",
}
LONG = {"llama-small", "llama-tied-d128", "mistral-small", "llama-160-d160"}
FEW = (
    "fine-tune",
    "continued",
    "pruned-50",
    "int4",
    "rotation",
    "layer-dropped",
    "neurons-pruned",
    "neurons-pruned+recovered",
    "fine-tune+permutation-hidden",
)
LEAST = ("fine-tune", "int4", "rotation")


def rows(root: Root) -> list[Row]:
    """The part of the plan that a root's architecture permits; of the CRS setting only what its paper has."""
    kind = FAMILIES[root.family].config.model_type
    skipped = {change for own, change in tampering.SKIPPED if own == kind}
    known = traits(root)
    wanted = [
        row
        for row in (*PLAN, *FURTHER)
        if skipped.isdisjoint(row.change.split("+")) and known.issuperset(row.needs)
    ]
    names = chosen(root)
    return wanted if names is None else [row for row in wanted if row.change in names]


def chosen(root: Root) -> set[str] | None:
    """The changes that a root has, or None for all."""
    if root.family == "crs":
        return set(CRS)
    if root.name in DERIVED_FURTHER:
        return None
    if root.kind == "trained":
        return {row.change for row in PLAN}
    if root.kind == "untrained" or (root.kind == "tiny" and root.twin_of):
        return set()
    names = set(LEAST if root.twin_of or root.start else FEW)
    if root.kind == "experts" and not root.twin_of:
        names |= {row.change for row in EXPERTS}
    return names


def traits(root: Root) -> set[str]:
    """What a row may need of a root."""
    family = FAMILIES[root.family]
    kind = family.config.model_type
    experts = kind in {"mixtral", "qwen2_moe"}
    known = {
        kind: True,
        "dense": not experts,
        "experts": experts,
        "llama-like": kind in {"llama", "mistral"},
        "tied": family.tied,
        "untied": not family.tied,
        "grouped": family.groups < HEADS and kind != "gpt2",
        "head-size": kind in {"llama", "mistral", "qwen2"},
        "narrowed": kind in {"llama", "mistral", "qwen2", "gpt2"},
        "whole-heads": kind in {"llama", "mistral", "qwen2", "gpt2", "mixtral", "qwen2_moe"},
        "biased": kind in {"gpt2", "qwen2", "gpt_neox", "qwen2_moe"},
        "long": root.name in LONG,
        "twin": twin(root) is not None,
    }
    return {name for name, holds in known.items() if holds}


def twin(root: Root) -> Root | None:
    """The independent run of a root's recipe, for merges with a stranger."""
    runs = (other for other in ROOTS if other.twin_of == root.name)
    return next((other for other in runs if other.kind == root.kind), None)
