"""Measure how well verdicts separate derived from independent models, on a zoo of tiny models.

    python benchmarks/lineage.py ZOO [--json] [--calibrate] [--peers VENV]

ZOO is a folder that `python -m zoo ZOO` (run from benchmarks/) fills in 40 minutes on two cores; what is missing is
made first. Thresholds come from the calibration split alone; the table is of the test split. --calibrate prints
calibration.toml instead. --peers also runs Model Provenance Kit and modelDNA on the same files, in a virtual
environment that is made in VENV. Ends with one JSON line.
"""

import argparse
import itertools
import json
import pickle
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from registry import Registry, fingerprint
from registry.architectures.roles import PROJECTIONS
from registry.database.embedded.server import Server
from registry.errors import CannotSplit
from registry.fingerprints.record import Fingerprint
from registry.lineage.comparison import ModelComparison
from registry.lineage.features import ModelFeatures
from registry.lineage.judgement import judge
from registry.lineage.spectra import closeness, spectral_distance
from registry.lineage.training_recipe import recipe_distance, recipe_profile
from registry.lineage.vector_distances import cosine_distance

DEPTHS = 32  # points that a curve over the layers is read at
SIDE = 16  # standard deviations of a cosine of 1 between two sketches under independence
# Of a model of 7 billion parameters in bf16 (32 layers of 4096 x 11008, 13.48 GB): the first 4,096 values of 224
# tensors, the embeddings of 64 tokens and 65 norms; output and value of one layer.
LARGE_START = (224 * 4096 + 64 * 4096 + 65 * 4096) * 2 / 13.48e9
LARGE_BRANCH = 2 * 4096 * 4096 * 2 / 13.48e9
TAIL = 0.05  # share of independent pairs that a tail is fitted to
LEAST_SCALE = {"spectra": 0.1}  # models of few matrices spread more than those of the zoo
UNTRAINED = 24  # random models
DRAWN = 400  # independent pairs that the peers are asked about
SPLITS = ("calibration", "development", "test", "crs")


