"""What else a zoo shows: evidence by itself, families, near twins, adapters, quick looks, and the peers."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from peer_environment import environment
from sklearn.metrics import roc_auc_score
from zoo.peers import SCORES, compare

from registry import Registry
from registry.architectures.roles import PROJECTIONS
from registry.database.embedded.server import Server
from registry.fingerprints.record import Fingerprint
from registry.lineage.adapter_base import direction_agreement, fits_shapes
from registry.lineage.comparison import ModelComparison
from registry.lineage.training_recipe import recipe_distance, recipe_profile
from registry.lineage.vector_distances import cosine_distance
from verdicts.pairs import Pair
from verdicts.zoo_models import Zoo, near_twins, roots_of

DEPTHS = 32  # points that a curve over the layers is read at
# Of a model of 7 billion parameters in bf16 (32 layers of 4096 x 11008, 13.48 GB): the first 4,096 values of 224
# tensors, the embeddings of 64 tokens and 65 norms; output and value of one layer.
LARGE_START = (224 * 4096 + 64 * 4096 + 65 * 4096) * 2 / 13.48e9
LARGE_BRANCH = 2 * 4096 * 4096 * 2 / 13.48e9
DRAWN = 400  # independent pairs, and derived ones at most, that the peers and what was tried are asked about
LOOKED = 120  # models that a quick look is taken at


# --- evidence by itself ---------------------------------------------------------------------------------------


def auroc(pairs: Iterable[Pair], value: Callable[[Pair], float]) -> float:
    """Return the share of (derived, independent) where the derived pair has more, ties counting half."""
    both = list(pairs)
    truth = [pair.derived for pair in both]
    if len(set(truth)) < 2:
        return float("nan")
    return float(roc_auc_score(truth, [value(pair) for pair in both]))


def score_of(pair: Pair) -> float:
    """Return a pair's score."""
    return pair.score


def evidence_alone(pairs: Sequence[Pair]) -> dict[str, float]:
    """Return the AUROC of each kind that decides, by its p-value and then its number; without it a pair comes last."""
    kinds = sorted({kind for pair in pairs for kind in pair.p_values})
    return {kind: auroc(pairs, lambda pair, kind=kind: strength(pair, kind)) for kind in kinds}


def strength(pair: Pair, kind: str) -> float:
    """Return a number that orders pairs by one kind: -log10 p, and below that the number itself."""
    if kind not in pair.p_values:
        return -1.0
    number = 1 / (1 + np.exp(-pair.numbers[kind]))
    return float(-np.log10(max(pair.p_values[kind], 1e-300)) + 1e-6 * number)


def tried(zoo: Zoo, pairs: Sequence[Pair]) -> dict[str, float]:
    """Return the AUROC of numbers that do not decide, on a draw of the pairs."""
    chosen = draw(pairs)
    rows = [recipe_numbers(zoo, pair) for pair in chosen]
    truth = [pair.derived for pair in chosen]
    return {name: float(roc_auc_score(truth, [row[name] for row in rows])) for name in rows[0]}


def recipe_numbers(zoo: Zoo, pair: Pair) -> dict[str, float]:
    """Return numbers of a recipe and of the weights themselves, larger for relatives."""
    a, b = zoo.prints[pair.asked.model], zoo.prints[pair.asked.other]
    assert a is not None
    assert b is not None
    comparison = ModelComparison(zoo.features[pair.asked.model], zoo.features[pair.asked.other])
    one, other = (np.array(each.clusterings[0].vector) for each in (a, b))
    size = min(len(one), len(other))
    one, other = one[:size], other[:size]
    length = np.linalg.norm(one) * np.linalg.norm(other) or 1.0
    std = comparison.std_distance
    return {
        "weights": float(np.mean(list(comparison.changes.cosines.values()) or [0.0])),
        "moment curves": curves(a, b),
        "std vector": -1.0 if std is None else -std,
        "clustering vector": float(one @ other / length),
    }


