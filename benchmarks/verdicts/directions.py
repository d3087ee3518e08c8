"""Which of two relatives is said to be the later, and which is."""

from dataclasses import dataclass

from registry.lineage.comparison import ModelComparison
from registry.lineage.descent import Descent
from registry.lineage.direction import direction_of
from registry.lineage.kinship import verdict_among
from registry.lineage.ordered_pair import PairInOrder
from registry.lineage.verdict import Verdict
from verdicts.relatives import compared_relatives, copies
from verdicts.zoo_models import Zoo, ZooModel


@dataclass(frozen=True)
class Direction:
    """Which of two relatives was said to be the later, and what is so."""

    said: Descent
    true: Descent
    reason: str | None

    @property
    def given(self) -> bool:
        """Whether anything was said."""
        return self.said != Descent.UNDECIDED

    @property
    def wrong(self) -> bool:
        """Whether what was said is false."""
        return self.given and self.said != self.true


def directions_beside_parents(zoo: Zoo, model: ZooModel) -> list[Direction]:
    """Return what is said of a child beside its parent, and of the parent beside it; nothing of equal ones."""
    directions = []
    for parent in model.parents:
        if parent not in zoo.models:
            continue
        for one, other, true in (
            (model.name, parent, Descent.CHILD),
            (parent, model.name, Descent.PARENT),
        ):
            comparison = ModelComparison(zoo.features[one], zoo.features[other])
            if comparison.same:
                break
            pair = PairInOrder(comparison.a, comparison.b, comparison.changes.places)
            shown = direction_of(pair)
            directions.append(Direction(shown.descent, true, shown.reason and str(shown.reason)))
    return directions


def direction_told(zoo: Zoo, model: ZooModel, verdict: Verdict | None) -> Direction | None:
    """Return the direction that was said beside the relative that was named, and the true one."""
    if verdict is None or verdict.direction is None or not verdict.relatives:
        return None
    named = verdict.relatives[0].model
    mine, theirs = zoo.features[model.name].model, zoo.features[named].model
    if mine.bf16_digest == theirs.bf16_digest:
        return None
    if copies(zoo, zoo.ancestors(model)) & {named}:
        true = Descent.CHILD
    elif copies(zoo, zoo.ancestors(zoo.models[named])) & {model.name}:
        true = Descent.PARENT
    else:
        true = Descent.SIBLING
    shown = verdict.direction
    return Direction(shown.descent, true, shown.reason and str(shown.reason))


def direction_of_root(zoo: Zoo, name: str) -> Direction | None:
    """Return the direction that is said of a root among its descendants."""
    model = zoo.models[name]
    compared = compared_relatives(zoo, model)
    if not any(candidate.verdict.related for candidate in compared):
        return None
    return direction_told(zoo, model, verdict_among(compared))
