"""Measure which relative is named, which direction is given and which merges are told, on a zoo of tiny models.

    python benchmarks/relatives.py ZOO [--split test] [--fingerprints FILE] [--directions]

Every model that was made from others is judged among all other descendants of its roots, but for its own. FILE is a
pickled dictionary of fingerprints by name, ZOO/fingerprints.pickle unless given. --directions prints
registry/lineage/direction.toml, whose counts come from the calibration split. Ends with one JSON line.
"""

import argparse
import json
import pickle
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from registry.fingerprints.record import Fingerprint
from registry.lineage.descent import Descent, DirectionReason
from registry.lineage.features import ModelFeatures
from registry.lineage.kinship import ComparedCandidate, verdict_among
from registry.lineage.verdict import Change, ChangeKind, Verdict

WITHIN = 0.05  # of a merge's share
LINEAR = (
    "merge-mean",
    "merge-weighted",
    "merge-slerp",
    "merge-three",
    "merge-arithmetic",
    "merge-stock",
    "layers-alternating",
    "layers-of-two",
)
OTHER_MERGES = ("merge-ties", "merge-dare-ties")


@dataclass(frozen=True)
class Zoo:
    """The models of a manifest that have a fingerprint.

    Attributes:
        rows: The manifest's, by name.
        fingerprints: By name.
    """

    rows: Mapping[str, dict]
    fingerprints: Mapping[str, Fingerprint]

    @cached_property
    def features(self) -> dict[str, ModelFeatures]:
        """What is compared, by name; of models, not of adapters."""
        features = {}
        for name, fingerprint in self.fingerprints.items():
            if name in self.rows and fingerprint is not None and fingerprint.kind == "model":
                features[name] = ModelFeatures.of(fingerprint)
        return features

    def ancestors(self, name: str) -> set[str]:
        """What a model was made from, directly or not."""
        known: set[str] = set()
        waiting = list(self.rows[name]["parents"])
        while waiting:
            parent = waiting.pop()
            if parent not in known:
                known.add(parent)
                waiting += self.rows[parent]["parents"]
        return known

    def candidates(self, name: str) -> list[str]:
        """The other models of its roots, but for those that were made from it."""
        roots = set(self.rows[name]["roots"])
        names = []
        for other in self.features:
            is_near = bool(roots & set(self.rows[other]["roots"]))
            if other != name and is_near and name not in self.ancestors(other):
                names.append(other)
        return names

    def descent(self, name: str, other: str) -> Descent:
        """What a model truly is to another."""
        if other in self.ancestors(name):
            return Descent.CHILD
        return Descent.PARENT if name in self.ancestors(other) else Descent.SIBLING


@dataclass(frozen=True)
class Answer:
    """What was said of one model, and whether it is so."""

    row: dict
    verdict: Verdict
    truth: Descent

    @property
    def nearest(self) -> bool:
        """Whether a recorded parent is named, or among those said to fit equally."""
        parents = set(self.row["parents"])
        tied = {relative.model for relative in self.verdict.relatives if relative.tied}
        return bool(parents & (tied | {self.verdict.relatives[0].model}))

    @property
    def descent(self) -> Descent:
        """What was said that it is to the model named."""
        return self.verdict.direction.descent

    @property
    def merge(self) -> Change | None:
        """The merge that was told."""
        for change in self.verdict.changes:
            if change.kind == ChangeKind.MERGED:
                return change
        return None

    @property
    def merge_is_right(self) -> bool:
        """Whether all parents are named and no other, with shares that are near the true ones."""
        merge = self.merge
        parents = self.row["parents"]
        if merge is None or set(merge.parts) != set(parents):
            return False
        shares = dict(zip(merge.parts, merge.shares, strict=True))
        weights = zip(parents, self.row["weights"] or [], strict=False)
        return all(abs(shares[parent] - weight) < WITHIN for parent, weight in weights)


def answer(zoo: Zoo, name: str) -> Answer | None:
    """What is said of a model among its relatives; None where none of them is called related."""
    model = zoo.features[name]
    compared = [
        ComparedCandidate.of(model, other, zoo.features[other]) for other in zoo.candidates(name)
    ]
    if not any(candidate.verdict.related for candidate in compared):
        return None
    verdict = verdict_among(compared)
    return Answer(zoo.rows[name], verdict, zoo.descent(name, verdict.relatives[0].model))


def answers(zoo: Zoo, split: str) -> list[Answer | None]:
    """Of every model of a split with a parent that has a fingerprint."""
    said = []
    for name in sorted(zoo.features):
        row = zoo.rows[name]
        if row["split"] == split and set(row["parents"]) & zoo.features.keys():
            said.append(answer(zoo, name))
    return said


def directions(said: list[Answer]) -> str:
    """By reason how many directions were given, and how many of them were wrong, as TOML."""
    given = Counter(each.verdict.direction.reason for each in said)
    right = Counter(each.verdict.direction.reason for each in said if each.descent == each.truth)
    tables = []
    for reason in DirectionReason:
        wrong = given[reason] - right[reason]
        tables.append(f'["{reason}"]\ngiven = {given[reason]}\nwrong = {wrong}\n')
    return "\n".join(tables)


def summary(said: list[Answer | None]) -> dict[str, object]:
    """The keys that `benchmarks/lineage.py --json` has of these, and what is behind them."""
    known = [each for each in said if each is not None]
    given = [each for each in known if each.descent != Descent.UNDECIDED]
    wrong = [each.row["name"] for each in given if each.descent != each.truth]
    missed = [each.row["name"] for each in known if not each.nearest]
    merges = [each for each in known if each.row["change"] in LINEAR]
    by_kind = defaultdict(list)
    for each in merges:
        by_kind[each.row["change"]].append(each.merge_is_right)
    false = [
        each.row["name"]
        for each in known
        if each.merge is not None and each.row["change"] not in LINEAR + OTHER_MERGES
    ]
    return {
        "models": len(said),
        "unrelated": len(said) - len(known),
        "nearest_relative": (len(known) - len(missed)) / max(1, len(said)),
        "named_first": sum(each.verdict.model in each.row["parents"] for each in known)
        / max(1, len(said)),
        "direction_given": len(given) / max(1, len(known)),
        "direction_wrong": len(wrong) / max(1, len(given)),
        "merge_parents": sum(each.merge_is_right for each in merges) / max(1, len(merges)),
        "merges": {kind: [sum(right), len(right)] for kind, right in sorted(by_kind.items())},
        "false_merges": false,
        "another_named": missed,
        "wrong_directions": wrong,
    }


def main() -> None:
    """Read the arguments, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("zoo", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--fingerprints", type=Path)
    parser.add_argument("--directions", action="store_true")
    arguments = parser.parse_args()

    manifest = json.loads((arguments.zoo / "manifest.json").read_text())
    kept = arguments.fingerprints or arguments.zoo / "fingerprints.pickle"
    fingerprints = pickle.loads(kept.read_bytes())  # noqa: S301  # written by these benchmarks
    zoo = Zoo({row["name"]: row for row in manifest}, fingerprints)

    said = answers(zoo, "calibration" if arguments.directions else arguments.split)
    if arguments.directions:
        print(directions([each for each in said if each is not None]))
    print(json.dumps(summary(said)))


if __name__ == "__main__":
    main()
