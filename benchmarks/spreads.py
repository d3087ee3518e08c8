"""Compare distances between std vectors by how well they name families of published models.

    python benchmarks/spreads.py real_tensor_stats.csv.gz [--json]

The file lists the standard deviation of every matrix of 1,247 published models. Every model is left out in turn, and
the nearest other by each distance names its family. Two numbers: the share of models that is named right, and the mean
over families of that share, for most of the models are of one family. A distance with a choice in it is chosen on one
half of the models, by the mean over families, and judged on the other, both ways round. Prints a table, which families
are taken for which, and ends with one JSON line.
"""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from unrelated import std_vectors

FAMILIES = {  # the first that fits a model's name counts
    "marian": "opus-mt", "t5": r"t5|mt5|byt5", "minilm": "MiniLM|msmarco-bert-base-dot", "mpnet": "mpnet",
    "siglip 2": "siglip2", "siglip": "siglip", "owl-vit": "owlvit", "vit": r"[_/-]vit|ViT",
    "electra": "electra", "distilbert": "distilbert|distiluse", "roberta": "roberta|luke",
    "xlm": "xlm|e5-", "miniature bert": "bert_uncased|TinyBERT|bert-tiny", "bge": "bge", "qwen": "Qwen|pplx",
    "bert": "bert", "detr": "detr",
}  # fmt: skip
HALVES = 20  # random splits of the models
OURS = "log ratios and half the scale"  # which ranks families in registry.lineage.training_recipe


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stats", type=Path)
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    options = parser.parse_args()
    names, vectors, families = labelled(std_vectors(options.stats))
    rows = {name: scores(distance(vectors), families) for name, distance in DISTANCES.items()}
    answer = {
        "models": len(names),
        "families": len(set(families)),
        "distances": {
            name: {"models": round(micro, 4), "families": round(macro, 4)}
            for name, (micro, macro) in rows.items()
        },
        "chosen_on_half": chosen_on_half(vectors, families),
        "confused": confused(DISTANCES[OURS](vectors), families),
    }
    if not options.json:
        print(drawn(answer), file=sys.stderr)
    print(json.dumps(answer))


def labelled(found: dict[str, np.ndarray]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, std vectors and families of models whose family has another member."""
    family = {
        name: next((f for f, pattern in FAMILIES.items() if re.search(pattern, name)), None)
        for name in found
    }
    counts = Counter(family.values())
    names = [name for name in found if family[name] and counts[family[name]] > 1]
    return (
        names,
        np.array([found[name] for name in names]),
        np.array([family[name] for name in names]),
    )


def euclidean(points: np.ndarray) -> np.ndarray:
    """Distances of all pairs."""
    return np.sqrt(np.maximum(0, ((points[:, None] - points[None]) ** 2).sum(2)))


def log_ratios(vectors: np.ndarray) -> np.ndarray:
    """Logarithms without their mean: what no common scale changes."""
    logs = np.log(vectors)
    return logs - logs.mean(1, keepdims=True)


def whitened(points: np.ndarray, power: float = 1.0) -> np.ndarray:
    """Along principal axes, each divided by a power of its spread."""
    centred = points - points.mean(0)
    values, axes = np.linalg.eigh(np.cov(centred.T))
    kept = values > 1e-9 * values.max()
    return centred @ axes[:, kept] / values[kept] ** (power / 2)


def with_scale(vectors: np.ndarray, weight: float) -> np.ndarray:
    """Log ratios, and beside them the mean logarithm times a weight: how large all weights are."""
    return np.column_stack([log_ratios(vectors), weight * np.log(vectors).mean(1)])


DISTANCES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "cosine": lambda vectors: 1 - correlation(vectors),
    "log ratios": lambda vectors: euclidean(log_ratios(vectors)),
    "log ratios, by their spread": lambda vectors: euclidean(
        log_ratios(vectors) / log_ratios(vectors).std(0)
    ),
    "log ratios, half whitened": lambda vectors: euclidean(whitened(log_ratios(vectors), 0.5)),
    "log ratios, whitened": lambda vectors: euclidean(whitened(log_ratios(vectors))),
    "log ratios and half the scale": lambda vectors: euclidean(with_scale(vectors, 0.5)),
    "log ratios and the scale": lambda vectors: euclidean(with_scale(vectors, 1.0)),
    "logarithms": lambda vectors: euclidean(np.log(vectors)),
    "logarithms, whitened": lambda vectors: euclidean(whitened(np.log(vectors))),
    "standard deviations": euclidean,
    "over the largest": lambda vectors: euclidean(vectors / vectors.max(1, keepdims=True)),
    "cosine of entries by their spread": lambda vectors: 1 - correlation(vectors / vectors.std(0)),
}


def correlation(points: np.ndarray) -> np.ndarray:
    """Cosines of all pairs of rows."""
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    return unit @ unit.T


def named(distances: np.ndarray, families: np.ndarray) -> np.ndarray:
    """The family of every model's nearest other."""
    apart = distances + np.diag(np.full(len(distances), np.inf))
    return families[apart.argmin(1)]


def scores(
    distances: np.ndarray, families: np.ndarray, own: np.ndarray | None = None
) -> tuple[float, float]:
    """Share of right names over models, and its mean over families; of some of the models alone where given."""
    right = named(distances, families) == families
    kept = np.ones(len(families), bool) if own is None else own
    shares = [right[kept & (families == family)].mean() for family in np.unique(families[kept])]
    return float(right[kept].mean()), float(np.mean(shares))


def chosen_on_half(vectors: np.ndarray, families: np.ndarray) -> dict:
    """How the distance that does best on one half of the models does on the other, and how cosine does there."""
    draw = np.random.default_rng(0)
    tables = {name: distance(vectors) for name, distance in DISTANCES.items()}
    picked, gains, kept = Counter(), [], []
    for _ in range(HALVES):
        half = draw.random(len(families)) < 0.5
        for first, second in ((half, ~half), (~half, half)):
            best = max(tables, key=lambda name: scores(tables[name], families, first)[1])
            picked[best] += 1
            cosine = scores(tables["cosine"], families, second)
            gains.append(np.subtract(scores(tables[best], families, second), cosine))
            kept.append(np.subtract(scores(tables[OURS], families, second), cosine))
    told = {
        "chosen": np.mean(gains, axis=0),
        OURS: np.mean(kept, axis=0),
        "spread": np.std(kept, axis=0),
    }
    return {"picked": dict(picked)} | {
        name: [round(float(v), 4) for v in pair] for name, pair in told.items()
    }


def confused(distances: np.ndarray, families: np.ndarray) -> list[list]:
    """Which families are taken for which, and how often, the most frequent first."""
    wrong = Counter(
        (str(a), str(b))
        for a, b in zip(families, named(distances, families), strict=True)
        if a != b
    )
    return [[*pair, count] for pair, count in wrong.most_common(8)]


def drawn(answer: dict) -> str:
    """The table."""
    lines = [
        f"{answer['models']} models of {answer['families']} families",
        f"{'distance':36} {'models':>7} {'families':>9}",
    ]
    lines += [
        f"{name:36} {row['models']:7.1%} {row['families']:9.1%}"
        for name, row in answer["distances"].items()
    ]
    lines += [f"on halves, gains over cosine (models, families): {answer['chosen_on_half']}"]
    lines += [f"{a} taken for {b}: {count}" for a, b, count in answer["confused"]]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
