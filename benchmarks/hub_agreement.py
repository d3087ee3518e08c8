"""The lists of pairs that hub_pairs.py judges, and how far verdicts and labels agree."""

import csv
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn.metrics import roc_auc_score

from registry.lineage.verdict import Verdict

DATA = Path(__file__).parent / "data"
LISTS = (DATA / "hub-pairs.csv", DATA / "gpt2-seeds.csv")
SOURCES: dict[str, dict[str, Any]] = tomllib.loads((DATA / "hub-pairs.toml").read_text())
LABELS = {"derived": True, "similar": True, "independent": False, "dissimilar": False}
EITHER = " or its instruct model"  # of a parent that the list does not tell from its fine-tune
COLUMNS = ("child", "parent", "relation", "label", "source")
LAYOUT = "{:20} {:>5} {:>8} {:>13} {:>20} {:>6} {:>8}   {}"
HEADINGS = (
    *("source", "pairs", "compared", "derived found", "independent related"),
    *("AUROC", "accuracy", "published"),
)


@dataclass(frozen=True)
class Pair:
    """A line of a list: two ids of the hub, what the source calls their relation, and its label."""

    child: str
    parent: str
    relation: str
    label: str
    source: str

    @property
    def related(self) -> bool:
        """Whether the source says that the weights of one were made from the other's."""
        return LABELS[self.label]


@dataclass(frozen=True)
class Judged:
    """A pair and our verdict on it, or the reason why there is none."""

    pair: Pair
    verdict: Verdict | None = None
    reason: str | None = None

    @property
    def score(self) -> float:
        """The verdict's score, 0 where nothing speaks for a relation."""
        return (self.verdict and self.verdict.score) or 0.0

    @property
    def related(self) -> bool:
        """Whether we say that they are related."""
        return self.verdict is not None and self.verdict.related

    @property
    def right(self) -> bool:
        """Whether that is what the label says."""
        return self.related == self.pair.related


# --- the lists ---


def chosen(lists: Iterable[Path], source: str | None, limit: int | None) -> list[Pair]:
    """Return the pairs that are asked for, in the order of the lists.

    Raises OSError, and ValueError where a list is not what it should be.
    """
    pairs = []
    for path in lists:
        with path.open(newline="", encoding="utf-8") as lines:
            pairs += [pair_of(row) for row in csv.DictReader(lines)]
    if source:
        pairs = [pair for pair in pairs if source.casefold() in pair.source.casefold()]
    return pairs[:limit]


def pair_of(row: dict[str, str]) -> Pair:
    """Return a line of a list, in any of the copies that are around. Raises ValueError."""
    lacking = [name for name in COLUMNS if row.get(name) is None]
    if lacking:
        raise ValueError(f"it lacks {', '.join(lacking)}")
    if row["label"] not in LABELS:
        raise ValueError(f"{row['label']!r} is none of the labels {', '.join(LABELS)}")
    source = row["source"]
    for name, about in SOURCES.items():
        if source in about.get("listed", ()):
            source = name
    parent = row["parent"].removesuffix(EITHER)
    return Pair(row["child"], parent, row["relation"], row["label"], source)


# --- agreement ---


def counts(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return how verdicts and labels agree over the pairs that could be compared."""
    compared = [one for one in judged if one.verdict is not None]
    derived = [one for one in compared if one.pair.related]
    independent = [one for one in compared if not one.pair.related]
    auroc = None
    if derived and independent:
        labels = [one.pair.related for one in compared]
        auroc = float(roc_auc_score(labels, [one.score for one in compared]))
    return {
        "pairs": len(judged),
        "compared": len(compared),
        "derived": len(derived),
        "derived_found": sum(one.related for one in derived),
        "independent": len(independent),
        "independent_related": sum(one.related for one in independent),
        "auroc": auroc,
        "accuracy": sum(one.right for one in compared) / len(compared) if compared else None,
    }


# --- telling ---


def write_pairs(path: Path, judged: Sequence[Judged]) -> None:
    """Write a line for every pair."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow([*COLUMNS, "verdict", "score", "reason"])
        for one in judged:
            pair = one.pair
            named = [getattr(pair, name) for name in COLUMNS]
            given = [one.verdict.verdict.value, f"{one.score:.3f}"] if one.verdict else ["", ""]
            table.writerow([*named, *given, one.reason or ""])


def print_table(answer: dict[str, Any], judged: Sequence[Judged]) -> None:
    """Print a row for every source, then the pairs that are judged otherwise than labelled."""
    print(LAYOUT.format(*HEADINGS).rstrip())
    rows = dict(answer["sources"])
    if len(rows) > 1:
        rows["all"] = answer
    for name, row in rows.items():
        cells = [
            row["pairs"],
            row["compared"],
            f"{row['derived_found']} of {row['derived']}",
            f"{row['independent_related']} of {row['independent']}",
            "" if row["auroc"] is None else f"{row['auroc']:.3f}",
            "" if row["accuracy"] is None else f"{row['accuracy']:.3f}",
        ]
        print(LAYOUT.format(name, *cells, SOURCES.get(name, {}).get("beside", "")).rstrip())
    for one in judged:
        if one.verdict is not None and not one.right:
            pair = one.pair
            label = f"{pair.label} ({pair.relation})" if pair.relation else pair.label
            print(
                f"{pair.child} and {pair.parent}, {label}: {one.verdict.verdict}, {one.score:.1f}"
            )
    if answer["unread"]:
        print(f"{len(answer['unread'])} models were not read; the JSON line says why.")
