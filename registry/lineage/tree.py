"""The tree of models: which was made from which, as the verdicts on all of them show together.

Every verdict names the nearest relative of its model. Which of the two came first is shown by the
weights, else taken from what the model claims, else presumed: a model with many relatives is their
base, else weights grow in training, as they do in most. The same verdicts give the same tree,
whatever order they come in (docs/method.md, The tree).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from registry.lineage.descent import Descent
from registry.lineage.family_lines import reached
from registry.lineage.standing import CERTAIN, Basis, Link, Sign, Standing

HUB = 3  # undecided ties from which a model is presumed to be the base of the others


@dataclass(frozen=True)
class Tie:
    """Two models of which one names the other as its nearest relative.

    Attributes:
        model: The one whose verdict it is.
        relative: The one that is named.
        sign: That `model` is the later, where it is shown; None leaves it open.
        strength: What `relative` explains of `model`.
    """

    model: int
    relative: int
    sign: Sign | None
    strength: float

    @property
    def pair(self) -> frozenset[int]:
        """Both of them."""
        return frozenset((self.model, self.relative))


def tree_of(standings: Iterable[Standing]) -> list[Link]:
    """Return what was made from what; no model is its own ancestor, and each has one main parent.

    Args:
        standings: Of all models that the verdicts name, and of those that name them.
    """
    known = {standing.model: standing for standing in standings}
    ties = without_cycles(list(ties_of(known)), known)
    neighbours = neighbours_of(ties)

    links: list[Link] = []
    placed: set[int] = set()
    for model in sorted(known, key=lambda number: by_name(known[number])):
        if model not in placed:
            group = reached({model}, lambda other: neighbours.get(other, {}))
            placed |= group
            root = root_of(group, neighbours, known)
            links += links_below(root, neighbours, known)
    return [*links, *further_parents(known, links)]


def by_name(standing: Standing) -> tuple[int, str, int]:
    """Return what ties are broken by: the length of the name, then the name."""
    return len(standing.name), standing.name, standing.model


def ties_of(known: Mapping[int, Standing]) -> Iterator[Tie]:
    """Yield each model with its nearest relative, unless that is shown to come from the model."""
    for standing in known.values():
        for parent in standing.parents[:1]:
            if parent not in known:
                continue
            sign = sign_between(standing, known[parent])
            if sign is None or sign.descent == Descent.CHILD:
                yield Tie(standing.model, parent, sign, standing.explained)


def sign_between(one: Standing, other: Standing) -> Sign | None:
    """Return where one model stands to another as both verdicts see it; None where that is open."""
    views = [one.signs.get(other.model), turned(other.signs.get(one.model))]
    shown = [view for view in views if view is not None and view.descent in CERTAIN]
    if len({view.descent for view in shown}) != 1:
        return None
    return shown[0]


def turned(sign: Sign | None) -> Sign | None:
    """Return a sign as it is seen from the other model."""
    if sign is None or sign.descent not in CERTAIN:
        return None
    is_child = sign.descent == Descent.CHILD
    return Sign(Descent.PARENT if is_child else Descent.CHILD, sign.reason)


def without_cycles(ties: Sequence[Tie], known: Mapping[int, Standing]) -> list[Tie]:
    """Return the ties that form a forest, the surest first; two of one pair are one."""

    def surest(tie: Tie) -> tuple[bool, float, list[tuple[int, str, int]]]:
        names = sorted(by_name(known[model]) for model in tie.pair)
        return tie.sign is None, -round(tie.strength, 6), names

    leaders = {model: model for model in known}
    kept = []
    for tie in sorted(ties, key=surest):
        one, other = leader(leaders, tie.model), leader(leaders, tie.relative)
        if one != other:
            leaders[one] = other
            kept.append(tie)
    return kept


def leader(leaders: dict[int, int], model: int) -> int:
    """Return the model that stands for the group of another, which is found sooner next time."""
    while leaders[model] != model:
        leaders[model] = leaders[leaders[model]]
        model = leaders[model]
    return model


Neighbours = Mapping[int, Mapping[int, Tie]]
"""By model, its ties by the other model."""


def neighbours_of(ties: Iterable[Tie]) -> Neighbours:
    """Return the ties of every model that has any."""
    neighbours: dict[int, dict[int, Tie]] = defaultdict(dict)
    for tie in ties:
        neighbours[tie.model][tie.relative] = tie
        neighbours[tie.relative][tie.model] = tie
    return neighbours


def root_of(group: frozenset[int], neighbours: Neighbours, known: Mapping[int, Standing]) -> int:
    """Return the model that the others of a group come from.

    Of those that no sign forbids it is the one that most claims agree with, then a hub of undecided
    ties, then the one from which weights grow, then the one with the shortest name.
    """
    start = min(group, key=lambda model: by_name(known[model]))
    fits = fits_of_roots(start, neighbours, known)

    def preference(model: int) -> tuple[int, int, int, int, tuple[int, str, int]]:
        fit = fits[model]
        undecided = sum(tie.sign is None for tie in neighbours.get(model, {}).values())
        hub = undecided if undecided >= HUB else 0
        return -fit.signs, -fit.claims, -hub, -fit.growth, by_name(known[model])

    return min(group, key=preference)


class Fit(NamedTuple):
    """How many signs, claims and grown weights speak for a root, less those against it."""

    signs: int = 0
    claims: int = 0
    growth: int = 0


def fits_of_roots(
    start: int, neighbours: Neighbours, known: Mapping[int, Standing]
) -> dict[int, Fit]:
    """Return what speaks for every possible root, counted from `start`, of which it is 0.

    Going to a neighbour turns one tie around.
    """
    fits = {start: Fit()}
    front = [start]
    while front:
        model = front.pop()
        for other, tie in neighbours.get(model, {}).items():
            if other not in fits:
                turned_around = fit_of(tie, model, known)
                fits[other] = Fit(*map(add_twice, fits[model], turned_around))
                front.append(other)
    return fits


def add_twice(before: int, turned_around: int) -> int:
    """Return a count after a tie was turned around: what spoke for it speaks against it now."""
    return before + 2 * turned_around


def fit_of(tie: Tie, child: int, known: Mapping[int, Standing]) -> Fit:
    """Return what speaks for one side of a tie as its child: 1, against it: -1, or nothing: 0."""
    (parent,) = tie.pair - {child}
    of_child, of_parent = known[child], known[parent]
    shown = 0 if tie.sign is None else (1 if tie.model == child else -1)
    claims = int(parent in of_child.claimed) - int(child in of_parent.claimed)
    growth = int(of_child.spread > of_parent.spread) - int(of_child.spread < of_parent.spread)
    return Fit(shown, claims, growth)


def links_below(root: int, neighbours: Neighbours, known: Mapping[int, Standing]) -> Iterator[Link]:
    """Yield the links of all models below a root to their parents."""
    placed = {root}
    front = [root]
    while front:
        parent = front.pop()
        for child, tie in neighbours.get(parent, {}).items():
            if child in placed:
                continue
            placed.add(child)
            front.append(child)
            basis = basis_of(tie, child, known)
            reason = tie.sign.reason if tie.sign and basis == Basis.SHOWN else None
            yield Link(child, parent, main=True, basis=basis, reason=reason)


def basis_of(tie: Tie, child: int, known: Mapping[int, Standing]) -> Basis:
    """Return what tells that a model is the child of a tie."""
    if tie.sign is not None and tie.model == child:
        return Basis.SHOWN
    (parent,) = tie.pair - {child}
    return Basis.CLAIMED if parent in known[child].claimed else Basis.PRESUMED


def further_parents(known: Mapping[int, Standing], links: Sequence[Link]) -> list[Link]:
    """Return the links of merges to their other parents, those that close no cycle."""
    parents: dict[int, set[int]] = defaultdict(set)
    for link in links:
        parents[link.child].add(link.parent)

    further = []
    for standing in sorted(known.values(), key=by_name):
        is_merge = bool(standing.parents[1:])
        for parent in standing.parents if is_merge else ():
            is_new = parent in known and parent not in parents[standing.model]
            above = reached({parent}, lambda model: parents.get(model, ()))
            if not is_new or standing.model in above:
                continue
            parents[standing.model].add(parent)
            sign = sign_between(standing, known[parent])
            basis = Basis.SHOWN if sign else Basis.PRESUMED
            reason = sign.reason if sign else None
            further.append(Link(standing.model, parent, main=False, basis=basis, reason=reason))
    return further
