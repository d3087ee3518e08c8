"""Measure how close std vectors of unrelated models come: the null of the verdict `same family`.

    python benchmarks/unrelated.py real_tensor_stats.csv.gz

The file lists the standard deviation of every matrix of 1,247 published models (columns model, blob, tensor, rows,
cols, mean, std). Models are grouped by recipe; every pair of recipes counts alike, at most 20 models of each. Prints
rows for registry/lineage/unrelated.toml and ends with one JSON line.
"""

import csv
import gzip
import itertools
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

ROLES = {  # six projections: encoders have no gate
    "query": r"(q_proj|\.q|query|wq|q_lin)\.weight",
    "key": r"(k_proj|\.k|key|k_lin)\.weight",
    "value": r"(v_proj|\.v|value|v_lin)\.weight",
    "output": r"(o_proj|out_proj|\.o|attention\.output\.dense|out_lin)\.weight",
    "up": r"(fc1|up_proj|wi_1|wi_0|\.wi|intermediate\.dense|lin1)\.weight",
    "down": r"(fc2|down_proj|\.wo|layer\.\d+\.output\.dense|lin2)\.weight",
}
RECIPES = (
    "opus-mt", "google/bert_uncased", "google/siglip2", "google/siglip-", "owlvit", r"Qwen1\.5", r"Qwen2\.5", "Qwen3",
    "xglm", "facebook_bart", "pegasus", "^(FacebookAI_)?roberta", "google.electra", "mobilebert", "conv-bert",
    "microsoft_mpnet|all-mpnet", "google/vit", "rembert", "ernie", "detr", "google/t5|^t5", "byt", "^bert-|google-bert",
    "MiniLM", "xlm",
)  # fmt: skip
SHARES = (0.0001, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5)
MOST = 20  # models of one recipe


def main() -> None:
    vectors = {
        name: std / np.linalg.norm(std) for name, std in std_vectors(Path(sys.argv[1])).items()
    }
    distances, weights = between_recipes(vectors)
    order = np.argsort(distances)
    share = weights[order].cumsum() / weights.sum()
    rows = [(s, float(distances[order][np.searchsorted(share, s)])) for s in SHARES]
    for s, distance in rows:
        print(f"    [{s:g}, {distance:.2e}],")
    print(
        json.dumps(
            {
                "models": len(vectors),
                "recipes": len(RECIPES),
                "pairs": len(distances),
                "quantiles": rows,
            }
        )
    )


def std_vectors(path: Path) -> dict[str, np.ndarray]:
    """Std vectors of all models that have the six projections, as they are."""
    sums: dict[str, dict[str, np.ndarray]] = defaultdict(lambda: defaultdict(lambda: np.zeros(3)))
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            count, mean, std = (
                int(row["rows"]) * int(row["cols"]),
                float(row["mean"]),
                float(row["std"]),
            )
            for role, pattern in ROLES.items():
                if re.search(pattern + "$", row["tensor"]):
                    sums[f"{row['model']}@{row['blob']}"][role] += count * np.array(
                        [1, mean, std**2 + mean**2]
                    )
    found = {}
    for model, roles in sums.items():
        variances = [
            roles[r][2] / roles[r][0] - (roles[r][1] / roles[r][0]) ** 2
            for r in ROLES
            if r in roles
        ]
        if len(variances) == len(ROLES) and min(variances) > 0:
            found[model] = np.sqrt(variances)
    return found


def between_recipes(vectors: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Cosine distances of all pairs from two recipes, weighted so that every pair of recipes counts alike."""
    draw = np.random.default_rng(0)
    groups = []
    for recipe in RECIPES:
        own = [vector for model, vector in vectors.items() if re.search(recipe, model)]
        if own:
            groups.append(np.array(own)[draw.permutation(len(own))[:MOST]])
    distances, weights = [], []
    for a, b in itertools.combinations(groups, 2):
        pairs = ((a[:, None] - b[None]) ** 2).sum(2).ravel() / 2
        distances.append(pairs)
        weights.append(np.full(len(pairs), 1 / len(pairs)))
    return np.concatenate(distances), np.concatenate(weights)


if __name__ == "__main__":
    main()
