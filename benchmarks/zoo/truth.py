"""What is true of every model: the kinds of change that lie between it and its root, with amounts.

A row's own change is looked up by the last part of its name, and what was true of its parents is true of it. What a
config tells (width, hidden units, heads, experts, tokens) is read from the two configs, as (old, new).
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Truth = dict[str, Any]

STATED: dict[str, Truth] = {
    "root": {},
    "twin": {},
    "fine-tune": {"trained": True},
    "fine-tune-b": {"trained": True},
    "fine-tune-c": {"trained": True},
    "continued": {"trained": True},
    "continued-3x": {"trained": True},
    "recovered": {"trained": True},
    "adapter-a": {},
    "adapter-b": {},
    "lora-a": {"low_rank": 8},
    "lora-b": {"low_rank": 8},
    "vocabulary-extended": {"trained": True},
    "vocabulary-replaced": {"embedded_anew": True, "trained": True},
    "pruned-30": {"pruned_weights": 0.3},
    "pruned-50": {"pruned_weights": 0.5},
    "pruned-70": {"pruned_weights": 0.7},
    "int8": {"quantised": 8},
    "int4": {"quantised": 4},
    "noise": {"noise": 0.01},
    "layer-dropped": {"layers_removed": 1},
    "layer-duplicated": {"layers_repeated": 1},
    "layers-stacked": {"layers_repeated": True},
    "layers-interleaved": {"layers_repeated": True},
    "layers-inserted": {"layers_inserted": True},
    "new-layers": {"inserted_trained": True},
    "layers-swapped": {"layers_reordered": 2},
    "projection-zero": {"projections_zeroed": 1},
    "cast-fp32": {"cast": "float32"},
    "cast-fp16": {"cast": "float16"},
    "resharded": {},
    "permutation-hidden": {"neurons_permuted_or_rescaled": True},
    "rescaling-hidden": {"neurons_permuted_or_rescaled": True},
    "signs-hidden": {"neurons_permuted_or_rescaled": True},
    "permutation-heads": {"heads_permuted_or_rescaled": True},
    "rescaling-values": {"heads_permuted_or_rescaled": True},
    "signs-values": {"heads_permuted_or_rescaled": True},
    "permutation-residual": {"stream_permuted": True},
    "rotation": {"norms_folded": True, "stream_rotated": True},
    "norm-folding": {"norms_folded": True},
    "vocabulary-padded": {},
    "vocabulary-permuted": {"tokens_reordered": True},
    "neurons-pruned": {},
    "heads-pruned": {},
    "keys-pooled": {},
    "keys-repeated": {},
    "width-pruned": {},
    "width-padded": {},
    "width-doubled": {},
    "all-pruned": {},
    "upcycled": {},
    "experts-to-dense": {},
    "experts-pruned": {},
    "experts-merged": {},
    "routers-trained": {"routers_trained": True},
    "embeddings-trained": {"embeddings_trained": True},
    "head-trained": {"head_trained": True},
    "norms-trained": {"norms_trained": True},
    "biases-trained": {"biases_trained": True},
    "fp8": {"quantised": 8},
    "fp8-scaled": {"quantised": 8},
    "nf4": {"quantised": 4},
    "q4_0": {"quantised": 4},
    "int3": {"quantised": 3},
    "int2": {"quantised": 2},
    "gptq": {"quantised": 4},
    "ternary": {"trained": True, "quantised": 1.58},
    "qk-map": {"qk_map": True},
    "value-map": {"heads_permuted_or_rescaled": True},
    "rotation-and-maps": {
        "norms_folded": True,
        "stream_rotated": True,
        "qk_map": True,
        "heads_permuted_or_rescaled": True,
    },
    "low-rank-4": {"low_rank": 4},
    "low-rank-16": {"low_rank": 16},
    "low-rank-64": {"low_rank": 64},
    "merge-mean": {"merged": True},
    "merge-weighted": {"merged": True},
    "merge-slerp": {"merged": True},
    "merge-ties": {"merged": True},
    "merge-three": {"merged": True},
    "merge-arithmetic": {"merged": True},
    "merge-stock": {"merged": True},
    "merge-dare-ties": {"merged": True},
    "layers-alternating": {"merged": True},
    "layers-of-two": {"merged": True},
}
FOLDS = {"rotation", "norm-folding", "rotation-and-maps"}  # the head no longer is the embeddings
# After these a kind that was true before cannot be seen, and a tool that does not tell it is not wrong.
COVERED = {
    "trained": {"quantised", "noise", "pruned_weights"},
    "quantised": {"noise", "cast"},
    "merged": {"quantised", "noise", "trained", "low_rank"},
}
IMPLIED = {"norms_folded", "untied"}  # what a rotation cannot do without, and says of itself
COUNTS: dict[str, tuple[str, ...]] = {  # kind: what configs call it
    "width": ("hidden_size", "n_embd"),
    "neurons": ("n_inner", "intermediate_size"),
    "heads": ("num_attention_heads", "n_head"),
    "kv_heads": ("num_key_value_heads",),
    "experts": ("num_local_experts", "num_experts"),
    "vocabulary": ("vocab_size",),
}
DEPTHS = ("num_hidden_layers", "n_layer")


def stated(change: str, *, tied: bool) -> Truth:
    """Of the last change in a name."""
    last = change.rsplit("+", maxsplit=1)[-1]
    untied = {"untied": True} if tied and last in FOLDS else {}
    return STATED[last] | untied


def inherited(
    change: str, parents: Mapping[str, Truth], weights: tuple[float, ...] | None, *, tied: bool
) -> Truth:
    """Of a row, with all that is true of its parents, which are named as a merge's parents are."""
    truth: Truth = {}
    for known in parents.values():
        truth |= known
    truth |= stated(change, tied=tied)
    if "merged" in stated(change, tied=tied):
        shares = weights or (None,) * len(parents)
        truth["merged"] = [[name, share] for name, share in zip(parents, shares, strict=True)]
    return truth


