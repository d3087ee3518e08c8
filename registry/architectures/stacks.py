"""Which of several stacks of layers are the language model, and which stand beside it.

An encoder and its decoder are one model. A second decoder of another width, a frozen copy or a
drafter is not.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from registry.architectures.name_table import NUMBER
from registry.architectures.orientation import MatchedTensor, orientation_of
from registry.architectures.residual_names import embedding_names
from registry.architectures.roles import INWARD
from registry.checkpoints import Entry

COPIES = frozenset({
    "ema", "ema_model", "model_ema", "shadow", "draft", "draft_model", "drafter", "assistant",
    "assistant_model", "speculator", "teacher", "teacher_model", "ref", "ref_model", "reference",
    "reference_model", "critic", "critic_model", "value_model", "reward_model", "target_model_copy",
})  # fmt: skip
"""What a copy, a drafter or a judge is called that was saved with a model."""
LANGUAGE = ("language", "llm", "text", "decoder", "lm", "thinker")
"""What the path to the language model says, where it stands beside others."""
SIDES = ("enc", "dec")
DRAFT = "eh_proj"  # joins a token's embedding and the layer's input, in a layer that drafts


class Stack(NamedTuple):
    """One list of layers.

    Attributes:
        path: What leads to it in the names; empty for a model without a prefix.
        tensors: Its tensors that hold projections.
        width: Inputs of most projections that read from the residual stream.
        namings: The tables that know its names.
    """

    path: str
    tensors: list[MatchedTensor]
    width: int
    namings: frozenset[str]

    @property
    def parameters(self) -> int:
        """Elements of all projections."""
        return sum(entry.count for entry, _ in self.tensors)


class Chosen(NamedTuple):
    """The language model's tensors, and those of other stacks, with the paths to these."""

    model: list[MatchedTensor]
    beside: list[MatchedTensor]
    paths: tuple[str, ...]


def choose(matched: Sequence[MatchedTensor], others: Sequence[Entry]) -> Chosen:
    """Return which tensors are the language model's.

    Args:
        matched: All tensors that hold projections, outside towers.
        others: All other tensors; where a tokens' embedding is as wide as a stack, that stack reads
            tokens.
    """
    by_path: dict[str, list[MatchedTensor]] = {}
    for tensor in matched:
        by_path.setdefault(tensor.match.place.stack, []).append(tensor)
    if len(by_path) < 2:  # noqa: PLR2004  # one stack is the model
        return Chosen(list(matched), [], ())

    stacks = [stack_of(path, tensors) for path, tensors in by_path.items()]
    groups = together(stacks)
    widths = embedding_widths(others)

    def rank(group: list[Stack]) -> tuple[bool, bool, bool, int]:
        return (
            not any(is_copy(stack) for stack in group),
            any(speaks(stack) for stack in group),
            any(stack.width in widths for stack in group),
            sum(stack.parameters for stack in group),
        )

    best = max(groups, key=rank)
    kept = {stack.path for stack in best}
    model: list[MatchedTensor] = []
    beside: list[MatchedTensor] = []
    for tensor in matched:
        chosen = model if tensor.match.place.stack in kept else beside
        chosen.append(tensor)
    return Chosen(model, beside, tuple(sorted(by_path.keys() - kept)))


def stack_of(path: str, tensors: list[MatchedTensor]) -> Stack:
    """Return what is known of one list of layers."""
    orientation = orientation_of(tensors)
    widths: Counter[int] = Counter()
    for tensor in tensors:
        if not INWARD.keys().isdisjoint(tensor.match.row.parts) and len(tensor.entry.shape) > 1:
            widths[orientation.inputs(tensor)] += 1
    width = widths.most_common(1)[0][0] if widths else 0
    namings = frozenset(tensor.match.row.naming for tensor in tensors)
    return Stack(path, tensors, width, namings)


def together(stacks: Iterable[Stack]) -> list[list[Stack]]:
    """Return stacks in groups, each of one model."""
    groups: list[list[Stack]] = []
    for stack in stacks:
        for group in groups:
            if belongs(stack, group[0]):
                group.append(stack)
                break
        else:
            groups.append([stack])
    return groups


def belongs(one: Stack, other: Stack) -> bool:
    """Return whether two stacks are parts of one model."""
    if is_copy(one) != is_copy(other):
        return False
    if one.namings.isdisjoint(other.namings):
        return False
    return one.width == other.width or (is_side(one) and is_side(other))


def is_copy(stack: Stack) -> bool:
    """Return whether a stack is called a copy, a drafter or a judge."""
    return not COPIES.isdisjoint(stack.path.split("."))


def is_side(stack: Stack) -> bool:
    """Return whether a stack is called an encoder or a decoder, or what stands between them."""
    words = stack.path.replace("_", ".").split(".")
    return any(word.startswith((*SIDES, "global")) for word in words)


def speaks(stack: Stack) -> bool:
    """Return whether the path to a stack says that it is the language model."""
    words = stack.path.replace("_", ".").split(".")
    return not set(LANGUAGE).isdisjoint(words)


def embedding_widths(others: Iterable[Entry]) -> set[int]:
    """Return how wide the embeddings of tokens are."""
    widths = set()
    for entry in others:
        if len(entry.shape) == 2 and is_embedding(entry.name):  # noqa: PLR2004  # tokens x width
            widths.add(entry.shape[1])
    return widths


def is_embedding(name: str) -> bool:
    """Return whether a name is that of a tokens' embedding."""
    return any(name == known or name.endswith("." + known) for known in embedding_names())


def draft_layers(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Return what names of the layers begin with that only predict tokens further ahead.

    They are numbered like the model's own, with a tensor that joins two inputs.
    """
    prefixes = set()
    for entry in entries:
        if DRAFT not in entry.name:
            continue
        number = NUMBER.search(entry.name)
        if number and DRAFT in entry.name.split("."):
            prefixes.add(entry.name[: number.end()] + ".")
    return tuple(sorted(prefixes))