@dataclass(frozen=True)
class Pair:
    """A model and a root: whether it is derived from it, and what the comparison gives."""

    name: str
    root: str
    change: str
    derived: bool
    split: str
    twins: bool
    numbers: dict[str, float]
    score: float
    verdict: str
    likeness: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("zoo", type=Path)
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    parser.add_argument("--calibrate", action="store_true", help="print calibration.toml")
    parser.add_argument(
        "--peers", type=Path, metavar="VENV", help="run the peers too, in this folder's environment"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    models = json.loads((options.zoo / "manifest.json").read_text())
    prints = fingerprints(options.zoo, models)
    pairs = compared(models, prints)
    if options.calibrate:
        print(calibration([p for p in pairs if p.split == "calibration"]))
        fits = adapters([m for m in models if m["split"] in ("calibration", "development")], prints)
        print(tail("fit", np.array(fits["independent"])))
        return
    answer = measured(models, prints, pairs) | quick(options.zoo, models)
    if options.peers:
        answer["peers"] = peers(options.zoo, models, pairs, options.peers)
    if not options.json:
        report(pairs, answer)
    print(json.dumps(answer))


# --- fingerprints and pairs -----------------------------------------------------------------------------------


def fingerprints(zoo: Path, models: list[dict]) -> dict[str, Fingerprint]:
    """Of all models but adapters, kept beside the zoo."""
    store = zoo / "fingerprints.pickle"
    known: dict[str, Fingerprint] = pickle.loads(store.read_bytes()) if store.exists() else {}  # noqa: S301  # our own
    missing = [m for m in models if m["name"] not in known]
    with ProcessPoolExecutor() as pool:
        found = pool.map(one, [zoo / m["folder"] for m in missing], chunksize=8)
        known |= {m["name"]: each for m, each in zip(missing, found, strict=True)}
    store.write_bytes(pickle.dumps(known))
    return known


def one(folder: Path) -> Fingerprint | None:
    """Fingerprint a folder; None for adapters of fused projections whose number of heads is unknown."""
    torch.set_num_threads(1)
    try:
        return fingerprint(folder, rank=16, threads=1)
    except CannotSplit:
        return None


def compared(models: list[dict], prints: dict[str, Fingerprint]) -> list[Pair]:
    """Compare every model with every root of its split, without runs from the same initial weights."""
    features = {
        m["name"]: ModelFeatures.of(prints[m["name"]]) for m in models if m["change"] != "adapter"
    }
    roots = [m for m in models if m["change"] == "root"]
    wanted = []
    for m in models:
        for root in roots:
            same = m["root"] == root["root"]
            if (
                m["change"] != "adapter"
                and m["split"] == root["split"]
                and not (same and m["change"] == "root")
            ):
                if m["change"] == "root" and m["root"] > root["root"]:
                    continue  # each pair of roots once
                wanted.append((m, root, same))
    return [
        pair(m, root, features, prints, same=same) for m, root, same in wanted if not near(m, root)
    ]


def near(m: dict, root: dict) -> bool:
    """Whether two models grew from the same initial weights in another order of the data."""
    return m["near_twin_of"] == root["root"] or root["near_twin_of"] == m["root"]


def pair(
    m: dict,
    root: dict,
    features: dict[str, ModelFeatures],
    prints: dict[str, Fingerprint],
    *,
    same: bool,
) -> Pair:
    found = ModelComparison(features[m["name"]], features[root["name"]])
    likeness = max((each.similarity for each in found.alignments.values()), default=0.0)
    twins = m["family"] == root["family"] and m["size"] == root["size"] and not same
    verdict = judge(found, root["root"], root["family"]).verdict
    change = m["change"]
    return Pair(
        m["name"],
        root["root"],
        change,
        same,
        m["split"],
        twins,
        extra(found, prints[m["name"]], prints[root["name"]]),
        found.score,
        verdict,
        likeness,
    )


def extra(found: ModelComparison, a: Fingerprint, b: Fingerprint) -> dict[str, float]:
    """The numbers that decide, and others that were tried, each larger for relatives."""
    numbers = dict(found.numbers)
    if a.start and b.start:
        numbers["start"] = SIDE * float(np.dot(a.start, b.start))
    numbers["layer"] = SIDE * max(best_layer(found, kind) for kind in found.alignments)
    numbers["weights"] = float(np.mean(list(found.changes.cosines.values()) or [0.0]))
    numbers["moment curves"] = curves(a, b)
    numbers["std vector"] = -cosine_distance(a.std_vector, b.std_vector)
    one, other = (np.array(each.clusterings[0].vector) for each in (a, b))
    numbers["clustering vector"] = float(
        one @ other / (np.linalg.norm(one) * np.linalg.norm(other) or 1.0)
    )
    return numbers


def best_layer(found: ModelComparison, kind: str) -> float:
    """The largest cosine of one branch of the middle layer, which a quick look reads first, with any layer's."""
    a, b = (features.sketches.tables[kind, "attention"] for features in (found.a, found.b))
    if not a.any() or not b.any():
        a, b = (features.sketches.tables[kind, "mlp"] for features in (found.a, found.b))
    return float((a[len(a) // 2] @ b.T).max())


def curves(a: Fingerprint, b: Fingerprint) -> float:
    """Mean correlation of the curves of std, skewness and kurtosis over depth."""
    found = []
    ones, others = (moment_curves(each).reshape(-1, DEPTHS) for each in (a, b))
    for one, other in zip(ones, others, strict=True):
        if not np.isnan(one + other).any() and one.std() and other.std():
            found.append(np.corrcoef(one, other)[0, 1])
    return float(np.mean(found)) if found else 0.0


def moment_curves(fingerprint: Fingerprint) -> np.ndarray:
    """std, skewness and kurtosis of every projection over depth: 7 x 3 x DEPTHS, NaN where it is missing."""
    return np.array([curve(fingerprint, projection) for projection in PROJECTIONS])


def curve(fingerprint: Fingerprint, projection: str) -> np.ndarray:
    """Those of one projection: 3 x DEPTHS, the mean where a layer has several matrices."""
    own = [m for m in fingerprint.matrices if m.projection == projection and m.kurtosis is not None]
    if not own:
        return np.full((3, DEPTHS), np.nan)
    rows = np.array([(m.layer, m.std, m.skewness, m.kurtosis) for m in own], float)
    layers = np.unique(rows[:, 0])
    means = np.array([rows[rows[:, 0] == layer, 1:].mean(0) for layer in layers])
    at = np.linspace(0, len(layers) - 1, DEPTHS)
    return np.array([np.interp(at, np.arange(len(layers)), column) for column in means.T])


# --- what is measured -----------------------------------------------------------------------------------------


def calibration(pairs: list[Pair]) -> str:
    """The tails of independent pairs, as registry/lineage/calibration.toml has them."""
    unrelated = [p.numbers for p in pairs if not p.derived] + [
        {"spectra": value} for value in untrained()
    ]
    kinds = ("stream", "token", "spectra", "start", "layer")
    return "\n".join(
        tail(kind, np.array([own[kind] for own in unrelated if kind in own])) for kind in kinds
    )


def untrained() -> list[float]:
    """How close the spectra of random models are: closer than trained ones', and they must not pass for kin."""
    draw = np.random.default_rng(0)
    shapes = {
        p: (256 if p in ("gate", "up") else 96, 256 if p == "down" else 96) for p in PROJECTIONS
    }

    def layer() -> dict:
        spots = {}
        for projection, (rows, cols) in shapes.items():
            values = np.linalg.svd(draw.standard_normal((rows, cols)), compute_uv=False)[:16]
            spots[projection, -1, 0] = SimpleNamespace(
                rows=rows, cols=cols, singular_values=tuple(values)
            )
        return spots

    models = [SimpleNamespace(layers=[layer() for _ in range(4)]) for _ in range(UNTRAINED)]
    return [closeness(spectral_distance(a, b)) for a, b in itertools.combinations(models, 2)]


def tail(kind: str, values: np.ndarray) -> str:
    """One of its blocks."""
    start = float(np.quantile(values, 1 - TAIL))
    scale = max(LEAST_SCALE.get(kind, 0.0), float((values[values > start] - start).mean()))
    numbers = f"pairs = {len(values)}\nabove = {TAIL}\nstart = {start:.3f}\nscale = {scale:.3f}\n"
    return f"[{kind}]\n{numbers}strongest = {values.max():.3f}\n"


def measured(models: list[dict], prints: dict[str, Fingerprint], pairs: list[Pair]) -> dict:
    test = [p for p in pairs if p.split == "test"]
    null = np.array(
        [p.score for p in pairs if not p.derived and p.split in ("calibration", "development")]
    )
    derived = [p for p in test if p.derived]
    strongest = max(p.score for p in test if not p.derived)
    threshold = float(np.quantile(null, 0.999))
    return {
        "derived": len(derived),
        "independent": len(test) - len(derived),
        "null_pairs": len(null),
        "auroc": auroc(test, lambda p: p.score),
        "auroc_twins": auroc([p for p in test if p.derived or p.twins], lambda p: p.score),
        "auroc_by_split": {
            s: auroc([p for p in pairs if p.split == s], lambda p: p.score) for s in SPLITS
        },
        "weakest_derived": min(p.score for p in derived),
        "strongest_independent": strongest,
        "missed": sorted(p.name for p in derived if p.score <= strongest),
        "tpr_at_1e-3": float(np.mean([p.score > threshold for p in derived])),
        "top1_base": top1(test),
        "unknown_called_unknown": float(
            np.mean([p.verdict not in RELATED for p in test if not p.derived])
        ),
        "evidence_alone": {kind: auroc_of(test, kind) for kind in test[0].numbers},
        "family_of_another_size": other_sizes(models, prints),
        "near_twins": near_twins(models, prints),
        "adapters": summary(adapters(models, prints)),
    }


RELATED = ("same weights", "quantised copy", "derived")


def auroc(pairs: Iterable[Pair], value: Callable[[Pair], float]) -> float:
    pairs = list(pairs)
    return (
        float(roc_auc_score([p.derived for p in pairs], [value(p) for p in pairs]))
        if pairs
        else float("nan")
    )


def auroc_of(pairs: list[Pair], kind: str) -> float:
    """AUROC of one kind of evidence alone; pairs without it are ordered at random."""
    lowest = min(p.numbers[kind] for p in pairs if kind in p.numbers)
    return auroc(pairs, lambda p: p.numbers.get(kind, lowest))


def top1(pairs: list[Pair]) -> float:
    """Share of derived models whose own root is the one that is named, among all roots of the split."""
    by_name: dict[str, list[Pair]] = defaultdict(list)
    for p in pairs:
        by_name[p.name].append(p)
    children = [own for own in by_name.values() if any(p.derived for p in own)]
    return float(
        np.mean(
            [max(own, key=lambda p: (p.verdict in RELATED, p.likeness)).derived for own in children]
        )
    )


def other_sizes(models: list[dict], prints: dict[str, Fingerprint]) -> dict[str, float]:
    """Share of roots whose nearest root of another size is of their family: by each of three ways."""
    roots = [
        m for m in models if m["change"] == "root" and m["split"] != "crs" and not m["near_twin_of"]
    ]
    ways: dict[str, Callable[[Fingerprint, Fingerprint], float]] = {
        "std vector": lambda a, b: -cosine_distance(a.std_vector, b.std_vector),
        "moment curves": curves,
        "profile of singular values": lambda a, b: (
            -recipe_distance(recipe_profile(a.matrices), recipe_profile(b.matrices))
        ),
    }
    found = {}
    for way, likeness in ways.items():
        right = []
        for m in roots:
            others = [o for o in roots if o["size"] != m["size"]]
            if any(o["family"] == m["family"] for o in others):
                best = max(others, key=lambda o: likeness(prints[m["name"]], prints[o["name"]]))
                right.append(best["family"] == m["family"])
        found[way] = float(np.mean(right))
    return found


def near_twins(models: list[dict], prints: dict[str, Fingerprint]) -> dict[str, float]:
    """Scores of models with the same initial weights and another order of the data."""
    twins = [m for m in models if m["change"] == "root" and m["near_twin_of"]]
    return {
        m["name"]: ModelComparison.of(prints[m["name"]], prints[f"{m['near_twin_of']}/root"]).score
        for m in twins
    }


def adapters(models: list[dict], prints: dict[str, Fingerprint]) -> dict:
    """How adapters fit their own base and others of the same shapes, in standard deviations."""
    from registry.lineage.adapter_base import direction_agreement, fits_shapes  # noqa: PLC0415

    own, others, first = [], [], []
    roots = [m for m in models if m["change"] == "root"]
    for m in models:
        if m["change"] == "adapter" and prints[m["name"]]:
            fits = {r["root"]: direction_agreement(prints[m["name"]].spaces, prints[r["name"]].spaces) for r in roots
                    if fits_shapes(prints[m["name"]], prints[r["name"]]) and not near(m, r)}  # fmt: skip
            rest = [z for root, z in fits.items() if root != m["root"]]
            own.append(fits[m["root"]])
            others += rest
            first += [fits[m["root"]] > max(rest)] if rest else []
    return {"own": own, "independent": others, "right_base_first": float(np.mean(first))}


def summary(fits: dict) -> dict[str, float]:
    """Of adapters on their own bases and on others of the same shapes."""
    own, others = fits["own"], fits["independent"]
    return {
        "adapters": len(own), "pairs": len(others), "weakest_own": min(own), "median_own": float(np.median(own)),
        "strongest_independent": max(others), "right_base_first": fits["right_base_first"],
    }  # fmt: skip


def quick(zoo: Path, models: list[dict]) -> dict[str, float]:
    """Whether a quick look names the same base as the whole, and what it reads; what it would read at 7B's shapes."""
    right, shares, large = [], [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Path(folder)).connected() as url,
        Registry(url) as known,
    ):
        for m in models:
            if m["change"] == "root" and not m["near_twin_of"] and m["split"] == "test":
                known.ingest(zoo / m["folder"], name=m["root"], family=m["family"])
        for m in models:
            if (
                m["change"] not in ("root", "adapter")
                and not m["near_twin_of"]
                and m["split"] == "test"
            ):
                verdict, glimpse = known.identify_quickly(zoo / m["folder"])
                right.append(verdict.model == m["root"])
                shares.append(glimpse.read / glimpse.total)
                large.append(LARGE_START + LARGE_BRANCH * glimpse.looked)
    return {
        "quick_agreement": float(np.mean(right)), "quick_share_of_bytes": float(np.median(large)),
        "quick_most_of_bytes": float(np.max(large)), "quick_share_here": float(np.median(shares)),
    }  # fmt: skip


def peers(zoo: Path, models: list[dict], pairs: list[Pair], folder: Path) -> dict:
    """The peers on all derived pairs of the test split and 400 independent ones, and ours on the same."""
    from zoo.peers import SCORES, compare, environment  # noqa: PLC0415

    folders = {m["name"]: zoo / m["folder"] for m in models}
    test = [p for p in pairs if p.split == "test"]
    drawn = (
        np.random.default_rng(0)
        .permutation([i for i, p in enumerate(test) if not p.derived])[:DRAWN]
        .tolist()
    )
    chosen = [p for i, p in enumerate(test) if p.derived or i in drawn]
    named = [(folders[p.name], folders[f"{p.root}/root"]) for p in chosen]
    said = list(compare(environment(folder), named))
    values = {peer: [float(each.get(peer) or 0.0) for each in said] for peer in SCORES}
    return {
        peer: rated(chosen, own)
        for peer, own in (values | {"registry": [p.score for p in chosen]}).items()
    }


def rated(pairs: list[Pair], values: list[float]) -> dict[str, float]:
    """AUROC, that against independent runs of one recipe alone, and derived pairs not above every independent one."""
    both = list(zip(pairs, values, strict=True))
    twins = [(p, v) for p, v in both if p.derived or p.twins]
    strongest = max(v for p, v in both if not p.derived)
    return {
        "auroc": float(roc_auc_score([p.derived for p, _ in both], values)),
        "auroc_twins": float(roc_auc_score([p.derived for p, _ in twins], [v for _, v in twins])),
        "missed": sum(v <= strongest for p, v in both if p.derived),
        "pairs": len(both),
    }


def report(pairs: list[Pair], answer: dict) -> None:
    """Per change the weakest pair, and what was measured."""
    rows: dict[str, list[Pair]] = defaultdict(list)
    for p in (p for p in pairs if p.derived):
        rows[p.change].append(p)
    for change, own in sorted(rows.items(), key=lambda row: min(p.score for p in row[1])):
        weakest = min(own, key=lambda p: p.score)
        kinds = {k: v for k, v in weakest.numbers.items() if k in ("stream", "token", "spectra")}
        numbers = ", ".join(f"{kind} {value:.1f}" for kind, value in kinds.items())
        print(
            f"{change:32} {len(own):3} weakest {weakest.score:6.1f} ({weakest.name}: {numbers})",
            file=sys.stderr,
        )
    for p in sorted((p for p in pairs if not p.derived), key=lambda p: -p.score)[:5]:
        print(f"independent {p.score:5.1f} {p.name} {p.root}", file=sys.stderr)
    for name, value in answer.items():
        print(f"{name}: {value}", file=sys.stderr)


if __name__ == "__main__":
    main()