def covered(change: str, parents: list[str], *, tied: bool) -> list[str]:
    """Kinds of the parents' own changes that the last change hides, and of its own that go without saying."""
    last = stated(change, tied=tied)
    before = {kind for parent in parents for kind in stated(parent, tied=tied)}
    hidden = {kind for cause in last for kind in COVERED.get(cause, ())}
    implied = IMPLIED & set(last) if "stream_rotated" in last else set()
    return sorted((before & hidden - set(last)) | implied)


def counted(truth: Truth, old: dict, new: dict) -> Truth:
    """The truth with all that differs between two configs."""
    pairs = {kind: (count(old, kind), count(new, kind)) for kind in COUNTS}
    if pairs["kv_heads"] == pairs["heads"]:
        del pairs["kv_heads"]
    differing = {kind: list(pair) for kind, pair in pairs.items() if pair[0] != pair[1]}
    known = truth | differing
    deeper = first(new, DEPTHS) - first(old, DEPTHS)
    for kind in ("layers_repeated", "layers_inserted"):
        if known.get(kind) is True:
            known[kind] = deeper
    return known


def count(config: dict, kind: str) -> int:
    """As many as a config says, or lets follow."""
    number = first(config, COUNTS[kind])
    follows: dict[str, Callable[[], int]] = {
        "neurons": lambda: 4 * count(config, "width"),
        "kv_heads": lambda: count(config, "heads"),
        "experts": lambda: 1,
    }
    return number if number is not None else follows[kind]()


def first(config: dict, names: tuple[str, ...]) -> int | None:
    """The first of these entries that is there."""
    return next((config[name] for name in names if config.get(name) is not None), None)


def configured(folder: Path) -> dict:
    """A saved model's config."""
    return json.loads((folder / "config.json").read_text())
