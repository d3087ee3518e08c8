"""What is told of the children of a zoo: their changes, their nearest relative, their direction, their parents."""

from collections.abc import Sequence
from dataclasses import dataclass

from zoo.told import told

from registry.lineage.change_kinds import changes_of
from registry.lineage.comparison import ModelComparison
from registry.lineage.kinship import verdict_among
from registry.lineage.verdict import Change, ChangeKind, Verdict
from verdicts.directions import Direction, direction_told, directions_beside_parents
from verdicts.relatives import compared_relatives, copies
from verdicts.zoo_models import Zoo, ZooModel

SHARE = 0.05  # by which a merge's share may be wrong


@dataclass(frozen=True)
class MergeTold:
    """The parents that a merge was said to have, with shares, beside those it has.

    Attributes:
        named: Whether exactly the parents were named, or equal copies of them.
        fitting: Whether the shares are right too, where the merge has any.
    """

    change: str
    true: tuple[tuple[str, float | None], ...]
    said: tuple[tuple[str, float], ...]
    named: bool
    fitting: bool


@dataclass(frozen=True)
class Identified:
    """What was said of one child among registered relatives.

    Attributes:
        nearest: The relative that was named; None where none was.
        right: Whether it is a recorded parent, or one fits as well.
        first: Whether it is a recorded parent.
        ties: How many were said to fit as well as the first.
        direction: Of the relative that was named.
        merge: The parents, of a merge or where any were named.
    """

    nearest: str | None
    right: bool
    first: bool
    ties: int
    direction: Direction | None
    merge: MergeTold | None


@dataclass(frozen=True)
class Child:
    """What was told of one child.

    Attributes:
        false: Changes that were told and did not happen.
        untold: Changes that happened and were not told.
        changes: What was told, in short.
        among_all: Among all models of its root, those made from the child itself too.
        arriving: Without these, as a model that has just been published.
        pair_directions: Beside each parent alone, in both orders.
    """

    name: str
    change: str
    false: tuple[str, ...]
    untold: tuple[str, ...]
    changes: tuple[str, ...]
    among_all: Identified
    arriving: Identified
    pair_directions: tuple[Direction, ...] = ()


def look_at(zoo: Zoo, name: str) -> Child:
    """Identify a child among all its relatives, and compare it with its root and its parents."""
    model = zoo.models[name]
    verdict = verdict_without(zoo, model, frozenset())
    descendants = zoo.descendants(model)
    arriving = verdict_without(zoo, model, descendants) if descendants else verdict
    changes, truth = changes_and_truth(zoo, model, arriving)
    answer = told(changes, truth, covered(model))
    return Child(
        name=name,
        change=model.change,
        false=answer.false,
        untold=answer.untold,
        changes=tuple(map(in_short, changes)),
        among_all=identified(zoo, model, verdict),
        arriving=identified(zoo, model, arriving),
        pair_directions=tuple(directions_beside_parents(zoo, model)),
    )


def verdict_without(zoo: Zoo, model: ZooModel, left_out: frozenset[str]) -> Verdict | None:
    """Return the verdict on a model among its relatives but for some; None where none is related."""
    compared = compared_relatives(zoo, model, left_out)
    related = any(candidate.verdict.related for candidate in compared)
    return verdict_among(compared) if related else None


def identified(zoo: Zoo, model: ZooModel, verdict: Verdict | None) -> Identified:
    """Return how a verdict stands to what is recorded of a model."""
    parents = copies(zoo, model.parents)
    tied = {relative.model for relative in verdict.relatives if relative.tied} if verdict else set()
    nearest = verdict.relatives[0].model if verdict else None
    return Identified(
        nearest=nearest,
        right=nearest in parents or bool(tied & parents),
        first=nearest in parents,
        ties=len(tied),
        direction=direction_told(zoo, model, verdict),
        merge=merge_told(zoo, model, verdict),
    )


# --- changes --------------------------------------------------------------------------------------------------


def changes_and_truth(
    zoo: Zoo, model: ZooModel, verdict: Verdict | None
) -> tuple[Sequence[Change], dict]:
    """Return what is told of a child beside its root, and what is true of it.

    A merge is told among its parents; what was made from a merge, beside that.
    """
    if model.merged:
        return verdict.changes if verdict else (), model.truth
    base, truth = f"{model.root}/root", model.truth
    if "merged" in truth:
        base, truth = model.parents[0], model.truth_of_step
    comparison = ModelComparison(zoo.features[model.name], zoo.features[base])
    return changes_of(comparison), truth


def covered(model: ZooModel) -> set[str]:
    """Return what need not be told: what the last step hides, and of a merge what its parents went through."""
    hidden = set(model.covered)
    return hidden | (set(model.truth) - {"merged"}) if model.merged else hidden


def in_short(change: Change) -> str:
    """Return a change as a line of the report."""
    amount = "" if change.amount is None else f" {change.amount:.3g}"
    parts = ", ".join(map(str, change.parts[:4]))
    return f"{change.kind}{amount}" + (f" ({parts})" if parts else "")


# --- merges ---------------------------------------------------------------------------------------------------


def merge_told(zoo: Zoo, model: ZooModel, verdict: Verdict | None) -> MergeTold | None:
    """Return the parents that were named of a merge; of no merge, nothing unless parents were named."""
    said: tuple[tuple[str, float], ...] = ()
    for change in verdict.changes if verdict else ():
        if change.kind == ChangeKind.MERGED:
            said = tuple(zip(map(str, change.parts), change.shares, strict=True))
    if not model.merged and not said:
        return None
    weights = model.weights or (None,) * len(model.parents)
    true = tuple(zip(model.parents, weights, strict=True)) if model.merged else ()
    shares = {digest_of(zoo, name): share for name, share in said}
    named = shares.keys() == {digest_of(zoo, name) for name, _ in true}
    wrong = [
        share is not None and abs(shares[digest_of(zoo, name)] - share) > SHARE
        for name, share in (true if named else ())
    ]
    return MergeTold(model.change, true, said, named, named and not any(wrong))


def digest_of(zoo: Zoo, name: str) -> str:
    """Return the digest of a model once cast to bf16."""
    return zoo.features[name].model.bf16_digest