def curves(a: Fingerprint, b: Fingerprint) -> float:
    """Return the mean correlation of the curves of std, skewness and kurtosis over depth."""
    correlations = []
    ones, others = (moment_curves(each).reshape(-1, DEPTHS) for each in (a, b))
    for one, other in zip(ones, others, strict=True):
        if not np.isnan(one + other).any() and one.std() and other.std():
            correlations.append(np.corrcoef(one, other)[0, 1])
    return float(np.mean(correlations)) if correlations else 0.0


def moment_curves(fingerprint: Fingerprint) -> np.ndarray:
    """Return std, skewness and kurtosis of every projection over depth: 7 x 3 x DEPTHS, NaN where it is missing."""
    return np.array([curve(fingerprint, projection) for projection in PROJECTIONS])


def curve(fingerprint: Fingerprint, projection: str) -> np.ndarray:
    """Return those of one projection: 3 x DEPTHS, the mean where a layer has several matrices."""
    every = [matrix for matrix in fingerprint.matrices if matrix.projection == projection]
    matrices = [matrix for matrix in every if matrix.kurtosis is not None]
    if not matrices:
        return np.full((3, DEPTHS), np.nan)
    rows = np.array([(m.layer, m.std, m.skewness, m.kurtosis) for m in matrices], float)
    layers = np.unique(rows[:, 0])
    means = np.array([rows[rows[:, 0] == layer, 1:].mean(0) for layer in layers])
    at = np.linspace(0, len(layers) - 1, DEPTHS)
    return np.array([np.interp(at, np.arange(len(layers)), column) for column in means.T])


# --- families, near twins, adapters ---------------------------------------------------------------------------


def other_sizes(zoo: Zoo) -> dict[str, float]:
    """Return the share of roots whose nearest root of another size is of their family: by each of three ways."""
    trained = [model for model in roots_of(zoo.models.values()) if model.kind == "trained"]
    roots = [m for m in trained if m.split != "crs" and m.beginning == m.root]
    ways: dict[str, Callable[[Fingerprint, Fingerprint], float]] = {
        "std vector": lambda a, b: -cosine_distance(a.std_vector, b.std_vector),
        "moment curves": curves,
        "profile of singular values": lambda a, b: (
            -recipe_distance(recipe_profile(a.matrices), recipe_profile(b.matrices))
        ),
    }
    shares = {}
    for way, likeness in ways.items():
        right = []
        for model in roots:
            others = [other for other in roots if other.size != model.size]
            if not any(other.family == model.family for other in others):
                continue
            likenesses = [likeness(zoo.prints[model.name], zoo.prints[o.name]) for o in others]
            right.append(others[int(np.argmax(likenesses))].family == model.family)
        shares[way] = float(np.mean(right))
    return shares


def near_twin_scores(zoo: Zoo) -> dict[str, float]:
    """Return scores of models with the same first weights and another order of the data."""
    scores = {}
    for model in roots_of(zoo.models.values()):
        if model.beginning != model.root:
            base = zoo.features[f"{model.beginning}/root"]
            scores[model.name] = ModelComparison(zoo.features[model.name], base).score
    return scores


def adapter_fits(zoo: Zoo, splits: Sequence[str]) -> dict[str, list]:
    """Return how adapters fit their own base and others of the same shapes, in standard deviations."""
    fits: dict[str, list] = {"base": [], "independent": [], "right_base_first": []}
    roots = roots_of(zoo.models.values())
    for adapter in zoo.adapters:
        if adapter.split not in splits:
            continue
        mine = zoo.prints[adapter.name]
        by_root = {}
        for root in roots:
            theirs = zoo.prints[root.name]
            if fits_shapes(mine, theirs) and not near_twins(adapter, root):
                by_root[root.root] = direction_agreement(mine.spaces, theirs.spaces)
        rest = [z for root, z in by_root.items() if root != adapter.root]
        if adapter.root not in by_root:
            continue
        fits["base"].append(by_root[adapter.root])
        fits["independent"] += rest
        fits["right_base_first"] += [by_root[adapter.root] > max(rest)] if rest else []
    return fits


