"""A model among all its relatives: which are compared in full, as registry.workflows.judge does from its database."""

from collections.abc import Iterable, Sequence

import numpy as np

from registry.fingerprints.outline import outline
from registry.fingerprints.record import Fingerprint
from registry.lineage.kinship import ComparedCandidate
from registry.lineage.shortlist import likeliest
from registry.workflows.judge import ALONE, COMPARED, SHORTLIST, STRANGERS
from verdicts.zoo_models import Zoo, ZooModel

OUTLINES = ("stream", "token", "start")


def relatives_of(zoo: Zoo, model: ZooModel) -> list[str]:
    """Return all models with an ancestor in common: a root, and what is derived from it.

    Without the child's equal copies that it was not made from.
    """
    own = zoo.features[model.name].model.bf16_digest
    names = []
    for other in zoo.models.values():
        is_copy = zoo.features[other.name].model.bf16_digest == own
        if other.roots & model.roots and (not is_copy or other.name in model.parents):
            names.append(other.name)
    return [name for name in names if name != model.name]


def compared_relatives(
    zoo: Zoo, model: ZooModel, left_out: frozenset[str] = frozenset()
) -> list[ComparedCandidate]:
    """Return the likeliest relatives compared in full, but for some, as registry.workflows.judge chooses them."""
    features = zoo.features[model.name]
    compared = []
    strangers = 0
    candidates = [name for name in relatives_of(zoo, model) if name not in left_out]
    for name in likely(zoo, model, candidates)[:COMPARED]:
        candidate = ComparedCandidate.of(features, name, zoo.features[name])
        compared.append(candidate)
        strangers = 0 if candidate.verdict.related else strangers + 1
        if strangers == STRANGERS or not compared[0].verdict.related:
            break
    return sorted(compared, key=lambda candidate: candidates.index(candidate.name))


def likely(zoo: Zoo, model: ZooModel, candidates: Sequence[str]) -> list[str]:
    """Return candidates in the order in which they are compared: equal ones, then the most alike."""
    own = zoo.prints[model.name]
    same = []
    cosines: dict[str, float] = {}
    for name in candidates:
        other = zoo.prints[name]
        if zoo.features[name].model.bf16_digest == zoo.features[model.name].model.bf16_digest:
            same.append(name)
        else:
            cosines[name] = outline_cosine(own, other)
    near = sorted(cosines, key=cosines.__getitem__, reverse=True)[:SHORTLIST]
    alone = sum(cosines[name] > ALONE for name in near)
    if alone == 1:
        return [*same, *near]
    registered = {name: zoo.features[name].sketches for name in candidates if name in near}
    return [*same, *likeliest(zoo.features[model.name].sketches, registered)]


def outline_cosine(a: Fingerprint, b: Fingerprint) -> float:
    """Return the largest cosine of the outlines of any kind that two fingerprints have."""
    one, other = outline(a), outline(b)
    cosines = [-1.0]
    for kind in OUTLINES:
        mine, theirs = getattr(one, kind, None), getattr(other, kind, None)
        if mine is not None and theirs is not None:
            cosines.append(float(np.dot(mine, theirs)))
    return max(cosines)


def copies(zoo: Zoo, names: Iterable[str]) -> set[str]:
    """Return some models with all that are equal to one of them once cast to bf16."""
    digests = {zoo.features[name].model.bf16_digest for name in names if name in zoo.features}
    return {
        name for name, features in zoo.features.items() if features.model.bf16_digest in digests
    }
