"""What looking at an edit costs, as a ratio of processor seconds, in turn."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import registry
from registry.lineage.pair import pair_verdict

TURNS = 5
CHILDREN = {"removed": "an edited child", "rank-1-added-to-what-writes": "a LoRA of what writes"}
ORDINARY = {"rank-16-added": "any other child"}


def ratios(root: Path, made: Path) -> dict[str, float]:
    """Return processor seconds of comparing two folders in full, of those of their fingerprints alone."""
    found = {}
    for name, words in {**CHILDREN, **ORDINARY}.items():
        child = made / name
        with_weights, without = [], []
        for _ in range(TURNS):
            with_weights.append(
                seconds(lambda child=child: registry.compare(child, root, full=True))
            )
            without.append(seconds(lambda child=child: by_fingerprints(child, root)))
        found[words] = round(median(with_weights) / median(without), 3)
    return found


def by_fingerprints(child: Path, root: Path) -> object:
    """Return the verdict that reads no weights again."""
    one, other = (registry.fingerprint(folder, rank=16) for folder in (child, root))
    return pair_verdict(one, other, "root")


def seconds(work: Callable[[], object]) -> float:
    """Return the processor seconds that some work takes."""
    begin = time.process_time()
    work()
    return time.process_time() - begin
