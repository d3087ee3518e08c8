"""Run other tools on the zoo's pairs: `python -m zoo.peers ZOO ENVIRONMENT`, from benchmarks/.

The peers are Cisco's Model Provenance Kit and modelDNA as they install from PyPI, in an environment of
their own, which is made where it is missing and borrows torch and transformers from this one. Prints rows
to stderr and ends with one JSON line: for each score the AUROC of derived over independent pairs (independent
runs of one recipe among them) and over those runs alone, the weakest derived and the strongest independent
pair.
"""

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from peer_environment import environment, peer_settings
from sklearn.metrics import roc_auc_score

from zoo.pairs import Pair, pairs, read

WORKER = Path(__file__).with_name("peers_worker.py")
SCORES = ("kit", "kit_identity", "modeldna")


def compare(python: Path, folders: Iterable[tuple[Path, Path]]) -> Iterator[dict[str, float | str]]:
    """Each peer's scores and verdict of every pair (model, candidate parent)."""
    command = [python, WORKER]
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - our own
        command, stdin=pipe, stdout=pipe, text=True, env=peer_settings()
    ) as worker:
        for pair in folders:
            print(json.dumps([str(folder) for folder in pair]), file=worker.stdin, flush=True)
            yield json.loads(worker.stdout.readline())
        worker.stdin.close()


def main() -> None:
    """Compare every pair of a split."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.peers", description=__doc__.splitlines()[0]
    )
    parser.add_argument("zoo", type=Path)
    parser.add_argument("environment", type=Path, help="folder of the peers' own environment")
    parser.add_argument("--split", default="test")
    parser.add_argument("--output", type=Path, help="every pair's scores, as JSON lines")
    options = parser.parse_args()
    begin = time.monotonic()
    asked = pairs(read(options.zoo, options.split))
    folders = ((options.zoo / pair.model, options.zoo / pair.root) for pair in asked)
    found = list(compare(environment(options.environment), folders))
    if options.output:
        lines = (json.dumps(vars(pair) | scores) for pair, scores in zip(asked, found, strict=True))
        options.output.write_text("\n".join(lines) + "\n")
    show(asked, found)
    summary = {name: summarised(asked, [scores[name] for scores in found]) for name in SCORES}
    print(
        json.dumps({"split": options.split, "seconds": time.monotonic() - begin, "peers": summary})
    )


def summarised(asked: Sequence[Pair], scores: Sequence[float]) -> dict[str, float | int]:
    """One score over all pairs; pairs with the same initial weights count on neither side."""
    of: dict[str, list[float]] = {}
    for pair, score in zip(asked, scores, strict=True):
        of.setdefault(pair.kind, []).append(score)
    twins, derived = of.get("twin", []), of["derived"]
    unrelated = twins + of.get("independent", [])
    return {
        "derived": len(derived),
        "independent": len(unrelated),
        "twins": len(twins),
        "auroc": auroc(derived, unrelated),
        "auroc_twins": auroc(derived, twins),
        "weakest_derived": min(derived),
        "strongest_independent": max(unrelated, default=math.nan),
        "above_all": sum(score > max(unrelated, default=math.inf) for score in derived),
    }


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The share of (positive, negative) where the positive is larger, ties counting half."""
    truth = [1] * len(positive) + [0] * len(negative)
    return (
        float(roc_auc_score(truth, [*positive, *negative])) if positive and negative else math.nan
    )


def show(asked: Sequence[Pair], found: Sequence[dict[str, float | str]]) -> None:
    """Median and least score of every change; median and largest of the unrelated pairs."""
    rows: dict[str, list[dict[str, float | str]]] = {}
    for pair, scores in zip(asked, found, strict=True):
        rows.setdefault(pair.change if pair.kind == "derived" else f"[{pair.kind}]", []).append(
            scores
        )
    print(f"{'change':32}{'pairs':>6}", *(f"{name:>26}" for name in SCORES), file=sys.stderr)
    for change, own in sorted(rows.items()):
        values = (np.array([scores[name] for scores in own], dtype=float) for name in SCORES)
        cells = (f"{np.median(v):10.3f} ({v.min():.3f}-{v.max():.3f})" for v in values)
        print(f"{change:32}{len(own):6}", *(f"{cell:>26}" for cell in cells), file=sys.stderr)


if __name__ == "__main__":
    main()
