"""How often something false was told of a zoo's children, and of which."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from verdicts.children import Child, MergeTold
from verdicts.directions import Direction

MIXED_OTHERWISE = {"merge-ties", "merge-dare-ties"}  # sums of parts of changes: of no stated shares


def counted(children: Sequence[Child], of_roots: Sequence[Direction]) -> dict:
    """Return the shares of children of which something false was told, and the rest.

    Args:
        of_roots: The directions that are said of roots among their descendants.
    """
    pair_directions = [one for child in children for one in child.pair_directions]
    among = [child.direction for child in children if child.direction is not None]
    among += of_roots
    merges = [child.merge for child in children if child.merge and child.merge.true]
    stated = [merge for merge in merges if merge.change not in MIXED_OTHERWISE]
    return {
        "children": len(children),
        "false_changes": share(bool(child.false) for child in children),
        "untold_changes": share(bool(child.untold) for child in children),
        "nearest_relative": share(child.right for child in children),
        "nearest_relative_first": share(child.first for child in children),
        "median_ties": float(np.median([child.ties for child in children])),
        "direction_given": share(one.given for one in pair_directions),
        "direction_wrong": share(one.wrong for one in pair_directions if one.given),
        "direction_given_among_relatives": share(one.given for one in among),
        "direction_wrong_among_relatives": share(one.wrong for one in among if one.given),
        "direction_reasons": reasons([*pair_directions, *among]),
        "merge_parents": share(merge.fitting for merge in stated),
        "merge_parents_with_ties": share(merge.fitting for merge in merges),
        "merges": merges_by_change(merges),
        "false_merges": [child.name for child in children if child.merge and not child.merge.true],
    }


def share(flags: Iterable[bool]) -> float | None:
    """Return the share that holds; None of nothing."""
    values = list(flags)
    return float(np.mean(values)) if values else None


def reasons(directions: Iterable[Direction]) -> dict[str, dict[str, int]]:
    """Return by reason how many directions were given, and how many wrong ones."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for direction in directions:
        if direction.given:
            counts[str(direction.reason)].update(given=1, wrong=int(direction.wrong))
    return {reason: dict(count) for reason, count in sorted(counts.items())}


def merges_by_change(merges: Iterable[MergeTold]) -> dict[str, dict[str, int]]:
    """Return by kind of merge how many there are, and how many were told with parents, and shares."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for merge in merges:
        count = counts[merge.change]
        count.update(
            merges=1,
            told=int(bool(merge.said)),
            parents=int(merge.named),
            shares=int(merge.fitting),
        )
    return {change: dict(count) for change, count in sorted(counts.items())}


def failures(children: Sequence[Child]) -> dict[str, list[str]]:
    """Return the children of which something false was told, line by line."""
    lines: dict[str, list[str]] = defaultdict(list)
    for child in children:
        if child.false or child.untold:
            said = "; ".join(child.changes)
            line = (
                f"{child.name}: false {list(child.false)}, untold {list(child.untold)}, told {said}"
            )
            lines["false_changes" if child.false else "untold_changes"].append(line)
        if not child.right:
            lines["nearest_relative"].append(f"{child.name}: {child.nearest}, {child.ties} ties")
        for direction in (*child.pair_directions, child.direction):
            if direction is not None and direction.wrong:
                text = f"{child.name} ({child.nearest}): {direction.said}, is {direction.true}, {direction.reason}"
                lines["direction"].append(text)
        if child.merge and not child.merge.fitting:
            lines["merges"].append(f"{child.name}: {child.merge.said}, is {child.merge.true}")
    return dict(lines)


def direction_table(children: Sequence[Child], of_roots: Sequence[Direction]) -> str:
    """Return direction.toml: how often each reason gave a direction, and a wrong one."""
    blocks = []
    for reason, count in counted(children, of_roots)["direction_reasons"].items():
        blocks.append(f'["{reason}"]\ngiven = {count["given"]}\nwrong = {count.get("wrong", 0)}\n')
    return "\n".join(blocks)
