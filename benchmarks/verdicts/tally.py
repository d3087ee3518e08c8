"""How often something false was told of a zoo's children, and of which."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from verdicts.children import Child, Identified, MergeTold
from verdicts.directions import Direction

MIXED_OTHERWISE = {"merge-ties", "merge-dare-ties"}  # sums of parts of changes: of no stated shares


def counted(children: Sequence[Child], of_roots: Sequence[Direction]) -> dict:
    """Return the shares of children of which something false was told, and the rest.

    Args:
        of_roots: The directions that are said of roots among their descendants.
    """
    pair_directions = [one for child in children for one in child.pair_directions]
    among_all = [child.among_all for child in children]
    arriving = [child.arriving for child in children]
    among = [one.direction for one in among_all if one.direction is not None]
    return {
        "children": len(children),
        "false_changes": share(bool(child.false) for child in children),
        "untold_changes": share(bool(child.untold) for child in children),
        "direction_given": share(one.given for one in pair_directions),
        "direction_wrong": share(one.wrong for one in pair_directions if one.given),
        "direction_reasons": reasons([*pair_directions, *among, *of_roots]),
        "direction_given_of_roots": share(one.given for one in of_roots),
        "direction_wrong_of_roots": share(one.wrong for one in of_roots if one.given),
        **named(among_all),
        "without_descendants": named(arriving),
        "false_merges": [
            c.name for c in children if c.arriving.merge and not c.arriving.merge.true
        ],
    }


def named(every: Sequence[Identified]) -> dict:
    """Return how often the right relative, direction and parents were named among relatives."""
    directions = [one.direction for one in every if one.direction is not None]
    merges = [one.merge for one in every if one.merge and one.merge.true]
    stated = [merge for merge in merges if merge.change not in MIXED_OTHERWISE]
    return {
        "nearest_relative": share(one.right for one in every),
        "nearest_relative_first": share(one.first for one in every),
        "median_ties": float(np.median([one.ties for one in every])),
        "direction_given_among_relatives": share(one.given for one in directions),
        "direction_wrong_among_relatives": share(one.wrong for one in directions if one.given),
        "merge_parents": share(merge.fitting for merge in stated),
        "merge_parents_with_ties": share(merge.fitting for merge in merges),
        "merges": merges_by_change(merges),
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
        for direction in child.pair_directions:
            if direction.wrong:
                lines["direction"].append(f"{child.name}: {in_words(direction)}")
        for heading, one in (("", child.among_all), (" without descendants", child.arriving)):
            if not one.right:
                line = f"{child.name}: {one.nearest}, {one.ties} ties"
                lines[f"nearest_relative{heading}"].append(line)
            if one.direction is not None and one.direction.wrong:
                line = f"{child.name} ({one.nearest}): {in_words(one.direction)}"
                lines[f"direction{heading}"].append(line)
            if one.merge and not one.merge.fitting:
                line = f"{child.name}: {one.merge.said}, is {one.merge.true}"
                lines[f"merges{heading}"].append(line)
    return dict(lines)


def in_words(direction: Direction) -> str:
    """Return a direction that was said, beside the true one."""
    return f"{direction.said}, is {direction.true}, {direction.reason}"


def direction_table(children: Sequence[Child], of_roots: Sequence[Direction]) -> str:
    """Return direction.toml: how often each reason gave a direction, and a wrong one."""
    blocks = []
    for reason, count in counted(children, of_roots)["direction_reasons"].items():
        blocks.append(f'["{reason}"]\ngiven = {count["given"]}\nwrong = {count.get("wrong", 0)}\n')
    return "\n".join(blocks)
