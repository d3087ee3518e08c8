"""More that is derived: other shapes, experts, identity layers, parts trained alone, ways to quantise, merges.

Where a real model would be trained again after a change, so is this one, on the root's own text, and its name says
`recovered`.
"""

import torch

from zoo import blocks, changes, experts, headwise, merging, parts, quantising, resizing
from zoo.steps import FINE, ROOT, TUNED, TWIN, Row, chain, merge, plain, ternary_trained, trained

RECOVERED = trained("reference", 0.1, 0.3)
PART = (0.15, 0.5)  # shares of the root's steps and rate
LONG = (3.0, 0.5)
DENSE = ("dense",)
SIZED = ("dense", "head-size")
GROUPED = ("dense", "head-size", "grouped")


def recovered(parent: str, needs: tuple[str, ...]) -> Row:
    """Trained again."""
    return chain(parent, "recovered", RECOVERED, needs)


def part(name: str, only: parts.Part, dtype: torch.dtype, needs: tuple[str, ...] = ()) -> list[Row]:
    """One group of weights trained alone, and the result in another type."""
    change = f"{name}-trained"
    kind = {torch.float32: "fp32", torch.float16: "fp16"}[dtype]
    return [
        Row(change, (ROOT,), trained("testing", *PART, only=only), needs=needs),
        chain(change, f"cast-{kind}", plain(changes.saved_as(dtype)), needs),
    ]


RESIZED = (
    Row("neurons-pruned", (ROOT,), plain(resizing.neurons_pruned), needs=DENSE),
    recovered("neurons-pruned", DENSE),
    Row("heads-pruned", (ROOT,), plain(resizing.heads_pruned), needs=GROUPED),
    recovered("heads-pruned", GROUPED),
    Row("keys-pooled", (ROOT,), plain(resizing.keys_pooled), needs=GROUPED),
    recovered("keys-pooled", GROUPED),
    Row("keys-repeated", (ROOT,), plain(resizing.keys_repeated), needs=GROUPED),
    Row("width-pruned", (ROOT,), plain(resizing.width_pruned), needs=("dense", "narrowed")),
    recovered("width-pruned", ("dense", "narrowed")),
    Row("width-padded", (ROOT,), plain(resizing.width_padded), needs=SIZED),
    Row("width-doubled", (ROOT,), plain(resizing.width_doubled), needs=SIZED),
    Row("all-pruned", ("layer-dropped",), plain(resizing.all_pruned), needs=GROUPED),
    recovered("all-pruned", GROUPED),
)

EXPERTS = (
    Row("upcycled", (ROOT,), plain(experts.upcycled), needs=("llama-like",)),
    chain("upcycled", "fine-tune", trained("reference", *PART), ("llama-like",)),
    Row("experts-to-dense", (ROOT,), plain(experts.dense), needs=("mixtral",)),
    recovered("experts-to-dense", ("mixtral",)),
    Row("experts-pruned", (ROOT,), plain(experts.pruned), needs=("experts",)),
    recovered("experts-pruned", ("experts",)),
    Row("experts-merged", (ROOT,), plain(experts.merged), needs=("experts",)),
    recovered("experts-merged", ("experts",)),
    *part("routers", parts.routers, torch.float32, ("experts",)),
)

BLOCKS = (
    Row("layers-inserted", (ROOT,), plain(blocks.expanded), needs=DENSE),
    chain(
        "layers-inserted", "new-layers", trained("network", *PART, only=blocks.new_layers), DENSE
    ),
    Row("layers-interleaved", (ROOT,), plain(changes.layers(blocks.interleaved))),
    Row("layers-swapped", (ROOT,), plain(changes.layers(blocks.swapped))),
    Row("projection-zero", (ROOT,), plain(blocks.zero_projection)),
)

PARTS = (
    *part("embeddings", parts.embeddings, torch.float32),
    *part("head", parts.head, torch.float16, ("untied",)),
    *part("norms", parts.norms, torch.float32),
    *part("biases", parts.biases, torch.float16, ("biased",)),
)

QUANTISED = (
    *(Row(way, (ROOT,), plain(change)) for way, change in quantising.WAYS.items() if way != "gptq"),
    Row("gptq", (ROOT,), plain(quantising.WAYS["gptq"]), needs=DENSE),
    chain("int4", "fine-tune", trained(*TUNED)),
    Row("ternary", (ROOT,), ternary_trained("reference", 0.3, 0.5), needs=DENSE),
)

DISGUISED = (
    Row("qk-map", (ROOT,), plain(headwise.changed("qk-map")), needs=("whole-heads",)),
    Row("value-map", (ROOT,), plain(headwise.changed("value-map"))),
    chain(
        "vocabulary-permuted",
        "rotation-and-maps",
        plain(headwise.changed("rotation-and-maps")),
        ("whole-heads",),
    ),
    chain("vocabulary-replaced", "rotation", plain(changes.tamper("rotation"))),
    chain(
        "vocabulary-replaced", "width-pruned", plain(resizing.width_pruned), ("dense", "narrowed")
    ),
    *(Row(f"low-rank-{rank}", (ROOT,), plain(changes.low_rank(rank))) for rank in (4, 16, 64)),
)

LONGER = (
    Row("continued-3x", (ROOT,), trained("network", *LONG), needs=("long",)),
    Row("fine-tune-b", (ROOT,), trained("numbers", *FINE)),
    Row("fine-tune-c", (ROOT,), trained("parsing", *FINE)),
    chain("fine-tune", "fine-tune-b", trained("numbers", *FINE)),
    chain("fine-tune", "int4", plain(changes.quantise(4, 32))),
    chain("fine-tune", "neurons-pruned", plain(resizing.neurons_pruned), DENSE),
    chain("fine-tune", "rotation", plain(changes.tamper("rotation"))),
)

THIRD = 1 / 3
TUNES = ("fine-tune", "fine-tune-b", "fine-tune-c")
MERGED = (
    Row("merge-three", TUNES, merge(merging.average((THIRD,) * 3)), (THIRD,) * 3),
    Row(
        "merge-arithmetic",
        (ROOT, "fine-tune", "fine-tune-b"),
        merge(merging.average((0.2, 0.4, 0.4))),
        (0.2, 0.4, 0.4),
    ),
    Row("merge-stock", (ROOT, *TUNES), merge(merging.stock_merge)),
    Row("merge-dare-ties", (ROOT, "fine-tune", "fine-tune-b"), merge(merging.dare_ties)),
    Row(
        "layers-alternating",
        ("fine-tune", "continued"),
        merge(merging.by_layer(merging.alternately)),
        sources=merging.alternately,
    ),
    Row(
        "layers-of-two",
        (ROOT, TWIN),
        merge(merging.by_layer(merging.second_half)),
        needs=("twin",),
        sources=merging.second_half,
    ),
)

FURTHER = (
    *RESIZED,
    *EXPERTS,
    *BLOCKS,
    *PARTS,
    *QUANTISED,
    *LONGER,
    *DISGUISED,
    *MERGED,
)
