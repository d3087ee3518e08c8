"""Measure whether verdicts that stop at a grade of evidence are those of all of it, on a zoo of tiny models.

    python benchmarks/grades.py ZOO [--json] [--split test] [--independent N]

ZOO is a folder that `python -m zoo ZOO` fills, with its fingerprints (benchmarks/lineage.py). Of every pair the grades are
cut from the fingerprints, as if the models were large. Prints, for derived and for independent pairs, how many each grade
decides and for how many the relation is that of full evidence. Ends with one JSON line.
"""

import argparse
import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from verdicts.pairs import Asked, derived_pairs, in_processes, independent_pairs
from verdicts.zoo_models import Zoo

from registry.fingerprints.excerpt import attention_of, chosen_layers
from registry.fingerprints.grades import Grade
from registry.fingerprints.record import Fingerprint
from registry.lineage.comparison import ModelComparison
from registry.lineage.features import ModelFeatures
from registry.lineage.judgement import judge
from registry.lineage.settled import is_settled
from registry.lineage.verdict import Verdict

FEW = 3  # layers of a model of which two are taken here; its first and its last


class Decided(NamedTuple):
    """One pair: the grade that decides, and what it and all evidence say."""

    asked: Asked
    grade: Grade
    verdict: Verdict
    full: Verdict

    @property
    def agrees(self) -> bool:
        """Whether the relation is that of all evidence."""
        return self.verdict.verdict == self.full.verdict

    @property
    def tells_the_same(self) -> bool:
        """Whether the kinds of changes are those of all evidence."""
        return kinds_of(self.verdict) == kinds_of(self.full)


def main() -> None:
    """Decide pairs by grades and by all evidence."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("zoo", type=Path)
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    parser.add_argument("--split", default="test")
    parser.add_argument("--independent", type=int, default=2_500, help="independent pairs, drawn")
    options = parser.parse_args()

    zoo = Zoo(options.zoo, stored_only=True)
    models = zoo.of_split(options.split)
    unrelated = independent_pairs(models)
    order = np.random.default_rng(3).permutation(len(unrelated))[: options.independent]
    asked = derived_pairs(models) + [unrelated[place] for place in order]
    decided = in_processes(zoo, decide, asked)
    answer = {
        "derived": counted([one for one in decided if one.asked.derived]),
        "independent": counted([one for one in decided if not one.asked.derived]),
        "other_relative": sum(named(one.verdict) != named(one.full) for one in decided),
    }
    if not options.json:
        print(json.dumps(answer, indent=1), file=sys.stderr)
    print(json.dumps(answer))


def decide(zoo: Zoo, asked: Asked) -> Decided:
    """Compare two models grade by grade, and by all evidence."""
    a, b = zoo.prints[asked.model], zoo.prints[asked.other]
    assert a is not None
    assert b is not None
    everything = ModelComparison(zoo.features[asked.model], zoo.features[asked.other])
    full = judge(everything, asked.other, None)
    for grade, parts in ((Grade.ATTENTION, attention(a, b)), (Grade.SKETCHES, sketches(a, b))):
        if parts is None:
            continue
        comparison = ModelComparison(*(ModelFeatures.of(part, grade) for part in parts))
        verdict = judge(comparison, asked.other, None)
        if is_settled(comparison, verdict):
            return Decided(asked, grade, verdict, full)
    return Decided(asked, Grade.FULL, full, full)


def attention(a: Fingerprint, b: Fingerprint) -> tuple[Fingerprint, Fingerprint] | None:
    """Return the attention of two layers of each model; None where their layers are not of the same shapes."""
    if shapes(a) != shapes(b):
        return None
    layers = sorted({matrix.layer for matrix in a.matrices})
    chosen = chosen_layers(layers) or ((layers[0], layers[-1]) if len(layers) == FEW else layers)
    return attention_of(a, chosen), attention_of(b, chosen)


def shapes(model: Fingerprint) -> Counter[tuple]:
    """Return where which matrices stand, and their shapes."""
    return Counter((m.layer, m.projection, m.expert, m.rows, m.cols) for m in model.matrices)


def sketches(a: Fingerprint, b: Fingerprint) -> tuple[Fingerprint, Fingerprint]:
    """Return two models without spectra but those of a small matrix in each of two layers."""
    return without_spectra(a), without_spectra(b)


def without_spectra(model: Fingerprint) -> Fingerprint:
    """Return a fingerprint as an excerpt of all layers has it."""
    layers = sorted({matrix.layer for matrix in model.matrices})
    kept = set()
    for layer in chosen_layers(layers) or layers:
        places = [at for at, matrix in enumerate(model.matrices) if matrix.layer == layer]
        kept.add(min(places, key=lambda at: model.matrices[at].rows * model.matrices[at].cols))
    matrices = [
        matrix if at in kept else replace(matrix, singular_values=())
        for at, matrix in enumerate(model.matrices)
    ]
    return replace(model, matrices=tuple(matrices), clusterings=())


def counted(decided: list[Decided]) -> dict:
    """Return how many pairs each grade decides, and how often as all evidence does."""
    by_grade = Counter(str(one.grade) for one in decided)
    agreeing = sum(one.agrees for one in decided)
    lower = [one for one in decided if one.grade != Grade.FULL and one.full.related]
    return {
        "pairs": len(decided),
        "by_grade": dict(by_grade),
        "same_relation": agreeing / len(decided),
        "same_changes": sum(one.tells_the_same for one in lower) / len(lower) if lower else None,
        "others": [f"{one.asked.model} ~ {one.asked.other}" for one in decided if not one.agrees],
    }


def kinds_of(verdict: Verdict) -> set[str]:
    """Return the kinds of a verdict's changes."""
    return {str(change.kind) for change in verdict.changes}


def named(verdict: Verdict) -> str | None:
    """Return the model that a verdict names."""
    return verdict.model


if __name__ == "__main__":
    main()
