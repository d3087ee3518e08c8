"""Measure how well verdicts separate derived from independent models, and tell what was done, on a zoo of tiny models.

    python benchmarks/lineage.py ZOO [--json] [--calibrate] [--directions] [--peers VENV]

ZOO is a folder that `python -m zoo ZOO` (run from benchmarks/) fills in a few hours on two cores. Thresholds come from
the calibration split alone; what is measured is the test split. --calibrate prints calibration.toml instead, and
--directions direction.toml, both from the calibration split. --peers also runs Model Provenance Kit and modelDNA on
the same files, in a virtual environment that is made in VENV. Ends with one JSON line.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import torch
from verdicts import calibration, others, tally
from verdicts.children import Child, look_at
from verdicts.directions import Direction, direction_of_root
from verdicts.pairs import Asked, Pair, compared, derived_pairs, in_processes, independent_pairs
from verdicts.zoo_models import Zoo, roots_of

MOST_INDEPENDENT_ELSEWHERE = 2_000  # pairs of each split that nothing is fitted to or measured on
PARTS = ("pairs", "children", "others")


def main() -> None:
    """Measure, or calibrate."""
    options = parsed()
    torch.set_num_threads(1)
    begin = time.monotonic()
    zoo = Zoo(options.zoo, stored_only=options.stored)
    if options.calibrate:
        calibrate(zoo)
        return
    if options.directions:
        print(tally.direction_table(*looked_at(zoo, "calibration")), end="")
        return

    answer: dict = {"models": len(zoo.models), "unreadable": zoo.unreadable}
    pairs: list[Pair] = []
    if "pairs" in options.parts:
        pairs = compared(zoo, pairs_of(zoo, "test"))
        answer |= measured(zoo, pairs)
        if not options.json:
            report(pairs)
    if "children" in options.parts:
        answer |= told(*looked_at(zoo, "test"))
    if "others" in options.parts:
        answer |= {
            "family_of_another_size": others.other_sizes(zoo),
            "near_twins": others.near_twin_scores(zoo),
            "adapters": others.adapters(zoo),
        }
        answer |= others.quick(zoo)
    if options.peers and pairs:
        answer["peers"] = others.peers(zoo, pairs, options.peers)
    answer["seconds"] = round(time.monotonic() - begin)
    if not options.json:
        print(json.dumps(answer, indent=1), file=sys.stderr)
    print(json.dumps(answer))


def parsed() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("zoo", type=Path)
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    parser.add_argument("--calibrate", action="store_true", help="print calibration.toml")
    parser.add_argument("--directions", action="store_true", help="print direction.toml")
    parser.add_argument(
        "--peers", type=Path, metavar="VENV", help="run the peers too, in this folder's environment"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="these alone")
    parser.add_argument(
        "--stored", action="store_true", help="only models whose fingerprints are stored already"
    )
    return parser.parse_args()


def calibrate(zoo: Zoo) -> None:
    """Print calibration.toml, and to stderr the tail of every class of pairs."""
    asked = independent_pairs(zoo.of_split("calibration"))
    pairs = compared(zoo, asked)
    for kind, by_class in calibration.values_by_class(pairs).items():
        for name, tail in calibration.tails(kind, by_class).items():
            numbers = f"{tail.pairs:6} start {tail.start:7.3f} scale {tail.scale:6.3f}"
            line = f"{kind:12} {name:20} {numbers} strongest {tail.strongest:7.3f}"
            print(line, file=sys.stderr)
    fits = others.adapter_fits(zoo, ("calibration", "development"))
    print(calibration.calibration(pairs, fits["independent"]), end="")


def pairs_of(zoo: Zoo, split: str) -> list[Asked]:
    """Return the derived and the independent pairs of a split."""
    models = zoo.of_split(split)
    return [*derived_pairs(models), *independent_pairs(models)]


def measured(zoo: Zoo, pairs: Sequence[Pair]) -> dict:
    """Return what the pairs of the test split show, with those that a verdict is wrong on."""
    derived = [pair for pair in pairs if pair.derived]
    independent = [pair for pair in pairs if not pair.derived]
    false = [pair for pair in independent if pair.related]
    missed = [pair for pair in derived if not pair.related]
    strongest = max(pair.score for pair in independent)
    below = [pair for pair in derived if pair.score <= strongest]
    twins = [pair for pair in pairs if pair.derived or pair.asked.hardness == "twins"]
    shares = calibration.shares_below(pairs)
    return {
        "derived": len(derived),
        "independent": len(independent),
        "auroc": others.auroc(pairs, others.score_of),
        "auroc_twins": others.auroc(twins, others.score_of),
        "auroc_by_split": elsewhere(zoo),
        "weakest_derived": min(pair.score for pair in derived),
        "strongest_independent": strongest,
        "below_strongest_independent": len(below),
        "false_related": len(false),
        "false_relatives": [numbered(pair) for pair in sorted(false, key=others.score_of)[::-1]],
        "missed": len(missed),
        "missed_relatives": [numbered(pair) for pair in sorted(missed, key=others.score_of)],
        "weakest": [numbered(pair) for pair in sorted(derived, key=others.score_of)[:40]],
        "strongest": [numbered(pair) for pair in sorted(independent, key=others.score_of)[:-41:-1]],
        "p_below_1e-2": shares["all"]["0.01"],
        "p_below_1e-3": shares["all"]["0.001"],
        "p_below": shares,
        "evidence_alone": others.evidence_alone(pairs) | others.tried(zoo, pairs),
    }


def elsewhere(zoo: Zoo) -> dict[str, float]:
    """Return the AUROC of the splits that nothing is fitted to or measured on."""
    rates = {}
    for split in ("development", "crs"):
        models = zoo.of_split(split)
        asked = derived_pairs(models) + independent_pairs(models, MOST_INDEPENDENT_ELSEWHERE)
        rates[split] = others.auroc(compared(zoo, asked), others.score_of)
    return rates


def looked_at(zoo: Zoo, split: str) -> tuple[list[Child], list[Direction]]:
    """Return what is told of the children of a split, and the directions of its roots among them."""
    models = zoo.of_split(split)
    names = [model.name for model in models if not model.is_root]
    of_roots = in_processes(zoo, direction_of_root, [model.name for model in roots_of(models)])
    return in_processes(zoo, look_at, names), [one for one in of_roots if one is not None]


def told(children: list[Child], of_roots: list[Direction]) -> dict:
    """Return what is told of the children of the test split, with the false lines."""
    return tally.counted(children, of_roots) | {"failures": tally.failures(children)}


def numbered(pair: Pair) -> str:
    """Return a pair as a line: names, class, score and every number with its p-value."""
    numbers = []
    for kind, p_value in pair.p_values.items():
        numbers.append(f"{kind} {pair.numbers[kind]:.2f} p {p_value:.1e}")
    words = pair.asked.hardness
    return f"{pair.name} ({words}): {pair.verdict}, score {pair.score:.2f}; {', '.join(numbers)}"


def report(pairs: Sequence[Pair]) -> None:
    """Print per change the weakest pair, and the strongest of the independent ones."""
    rows: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        if pair.derived:
            rows[pair.asked.model.partition("/")[2]].append(pair)
    weakest = {change: min(every, key=others.score_of) for change, every in rows.items()}
    for change in sorted(rows, key=lambda change: weakest[change].score):
        line = f"{change:36} {len(rows[change]):3} {numbered(weakest[change])}"
        print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
