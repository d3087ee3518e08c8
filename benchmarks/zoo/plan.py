"""What is derived from each root, in order: the change, from what, and how."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from tokenizers import Tokenizer

from zoo import changes, merging, tampering, text, training, vocabulary
from zoo.models import Made
from zoo.roots import FAMILIES, NARROWEST, SCALES, SHAPES, WORDS, Root, Scale

ROOT = "root"
MORE_WORDS, OTHER_WORDS = 48, 448


@dataclass(frozen=True)
class Recipe:
    """The root's own rate, steps and batch, by which a change measures its own."""

    rate: float
    decay: float
    scale: Scale

    @classmethod
    def of(cls, root: Root, scale: Scale = SCALES["tiny"]) -> "Recipe":
        """Of a root's family; the wider a model, the lower its rate."""
        family = FAMILIES[root.family]
        wider = max(scale.width * SHAPES[root.size][0] / SHAPES["small"][0], NARROWEST)
        own = replace(scale, steps=round(root.steps * scale.steps))
        return cls(family.rate / wider, family.decay, own)


Step = Callable[[Sequence[Made], int, Recipe], Made]


@dataclass(frozen=True)
class Row:
    """One model to derive: `parents` are changes of the same root, `weights` those of a merge where it has any."""

    change: str
    parents: tuple[str, ...]
    step: Step
    weights: tuple[float, ...] | None = None


def plain(change: changes.Change) -> Step:
    """A change that trains nothing."""
    return lambda parents, seed, _: change(parents[0], seed)


def trained(name: str, steps: float, rate: float, before: changes.Change | None = None) -> Step:
    """Train all weights on a text, for shares of the root's steps and rate."""

    def step(parents: Sequence[Made], seed: int, recipe: Recipe) -> Made:
        made = before(parents[0], seed) if before else parents[0]
        ids = text.tokens(text.named(name, made.tokenizer), made.tokenizer)
        training.train(
            made.model,
            ids,
            steps=round(steps * recipe.scale.steps),
            rate=rate * recipe.rate,
            decay=recipe.decay,
            batch=recipe.scale.batch,
            seed=seed,
            device=recipe.scale.device,
        )
        return made

    return step


def adapter(name: str) -> Step:
    """A low-rank adapter trained on a text."""

    def step(parents: Sequence[Made], seed: int, recipe: Recipe) -> Made:
        made = parents[0]
        ids = text.tokens(text.named(name, made.tokenizer), made.tokenizer)
        steps = recipe.scale.steps // 6
        options = {"steps": steps, "rate": recipe.rate, "batch": recipe.scale.batch, "seed": seed}
        return made.with_model(
            training.adapter(made.model, ids, device=recipe.scale.device, **options)
        )

    return step


def merge(change: Callable[[Sequence[Made], int], Made]) -> Step:
    """A merge of all parents."""
    return lambda parents, seed, _: change(parents, seed)


def merge_adapter(parents: Sequence[Made], _: int, __: Recipe) -> Made:
    """A base with its adapter merged into it."""
    return parents[0].with_model(parents[1].model.merge_and_unload())


def other_words(words: int) -> Tokenizer:
    """The vocabulary of the text that training continues on."""
    return text.vocabulary("network", words)


def chain(parent: str, change: str, step: Step) -> Row:
    """A change of a changed model."""
    return Row(f"{parent}+{change}", (parent,), step)


FINE, CONTINUED = (0.2, 0.2), (1.0, 0.5)  # shares of the root's steps and rate
TUNED = ("testing", *FINE)
EXTENDED = vocabulary.extend(partial(other_words, WORDS), MORE_WORDS)
REPLACED = vocabulary.exchange(partial(other_words, OTHER_WORDS))

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


def rows(root: Root) -> list[Row]:
    """The part of the plan that a root's architecture permits; of the CRS setting only what its paper has."""
    kind = FAMILIES[root.family].config.model_type
    skipped = {change for own, change in tampering.SKIPPED if own == kind}
    wanted = [row for row in PLAN if skipped.isdisjoint(row.change.split("+"))]
    return [row for row in wanted if root.family != "crs" or row.change in CRS]
