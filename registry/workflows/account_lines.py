"""Relatives of a model sorted by who came first: ancestors, descendants, and those left open."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from registry.checkpoints.model_card import CACHED
from registry.checkpoints.source_names import is_path
from registry.database.lineage.pedigrees import Ancestors, Pedigree
from registry.database.lineage.trees import Edge
from registry.database.stored.models import Summary
from registry.database.stored.sources import Source
from registry.lineage.descent import Descent, DirectionReason
from registry.lineage.direction_errors import measured_error
from registry.lineage.standing import Basis
from registry.lineage.verdict import Change, ChangeKind, Relation, Relative, Verdict

TOLD = frozenset({Basis.SHOWN, Basis.CLAIMED})
"""What a direction rests on where something tells it."""


@dataclass(frozen=True)
class Place:
    """Where a model was seen first.

    Attributes:
        source: A full path, or a hub id.
        revision: The commit of a hub.
        host: The hub's name, or the machine's whose path it is.
    """

    source: str
    revision: str | None = None
    host: str | None = None

    @property
    def hub_id(self) -> str | None:
        """The id on a hub, also of what lies in its cache; None of another path."""
        if self.revision is None:
            return None
        cached = CACHED.search(self.source)
        if cached:
            return cached["id"].replace("--", "/")
        return None if is_path(self.source) else re.split(r"[:#@]", self.source)[0]

    @property
    def address(self) -> str | None:
        """Where it is on a hub; None of a path: a cache does not say of which hub it is."""
        if self.hub_id is None or is_path(self.source) or not self.host:
            return None
        return f"https://{self.host}/{self.hub_id}"


@dataclass(frozen=True)
class Kin:
    """A registered model that another is related to.

    Attributes:
        name: What it is registered as, or was.
        model: What is registered of it; None where it has gone since.
        place: Where it was seen.
        relation: Of the later of the two to the earlier, or of the model to this one.
        basis: What tells which came first; `presumed` where nothing does.
        reason: The sign in the weights, where they show it.
        main: Whether the tree follows it; the other parents of a merge are not followed.
        parent: Whether it is taken for a parent, by what tells or by presumption.
        p_value, score, explained, changes: As of a verdict on the pair.
        ancestors: What it comes from itself.
    """

    name: str
    model: Summary | None
    place: Place | None
    relation: Relation
    basis: Basis
    reason: DirectionReason | None = None
    main: bool = True
    parent: bool = False
    p_value: float | None = None
    score: float | None = None
    explained: float | None = None
    changes: tuple[Change, ...] = ()
    ancestors: tuple["Kin", ...] = ()

    @property
    def direction_error(self) -> float | None:
        """The measured share of wrong directions among those that its reason gives."""
        return None if self.reason is None else measured_error(self.reason)


@dataclass(frozen=True)
class Lines:
    """The relatives of a model.

    Attributes:
        ancestors: What it was made from, as the weights show or the model claims; the main first.
        descendants: What was made from it, of those that its verdict names.
        variants: Relatives of which nothing tells who came first, or that come from a third.
    """

    ancestors: tuple[Kin, ...] = ()
    descendants: tuple[Kin, ...] = ()
    variants: tuple[Kin, ...] = ()

    @property
    def parents(self) -> tuple[Kin, ...]:
        """What the model is taken to be made from, the main one first, presumed ones included."""
        taken = [kin for kin in (*self.ancestors, *self.variants) if kin.parent]
        return tuple(sorted(taken, key=lambda kin: not kin.main))


def lines_of_registered(stored: Pedigree) -> Lines:
    """Return the relatives of a registered model: its parents in the tree, and who is named."""
    known = stored.ancestors
    name = stored.model.name
    parents = parents_of(name, known, frozenset({name}))
    ancestors = tuple(kin for kin in parents if kin.basis in TOLD)
    variants = [kin for kin in parents if kin.basis not in TOLD]
    descendants: list[Kin] = []
    verdict = stored.verdict
    is_parent = any(kin.name == verdict.model for kin in parents)
    if verdict.related and verdict.model is not None and not is_parent:
        below = [edge for edge in known.edges if (edge.child, edge.parent) == (verdict.model, name)]
        kin = kin_of_verdict(verdict, verdict.model, known)
        if below:
            kin = kin_of_edge(below[0], verdict.model, known)
        came_later = kin.basis in TOLD and bool(below)
        (descendants if came_later else variants).append(kin)
    return Lines(ancestors, tuple(descendants), tuple(variants))


def claimed_by_adapter(lines: Lines, names: Collection[str], known: Ancestors) -> Lines:
    """Return the lines of an adapter whose base is claimed to be a relative of what it fits best.

    An adapter fits the relatives of its base nearly as well: the claim decides among them.

    Args:
        names: What it claims to be made for, as far as its weights leave that open.
    """
    if not names or any(kin.name in names for kin in lines.ancestors):
        return lines
    claimed = []
    for name in sorted(names):
        place = place_of(known.sources.get(name))
        model = known.models.get(name)
        claimed.append(Kin(name, model, place, Relation.DERIVED, Basis.CLAIMED, parent=True))
    others = (*lines.ancestors, *lines.variants)
    left_open = [replace(kin, parent=False, basis=Basis.PRESUMED) for kin in others]
    return Lines(tuple(claimed), lines.descendants, tuple(left_open))


def parents_of(name: str, known: Ancestors, below: frozenset[str]) -> tuple[Kin, ...]:
    """Return the parents of a model, each with its own ancestors.

    Args:
        below: The names that were passed on the way here.
    """
    parents = []
    for edge in known.edges:
        if edge.child != name:
            continue
        kin = replace(kin_of_edge(edge, edge.parent, known), parent=True)
        if edge.parent not in below:
            above = parents_of(edge.parent, known, below | {edge.parent})
            kin = replace(kin, ancestors=tuple(one for one in above if one.basis in TOLD))
        parents.append(kin)
    return tuple(parents)


def kin_of_edge(edge: Edge, name: str, known: Ancestors) -> Kin:
    """Return one end of an edge."""
    return Kin(
        name=name,
        model=known.models.get(name),
        place=place_of(known.sources.get(name)),
        relation=edge.relation,
        basis=edge.direction,
        reason=DirectionReason(edge.reason) if edge.reason else None,
        main=edge.main,
        p_value=edge.p_value,
        score=edge.score,
        explained=edge.explained,
        changes=edge.changes,
    )


def place_of(source: Source | None) -> Place | None:
    """Return where a model was seen; None where that is not known."""
    return None if source is None else Place(source.source, source.revision, source.host)


def lines_of_unregistered(verdict: Verdict, known: Ancestors, claimed: Collection[str]) -> Lines:
    """Return the relatives of a model that is not registered, as the verdict on it names them.

    Args:
        claimed: Names of registered models that its card or config says it was made from.
    """
    ancestors, descendants, variants = [], [], []
    for name in named_by(verdict):
        kin = kin_of_verdict(verdict, name, known)
        descent = descent_from(verdict, name)
        if descent is Descent.PARENT:
            descendants.append(replace(kin, basis=Basis.SHOWN))
        elif descent is Descent.SIBLING:
            variants.append(kin)
        elif descent is Descent.CHILD or name in claimed:
            basis = Basis.SHOWN if descent is Descent.CHILD else Basis.CLAIMED
            above = parents_of(name, known, frozenset({name}))
            told = tuple(one for one in above if one.basis in TOLD)
            ancestors.append(replace(kin, basis=basis, parent=True, ancestors=told))
        else:
            variants.append(replace(kin, parent=True))
    return Lines(tuple(ancestors), tuple(descendants), tuple(variants))


def named_by(verdict: Verdict) -> tuple[str, ...]:
    """Return the models that a verdict says another was made from, or is related to."""
    if not verdict.related or verdict.model is None:
        return ()
    names = [verdict.model]
    for change in verdict.changes:
        if change.kind is ChangeKind.MERGED:
            names += [str(part) for part in change.parts]
    return tuple(dict.fromkeys(names))


def descent_from(verdict: Verdict, name: str) -> Descent:
    """Return where a model stands to one that its verdict names."""
    if any(change.kind is ChangeKind.ADAPTER for change in verdict.changes):
        return Descent.CHILD  # a base is there before its adapter
    relative = relative_of(verdict, name)
    shown = relative.direction if relative is not None else None
    if shown is None and name == verdict.model:
        shown = verdict.direction
    return shown.descent if shown is not None else Descent.UNDECIDED


def relative_of(verdict: Verdict, name: str) -> Relative | None:
    """Return what a verdict says of one relative; None where it was not ranked."""
    return next((one for one in verdict.relatives if one.model == name), None)


def kin_of_verdict(verdict: Verdict, name: str, known: Ancestors) -> Kin:
    """Return a relative as the verdict on a model sees it, its direction left open."""
    relative = relative_of(verdict, name)
    is_named = name == verdict.model
    shown = relative.direction if relative is not None else verdict.direction
    return Kin(
        name=name,
        model=known.models.get(name),
        place=place_of(known.sources.get(name)),
        relation=verdict.verdict if relative is None or is_named else relative.relation,
        basis=Basis.PRESUMED,
        reason=shown.reason if shown is not None else None,
        main=is_named,
        p_value=verdict.p_value if relative is None or is_named else relative.p_value,
        score=verdict.score if relative is None or is_named else relative.score,
        explained=None if relative is None else relative.explained,
        changes=verdict.changes if relative is None or is_named else relative.changes,
    )