def adapters(zoo: Zoo) -> dict[str, float]:
    """Return the fits of adapters of the whole zoo to their own bases and to others of the same shapes."""
    fits = adapter_fits(zoo, ("calibration", "development", "test", "crs"))
    return {
        "adapters": len(fits["base"]),
        "pairs": len(fits["independent"]),
        "weakest_own": min(fits["base"]),
        "median_own": float(np.median(fits["base"])),
        "strongest_independent": max(fits["independent"]),
        "right_base_first": float(np.mean(fits["right_base_first"])),
    }


# --- quick looks and peers ------------------------------------------------------------------------------------


def quick(zoo: Zoo) -> dict[str, float]:
    """Return whether a quick look names the same base as the whole, and what it reads; what it would read of a 7B."""
    test = [model for model in zoo.of_split("test") if model.beginning == model.root]
    children = [model for model in test if not model.is_root]
    places = np.random.default_rng(0).permutation(len(children))[:LOOKED]
    right, shares, large = [], [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Path(folder)).connected() as url,
        Registry(url) as known,
    ):
        for root in roots_of(test):
            known.ingest(zoo.folder / root.folder, name=root.root, family=root.family)
        for place in sorted(places.tolist()):
            model = children[place]
            verdict, glimpse = known.identify_quickly(zoo.folder / model.folder)
            right.append(verdict.model in model.roots)
            shares.append(glimpse.read / glimpse.total)
            large.append(LARGE_START + LARGE_BRANCH * glimpse.looked)
    return {
        "quick_agreement": float(np.mean(right)),
        "quick_share_of_bytes": float(np.median(large)),
        "quick_most_of_bytes": float(np.max(large)),
        "quick_share_here": float(np.median(shares)),
    }


def draw(pairs: Sequence[Pair], number: int = DRAWN) -> list[Pair]:
    """Return so many independent pairs and derived pairs at most, drawn with a fixed seed."""
    chosen = []
    random = np.random.default_rng(0)
    for derived in (True, False):
        places = [place for place, pair in enumerate(pairs) if pair.derived == derived]
        kept = sorted(random.permutation(len(places))[:number].tolist())
        chosen += [pairs[places[place]] for place in kept]
    return chosen


def peers(zoo: Zoo, pairs: Sequence[Pair], folder: Path) -> dict[str, dict[str, float]]:
    """Return what the peers give on drawn pairs of the test split, and ours on the same."""
    chosen = draw(pairs)
    folders = []
    for pair in chosen:
        names = pair.asked.model, pair.asked.other
        folders.append(tuple(zoo.folder / zoo.models[name].folder for name in names))
    answers = list(compare(environment(folder), folders))
    table = {}
    for peer in SCORES:
        values = [float(answer.get(peer) or 0.0) for answer in answers]
        table[peer] = rated(chosen, values)
    return table | {"registry": rated(chosen, [pair.score for pair in chosen])}


def rated(pairs: Sequence[Pair], values: Sequence[float]) -> dict[str, float]:
    """Return AUROC, that against independent runs of one recipe, and derived pairs not above every independent one."""
    truth = [pair.derived for pair in pairs]
    both = list(zip(pairs, values, strict=True))
    twins = [(p, v) for p, v in both if p.derived or p.asked.hardness == "twins"]
    strongest = max(value for pair, value in both if not pair.derived)
    rates = {
        "auroc": float(roc_auc_score(truth, values)),
        "missed": sum(value <= strongest for pair, value in both if pair.derived),
        "pairs": len(both),
    }
    if any(not pair.derived for pair, _ in twins):
        scores = [value for _, value in twins]
        rates["auroc_twins"] = float(roc_auc_score([p.derived for p, _ in twins], scores))
    return rates
