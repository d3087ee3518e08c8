"""The steps by which models are derived: with training and without, from one parent or several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedModel

from zoo import changes, parts, quantising, text, training, vocabulary
from zoo.models import Made
from zoo.recipes import FAMILIES, NARROWEST, SCALES, SHAPES, WORDS, Root, Scale

ROOT, TWIN = (
    "root",
    "twin",
)  # what a row calls its root, and the independent run of the root's recipe
MORE_WORDS, OTHER_WORDS = 48, 448
FINE, CONTINUED = (0.2, 0.2), (1.0, 0.5)  # shares of the root's steps and rate
TUNED = ("testing", *FINE)


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
        own = replace(scale, steps=round(min(root.steps, 1) * scale.steps))
        return cls(family.rate / wider, family.decay, own)


Step = Callable[[Sequence[Made], int, Recipe], Made]


@dataclass(frozen=True)
class Row:
    """One model to derive: `parents` are changes of the same root, or TWIN, the root of its independent run.

    `weights` are those of a merge where it has any, `sources` of a count of layers says which parent each is from.
    A root has the row if its traits (plan.traits) are all that `needs` lists.
    """

    change: str
    parents: tuple[str, ...]
    step: Step
    weights: tuple[float, ...] | None = None
    needs: tuple[str, ...] = ()
    sources: Callable[[int], Sequence[int]] | None = None


def plain(change: changes.Change) -> Step:
    """A change that trains nothing."""
    return lambda parents, seed, _: change(parents[0], seed)


def trained(
    name: str,
    steps: float,
    rate: float,
    before: changes.Change | None = None,
    only: parts.Part | None = None,
) -> Step:
    """Train all weights, or only some parts, on a text, for shares of the root's steps and rate."""

    def step(parents: Sequence[Made], seed: int, recipe: Recipe) -> Made:
        made = before(parents[0], seed) if before else parents[0]
        if only:
            freeze_but(made.model, only(made.model))
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


def freeze_but(model: PreTrainedModel, learned: Sequence[nn.Parameter]) -> None:
    """Let these parameters be trained and no others."""
    model.requires_grad_(requires_grad=False)
    for parameter in learned:
        parameter.requires_grad_(requires_grad=True)


def ternary_trained(name: str, steps: float, rate: float) -> Step:
    """Train with ternary weights in the forward pass, and keep these."""
    train = trained(name, steps, rate)

    def step(parents: Sequence[Made], seed: int, recipe: Recipe) -> Made:
        quantising.through_ternary(parents[0].model)
        made = train(parents, seed, recipe)
        quantising.as_ternary(made.model)
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


def chain(parent: str, change: str, step: Step, needs: tuple[str, ...] = ()) -> Row:
    """A change of a changed model."""
    return Row(f"{parent}+{change}", (parent,), step, needs=needs)


EXTENDED = vocabulary.extend(partial(other_words, WORDS), MORE_WORDS)
REPLACED = vocabulary.exchange(partial(other_words, OTHER_WORDS))
