"""Measure what is said of an edit: directions removed, matrices edited, precision other than stated.

    python benchmarks/edits.py ZOO --made FOLDER [--json] [--calibrate]

ZOO is a folder that `python -m zoo ZOO` fills; its roots' edited children are made in FOLDER, once. Every child is compared
with its root twice: by what is stored of both (fingerprints), and with the weights of both at hand. Thresholds and nulls are
those of registry/lineage/edits.toml, which --calibrate prints from the calibration split; what is measured is the test
split. Prints a table of what was said for each kind of child, false alarms, and what it costs, as a ratio. Ends with one
JSON line.
"""

import argparse
import json
import pickle
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import torch
from edited import cost, nulls
from edited.children import ROOTS, children
from edited.told import Told, tell

from registry import fingerprint
from registry.fingerprints.record import VERSION, Fingerprint

STORE = "fingerprints.pickle"
EDITS = ("direction removed", "matrix edited")
RIGHT = {  # what is to be said, where that is not the kind itself
    "few values in bfloat16": ("fewer bits than stated",),
    "as stated": ("quantised",),
    "fine-tuned": ("trained",),
    "LoRA merged": ("LoRA-like", "trained"),  # of a high rank
    "pruned or noise": ("pruned", "trained"),
}


def main() -> None:
    """Measure, or calibrate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("zoo", type=Path)
    parser.add_argument("--made", type=Path, required=True, help="folder of the edited children")
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    parser.add_argument("--calibrate", action="store_true", help="print edits.toml")
    options = parser.parse_args()

    torch.set_num_threads(1)
    split = "calibration" if options.calibrate else "test"
    begin = time.monotonic()
    told = look_at(options.zoo, options.made, ROOTS[split])
    if options.calibrate:
        print(nulls.table(told), end="")
        return
    largest = ROOTS["test"][1]
    answer = measured(told)
    answer["cost"] = cost.ratios(options.zoo / largest / "root", options.made / largest)
    answer["seconds"] = round(time.monotonic() - begin)
    if not options.json:
        report(told)
    print(json.dumps(answer))


def look_at(zoo: Path, made: Path, roots: Sequence[str]) -> list[Told]:
    """Compare every child of some roots with its root."""
    told = []
    for root in roots:
        known = Known(made / root / STORE)
        parent = zoo / root / "root"
        base = known.of(parent)
        for child in children(zoo, made, [root]):
            one = tell(child, known.of(child.folder), parent, base)
            told.append(one)
        known.keep()
        print(f"{root}: {len(told)} children", file=sys.stderr, flush=True)
    return told


class Known:
    """Fingerprints that are kept beside the children of one root."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.by_folder: dict[str, Fingerprint] = {}
        if path.exists():
            stored = pickle.loads(path.read_bytes())  # noqa: S301  # our own
            self.by_folder = stored["fingerprints"] if stored["version"] == VERSION else {}

    def of(self, folder: Path) -> Fingerprint:
        """The fingerprint of a folder."""
        name = str(folder)
        if name not in self.by_folder:
            self.by_folder[name] = fingerprint(folder, rank=16, threads=1)
        return self.by_folder[name]

    def keep(self) -> None:
        """Write them."""
        content = {"version": VERSION, "fingerprints": self.by_folder}
        self.path.write_bytes(pickle.dumps(content))


def measured(told: Sequence[Told]) -> dict:
    """Return what was said of each kind of child, and what was said wrongly."""
    ordinary = [one for one in told if one.child.is_ordinary]
    answer: dict = {"children": len(told), "ordinary": len(ordinary)}
    for grade in ("stored", "weights"):
        said = Counter((one.child.kind, one.said(grade)) for one in told)
        answer[grade] = {
            "said": {kind: said_of(said, kind) for kind in kinds_of(told)},
            "false_alarms": false_alarms(ordinary, grade),
            "missed": missed(told, grade),
        }
    return answer


def said_of(said: Counter, kind: str) -> dict[str, int]:
    """Return how often what was said of one kind."""
    return {words: count for (of, words), count in sorted(said.items()) if of == kind}


def kinds_of(told: Sequence[Told]) -> list[str]:
    """Return the kinds of children, in order."""
    return list(dict.fromkeys(one.child.kind for one in told))


def false_alarms(ordinary: Sequence[Told], grade: str) -> list[str]:
    """Return the ordinary children of which an edit was told, or fewer bits than they have."""
    names = []
    for one in ordinary:
        said = one.said(grade)
        if said in (*EDITS, "fewer bits than stated") and said not in right_words(one):
            names.append(f"{one.name}: {said}")
    return names


def missed(told: Sequence[Told], grade: str) -> dict[str, list[str]]:
    """Return by name the children of which what was done was not told, with what was."""
    names = defaultdict(list)
    for one in told:
        if one.said(grade) not in right_words(one):
            names[one.child.name].append(f"{one.child.root}: {one.said(grade)}")
    return dict(names)


def right_words(one: Told) -> tuple[str, ...]:
    """Return what is to be said of a child."""
    return RIGHT.get(one.child.kind, (one.child.kind,))


def report(told: Sequence[Told]) -> None:
    """Print both tables to stderr."""
    for grade in ("stored", "weights"):
        said = Counter((one.child.kind, one.said(grade)) for one in told)
        words = sorted({word for _, word in said})
        print(f"\n{grade:24}" + "".join(f"{word:>24}" for word in words), file=sys.stderr)
        for kind in kinds_of(told):
            numbers = "".join(f"{said[kind, word]:24}" for word in words)
            print(f"{kind:24}{numbers}", file=sys.stderr)


if __name__ == "__main__":
    main()
