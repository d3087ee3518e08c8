"""Test whether an adapter's std vector follows its data, its clustering vector its base (arXiv 2509.19122, section 4).

    python benchmarks/lora_lens.py [--adapters FOLDER] [--zoo FOLDER] [--json]

FOLDER of adapters: other people's, in folders called OWNER__PROJECT__...: projects are taken for data sets, for all of
a project were trained on one, but for those whose names state their data (emotion, keywords, therapist). ZOO: what
`python -m zoo` built: every root has adapters on two texts, alone and merged. Permutation tests with ten thousand
permutations. Ends with one JSON line.
"""

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

import registry
from registry.errors import RegistryError
from registry.fingerprints.record import Fingerprint
from registry.lineage.adapter_comparison import (
    DISTANCES,
    ComparedAdapter,
    distance_matrix,
    label_tests,
    permutation_test,
    trajectories,
)
from registry.workflows.adapters import read_adapter

TOLD = ("emotion", "keywords", "therapist")  # data sets that a name states


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--adapters", type=Path)
    parser.add_argument("--zoo", type=Path)
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    options = parser.parse_args()
    answer: dict[str, object] = {}
    if options.adapters:
        answer["published"] = published(options.adapters)
    if options.zoo:
        answer["zoo"] = zoo(options.zoo)
    if not options.json:
        print(json.dumps(answer, indent=1), file=sys.stderr)
    print(json.dumps(answer))


def published(folder: Path) -> dict:
    """Other people's adapters: of one project, of all, and their runs."""
    seen, unread = [], {}
    for path in sorted(folder.iterdir()):
        try:
            seen.append(replace(read_adapter(str(path)), data=data_of(path.name)))
        except RegistryError as exc:
            unread[path.name] = str(exc)
    groups = {
        "several bases, one data set": "JadeAnt",
        "several data sets, one base": "justbautista",
    }
    found = {
        what: tests([each for each in seen if each.name.startswith(owner)])
        for what, owner in groups.items()
    }
    runs = {
        Path(run).name: [asdict(p) for p in points] for run, points in trajectories(seen).items()
    }
    return {"adapters": len(seen), "unread": unread, "all": tests(seen), **found, "runs": runs}


def data_of(name: str) -> str:
    """What an adapter was trained on, as far as its name states it."""
    told = next((each for each in TOLD if each in name), None)
    return told or name.split("__")[1]


def tests(seen: list[ComparedAdapter]) -> list[dict]:
    """Permutation tests, rounded."""
    return [
        {k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(each).items()}
        for each in label_tests(seen)
    ]


def zoo(folder: Path) -> dict:
    """Adapters of every root on two texts: of B A, and of what they make of their base."""
    adapters, unread = [], 0
    for path in sorted(folder.rglob("adapter_config.json")):
        try:
            adapters.append(read_adapter(str(path.parent)))
        except RegistryError:  # GPT-NeoX's number of heads does not follow from an adapter alone
            unread += 1
    names = [Path(each.source).name for each in adapters]
    roots = [Path(each.source).parent.name for each in adapters]
    own = [each.delta for each in adapters if each.delta]
    merged = [
        registry.fingerprint(each.source, base=folder / root / "root", rank=16)
        for each, root in zip(adapters, roots, strict=True)
    ]
    found: dict[str, object] = {
        "adapters": len(adapters),
        "unread": unread,
        "texts": sorted(set(names)),
    }
    for what, prints in {"B A": own, "merged": merged}.items():
        for vector in DISTANCES:
            distances = distance_matrix(prints, vector)
            told = {
                "text": permutation_test(distances, names),
                "base": permutation_test(distances, roots),
            }
            found[f"{vector} of {what}"] = {
                label: [round(v, 6) for v in each] for label, each in told.items() if each
            }
    found["moved by merging"] = moved(folder, roots, merged)
    return found


def moved(folder: Path, roots: list[str], merged: list[Fingerprint]) -> dict:
    """How far merging moves both vectors from the base's own: medians."""
    apart = defaultdict(list)
    for root, fingerprint in zip(roots, merged, strict=True):
        base = registry.fingerprint(folder / root / "root", rank=16)
        for vector, distance in DISTANCES.items():
            apart[vector].append(distance(base, fingerprint))
    return {vector: float(np.median(values)) for vector, values in apart.items()}


if __name__ == "__main__":
    main()
