"""Whether a model is a mixture of two others, and in which shares: sketches are linear, so a merge shows in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from registry.lineage.comparison import Comparison
from registry.lineage.verdict import DERIVED, Evidence, Verdict

PLAIN = 0.5  # of the distance to the nearer parent that a mixture must explain
TRAINED = ("fine-tuned", "continued", "LoRA-like")  # phrases that a mixture explains
LEAST = 0.05  # share of a parent that is told from none


@dataclass(frozen=True)
class Mixture:
    """share: of the first parent; the other has the rest. left: |model - mixture| over |model - nearer parent|."""

    share: float
    left: float

    @property
    def plain(self) -> bool:
        """Whether both parents are in it, and explain it."""
        return self.left < PLAIN and LEAST < self.share < 1 - LEAST


def merged(
    verdict: Verdict, found: Comparison, others: Sequence[tuple[str, Comparison]]
) -> Verdict:
    """The verdict, saying so where the model is a mixture of the one it names and one of the others."""
    mixtures = [
        (name, own) for name, other in others if (own := mixture(found, other)) and own.plain
    ]
    if not mixtures or verdict.verdict != DERIVED:
        return verdict
    name, best = min(mixtures, key=lambda pair: pair[1].left)
    told = f"merged: {best.share:.0%} of it and {1 - best.share:.0%} of {name}"
    kept = [phrase for phrase in verdict.how if not phrase.startswith(TRAINED)]
    line = Evidence(
        "mixture", f"{told} leave {best.left:.0%} of the distance to the nearer one", best.left, 1.0
    )
    return replace(verdict, how=(told, *kept), evidence=(line, *verdict.evidence))


def mixture(first: Comparison, second: Comparison) -> Mixture | None:
    """Of one model that was compared with two others: least squares under shares that sum to 1; None if unfit."""
    triples = list(common(first, second))
    if not triples:
        return None
    model, one, other = (
        np.concatenate([triple[i].ravel() for triple in triples]) for i in range(3)
    )
    across = one - other
    length = float(across @ across)
    if not length:
        return None
    share = float((model - other) @ across) / length
    nearer = min(float(np.linalg.norm(model - one)), float(np.linalg.norm(model - other)))
    rest = float(np.linalg.norm(model - share * one - (1 - share) * other))
    return Mixture(share, rest / nearer if nearer else 1.0)


def common(
    first: Comparison, second: Comparison
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Sketches of the matrices that all three have: of the model, the first parent and the second."""
    partners = {id(pair.later): pair for pair in second.changes.pairs}
    for pair in first.changes.pairs:
        own, other = pair.sketches, partners.get(id(pair.later))
        if own and other and other.sketches:
            yield own[0], own[1], other.sketches[1]
