"""registry.fingerprints.compute: the fingerprint against the slow obvious way."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from architectures import ARCHITECTURES, MEASURED
from checkpoints_made import llama, write_folder, write_shards
from gguf.constants import GGMLQuantizationType as Kind
from gguf_made import converted
from gguf_made import write as write_gguf
from hub_client import client
from hub_server import Hub
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from registry.architectures.layout import layout_of
from registry.architectures.roles import PROJECTIONS
from registry.checkpoints import open_checkpoint
from registry.errors import NonFiniteWeights, NoProjections, UnknownRank, ZeroMatrices
from registry.fingerprints import meter as measuring
from registry.fingerprints.compute import compute
from registry.fingerprints.record import RANKS, Fingerprint
from registry.numerics import spectrum
from registry.numerics.spectrum import TOLERANCE, Spectrum


def fingerprint(source: object, **options: object) -> Fingerprint:
    return compute(open_checkpoint(source), **options)


def matrices(source: object) -> list[tuple[str, np.ndarray]]:
    """All projections in float64, in the order of layers."""
    checkpoint = open_checkpoint(source)
    found = [
        (site.layer, PROJECTIONS.index(p), matrix.double().numpy())
        for site in layout_of(checkpoint).projections
        for p, matrix in zip(site.parts, site.cut(site.entry.load()), strict=True)
    ]
    return [(PROJECTIONS[i], matrix) for _, i, matrix in sorted(found, key=lambda row: row[:2])]


@threadpool_limits.wrap(limits=1)
def check_against_numpy(source: object) -> None:
    """Std vectors to 1e-9 against the concatenated weights, labels against a dense SVD and sklearn's best K-Means."""
    found, own = fingerprint(source), matrices(source)
    for projection, std in zip(PROJECTIONS, found.std, strict=True):
        weights = [m.ravel() for p, m in own if p == projection]
        assert std == (pytest.approx(np.concatenate(weights).std(), rel=1e-9) if weights else 0.0)
        assert (projection in found.projections) == bool(weights)
    for clustering in found.clusterings:
        rows = np.zeros((len(own), clustering.rank))
        for row, (_, m) in zip(rows, own, strict=True):
            values = np.linalg.svd(m, compute_uv=False)[: clustering.rank]
            row[: len(values)] = values / np.linalg.norm(values)
        fits = [KMeans(2, n_init=10, random_state=seed).fit(rows) for seed in range(5)]
        best = min(fits, key=lambda fit: fit.inertia_)
        labels = np.array(clustering.labels)
        if clustering.inertia > best.inertia_ * (1 - 1e-9):  # else ours is the better partition
            assert len(set(zip(labels.tolist(), best.labels_.tolist(), strict=True))) == 2
        assert clustering.inertia <= best.inertia_ * (1 + 1e-9)
        means = [
            labels[[q == p for q, _ in own]].mean() if p in found.projections else 0.0
            for p in PROJECTIONS
        ]
        assert clustering.vector == pytest.approx(means)
        assert clustering.vector[0] >= 0.5


@pytest.mark.parametrize("name", MEASURED)
def test_every_way_of_cutting(tmp_path, name):
    """The fingerprint of a tiny random model equals numpy's."""
    torch.manual_seed(3)
    model = ARCHITECTURES[name].build()
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter.mul_(1 + i % 5)
    if hasattr(model, "save_pretrained"):
        model.to(torch.bfloat16).save_pretrained(tmp_path)
    else:
        torch.save(model.state_dict(), tmp_path / "model.pt")
    check_against_numpy(tmp_path)


@pytest.mark.slow
def test_real_checkpoints(data):
    """So do the fingerprints of other people's checkpoints."""
    for folder in sorted(data.glob("checkpoints/*")):
        check_against_numpy(folder)


def test_the_file_layout_does_not_matter(tmp_path):
    """One file, shards, pickles, a wrapped pickle and a copy in a wider type: one fingerprint, bit for bit."""
    tensors = {name: tensor.bfloat16() for name, tensor in llama().items()}
    sources = [write_folder(tmp_path / "a", tensors), write_shards(tmp_path / "b", tensors, 3)]
    for name, content in {"c": tensors, "d": {"model": tensors, "step": torch.tensor(3.0)}}.items():
        sources.append(tmp_path / f"{name}.bin")
        torch.save(content, sources[-1])
    found = [fingerprint(source) for source in sources]
    assert found[0] == found[1] == found[2]
    assert (found[3].digest, found[3].std, found[3].clusterings) == (
        found[0].digest,
        found[0].std,
        found[0].clusterings,
    )
    wide = fingerprint(
        write_folder(tmp_path / "e", {name: t.float() for name, t in tensors.items()})
    )
    assert (wide.digest, wide.std, wide.dtype) == (found[0].digest, found[0].std, "float32")


@pytest.fixture(scope="module")
def formats(tmp_path_factory) -> dict[str, Fingerprint]:
    """One tiny model in float16, in every format and through a hub; and quantised."""
    folder = tmp_path_factory.mktemp("formats")
    tensors = {name: tensor.half() for name, tensor in llama(hidden=64, inner=96, keys=32).items()}
    sources = {
        "safetensors": write_folder(folder / "one", tensors),
        "with its heads": write_folder(folder / "two", tensors, {"num_key_value_heads": 2}),
        "sharded": write_shards(folder / "shards", tensors, 3),
        "sharded .bin": write_pickles(folder / "pickles", tensors),
        "GGUF": write_gguf(folder / "model.gguf", converted(tensors, Kind.F16)),
        "Q8_0": write_gguf(folder / "small.gguf", converted(tensors, Kind.Q8_0)),
    }
    found = {name: fingerprint(source) for name, source in sources.items()}
    return found | {"hub": through_a_hub(sources["sharded"], folder / "cache")}


def write_pickles(folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    """Sharded .bin files with their index."""
    folder.mkdir()
    places = {name: f"pytorch_model-{i % 2 + 1:05d}-of-00002.bin" for i, name in enumerate(tensors)}
    for shard in set(places.values()):
        torch.save(
            {name: tensors[name] for name in tensors if places[name] == shard}, folder / shard
        )
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))
    return folder


def through_a_hub(folder: Path, cache: Path) -> Fingerprint:
    """The fingerprint as the hub's real client reads the files, from a hub on this machine."""
    with Hub() as hub, client(hub.url, cache):
        hub.add("org/model", {path.name: path.read_bytes() for path in folder.iterdir()})
        return fingerprint("org/model")


def nameless(found: Fingerprint) -> Fingerprint:
    """Without the tensors' names, which GGUF has of its own."""
    matrices = tuple(replace(matrix, tensor="") for matrix in found.matrices)
    tensors = [replace(tensor, name="") for tensor in found.tensors]
    by_value = sorted(tensors, key=lambda tensor: (tensor.layer or -1, tensor.digest))
    return replace(found, matrices=matrices, tensors=tuple(by_value), ledger=())


@pytest.mark.parametrize("name", ["sharded", "sharded .bin", "hub"])
def test_one_model_has_one_fingerprint(formats, name):
    """However it is stored and wherever it lies, bit for bit."""
    assert formats[name] == formats["safetensors"]


def test_gguf_has_the_same_fingerprint(formats):
    """In float16 all but the names, bit for bit; its header says how many heads there are."""
    assert nameless(formats["GGUF"]) == nameless(formats["with its heads"])


def test_q8_0_is_near(formats):
    """Standard deviations and singular values move by no more than the rounding of the weights can move them.

    Q8_0 divides blocks by their largest weight / 127, itself rounded to float16: half a step, and 2^-11 of the weight.
    """
    near, exact = formats["Q8_0"], formats["safetensors"]
    assert near.stored == "Q8_0"
    assert near.digest != exact.digest
    for own, other in zip(near.matrices, exact.matrices, strict=True):
        step = max(other.max, -other.min) * (0.5 / 127 + 2**-11)
        assert 0 < abs(own.std - other.std) < step
        moved = np.subtract(own.singular_values, other.singular_values)
        assert np.abs(moved).max() < step * math.sqrt(own.rows * own.cols)


def test_the_digest_knows_every_weight(tmp_path):
    """Any changed weight, a norm's too, and swapped layers change it; a tied copy and a buffer do not."""
    tensors = llama()
    variants = [tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"].clone()}]
    variants.append(tensors | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)})
    same = {
        fingerprint(write_folder(tmp_path / f"same{i}", v)).digest
        for i, v in enumerate([tensors, *variants])
    }
    swapped = {
        name.replace("layers.0", "layers.x")
        .replace("layers.1", "layers.0")
        .replace("layers.x", "layers.1"): tensor
        for name, tensor in tensors.items()
    }
    others = [swapped]
    for name in (
        "model.layers.1.mlp.up_proj.weight",
        "model.layers.0.input_layernorm.weight",
        "model.embed_tokens.weight",
    ):
        others.append({key: value.clone() for key, value in tensors.items()})
        others[-1][name].view(-1)[3] += 1e-3
    different = {
        fingerprint(write_folder(tmp_path / f"other{i}", v)).digest for i, v in enumerate(others)
    }
    assert len(same) == 1
    assert len(same | different) == 5


def test_parameters_are_counted_once(tmp_path):
    """Tied matrices count once, equal vectors each for itself."""
    tensors = llama()
    expected = sum(t.numel() for t in tensors.values())
    tied = tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"].clone()}
    assert fingerprint(write_folder(tmp_path, tied)).parameters == expected


def test_nonfinite_weights(tmp_path):
    """They are counted and refused, or left out on request."""
    tensors = llama()
    tensors["model.layers.1.mlp.up_proj.weight"][3, :2] = torch.tensor([math.nan, math.inf])
    folder = write_folder(tmp_path, tensors)
    with pytest.raises(
        NonFiniteWeights,
        match=r"has 2 NaN or infinite weights, the first in 'model\.layers\.1\.mlp\.up",
    ):
        fingerprint(folder)
    found = fingerprint(folder, allow_nonfinite=True)
    up = np.concatenate([m.ravel() for p, m in matrices(folder) if p == "up"])
    assert found.nonfinite == 2
    assert found.std[PROJECTIONS.index("up")] == pytest.approx(up[np.isfinite(up)].std(), rel=1e-9)


@pytest.mark.parametrize("value", [0.0, math.nan])
def test_a_matrix_without_content(tmp_path, value):
    """A projection that is all zero or all NaN is left out and named."""
    tensors = llama()
    name = "model.layers.0.self_attn.o_proj.weight"
    tensors[name].fill_(value)
    found = fingerprint(write_folder(tmp_path, tensors), allow_nonfinite=True)
    assert found.zero == (name,)
    assert name not in {matrix.tensor for matrix in found.matrices}
    assert (0, "attention") not in {(branch.layer, branch.branch) for branch in found.branches}


def test_no_matrix_with_content(tmp_path):
    """Where all projections are zero there is nothing to fingerprint."""
    tensors = {name: torch.zeros_like(tensor) for name, tensor in llama().items()}
    with pytest.raises(ZeroMatrices, match="so that there is nothing to fingerprint"):
        fingerprint(write_folder(tmp_path, tensors))


def test_matrices_of_one_value(tmp_path):
    """Where every projection has one value alone its spread says nothing, as where all are zero."""
    tensors = {name: torch.ones_like(tensor) for name, tensor in llama().items()}
    with pytest.raises(ZeroMatrices, match="of one value alone"):
        fingerprint(write_folder(tmp_path, tensors))


def test_no_projections(tmp_path):
    """The sentence counts the tensors and names some."""
    folder = write_folder(tmp_path, {f"conv{i}.weight": torch.ones(3, 3) for i in range(5)})
    with pytest.raises(
        NoProjections, match=r"none of its 5 tensors has a known name \(conv0\.weight, conv1"
    ):
        fingerprint(folder)


def test_facts_of_the_model(tmp_path):
    """Shapes come from the weights; the config only lends its name."""
    config = {"architectures": ["LyingModel"], "num_hidden_layers": 99, "hidden_size": 7}
    found = fingerprint(write_folder(tmp_path, llama(layers=3), config))
    assert (found.layers, found.hidden_size, found.architecture, found.dtype) == (
        3,
        16,
        "LyingModel",
        "float32",
    )
    assert [m.layer for m in found.matrices] == [0] * 7 + [1] * 7 + [2] * 7
    assert [m.projection for m in found.matrices[:7]] == list(PROJECTIONS)
    assert math.hypot(*found.std_vector) == pytest.approx(1)


def test_experts_keep_their_numbers(tmp_path):
    """Each expert is a matrix of its own; the vectors pool them all."""
    tensors = llama(layers=1)
    mlp = {name.split(".")[-2]: tensors.pop(name) for name in list(tensors) if ".mlp." in name}
    for expert in range(3):
        for name, matrix in mlp.items():
            tensors[f"model.layers.0.mlp.experts.{expert}.{name}.weight"] = matrix * (expert + 1)
    found = fingerprint(write_folder(tmp_path, tensors))
    assert [m.expert for m in found.matrices] == [None] * 4 + [0, 1, 2] * 3
    weights = np.concatenate([(mlp["up_proj"] * n).numpy().ravel() for n in (1, 2, 3)])
    assert found.std[PROJECTIONS.index("up")] == pytest.approx(weights.std(), rel=1e-6)


def test_small_matrices_use_what_they_have(tmp_path):
    """A matrix with fewer singular values than the rank is named in the record."""
    found = fingerprint(write_folder(tmp_path, llama(hidden=16, keys=8)))
    assert len(found.short) == 14
    assert {len(m.singular_values) for m in found.matrices if m.projection == "key"} == {8}


def test_the_tie_rule(tmp_path):
    """When Query splits evenly, Key decides which cluster is 1."""
    low, full = torch.outer(torch.ones(16), torch.ones(16)), torch.eye(16)
    tensors = llama()
    for layer, query in enumerate((low, full)):
        for name, matrix in {"q": query, "k": full, "v": low, "o": low}.items():
            tensors[f"model.layers.{layer}.self_attn.{name}_proj.weight"] = matrix.clone()
    vector = fingerprint(write_folder(tmp_path, tensors)).clusterings[0].vector
    assert dict(zip(PROJECTIONS[:4], vector[:4], strict=True)) == {
        "query": 0.5,
        "key": 1.0,
        "value": 0.0,
        "output": 0.0,
    }


def test_three_clusters_start_at_query(tmp_path):
    """K = 3 labels count from Query's cluster on."""
    found = fingerprint(write_folder(tmp_path, llama(layers=4)))
    for clustering in found.clusterings:
        queries = [
            label
            for m, label in zip(found.matrices, clustering.labels3, strict=True)
            if m.projection == "query"
        ]
        assert max(set(queries), key=queries.count) == 0
        assert set(clustering.labels3) <= {0, 1, 2}
    assert tuple(c.rank for c in found.clusterings) == (16, 64)


@pytest.mark.parametrize("rank", RANKS)
def test_ranks(tmp_path, rank):
    """As many values as asked for, and the clusterings up to there; what is smaller is the same at every rank."""
    folder = write_folder(tmp_path, llama(hidden=80, inner=300, keys=80))
    found, deepest = fingerprint(folder, rank=rank), fingerprint(folder, rank=256)
    assert (found.rank, [c.rank for c in found.clusterings]) == (
        rank,
        [r for r in RANKS if r <= rank],
    )
    assert {len(m.singular_values) for m in found.matrices} == {min(rank, 80)}
    assert len(found.short) == (14 if rank > 80 else 0)
    for own, other in zip(found.clusterings, deepest.clusterings, strict=False):
        assert (own.labels, own.vector) == (other.labels, other.vector)
    assert (found.digest, found.std) == (deepest.digest, deepest.std)


def test_a_rank_that_nothing_compares(model):
    """It is refused."""
    with pytest.raises(UnknownRank, match="Unsupported rank 32; give one of 16, 64, 256"):
        fingerprint(model, rank=32)


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_change_nothing(tmp_path, threads):
    """One fingerprint, bit for bit, whatever ends first."""
    tensors = {
        name: tensor.bfloat16() for name, tensor in llama(layers=5, hidden=96, inner=200).items()
    }
    folder = write_shards(tmp_path, tensors, 3)
    assert fingerprint(folder, threads=threads) == fingerprint(folder, threads=1)


def test_every_value_has_its_bound(tmp_path):
    """What numpy finds in float64 lies within it."""
    folder = write_folder(tmp_path, llama(hidden=64, inner=96))
    found = fingerprint(folder)
    for m, (_, exact) in zip(found.matrices, matrices(folder), strict=True):
        values = np.linalg.svd(exact, compute_uv=False)[: len(m.singular_values)]
        slack = 64 * np.finfo(float).eps * values[0]  # LAPACK's own
        assert (np.abs(values - m.singular_values) <= np.array(m.bounds) + slack).all()
    assert 0 < found.error < 1e-5


def doubted(monkeypatch: pytest.MonkeyPatch, widened: float) -> list[float]:
    """Make every spectrum as coarse as its tolerance times `widened`; the tolerances that are asked for are noted."""
    asked = []

    def coarse(
        matrices: list[torch.Tensor],
        rank: int,
        tolerance: float = TOLERANCE,
        *,
        prove: bool = False,
    ) -> list[Spectrum]:
        asked.extend([tolerance] * len(matrices))
        exact = spectrum.spectra(matrices, rank, prove=prove)
        return [
            Spectrum(own.values, (tolerance * widened * own.values[0],) * len(own.values))
            for own in exact
        ]

    monkeypatch.setattr(measuring, "spectra", coarse)
    return asked


def test_doubtful_labels_are_settled(tmp_path, monkeypatch):
    """Spectra are tightened where a label hangs on them, and only as far as it does."""
    folder = write_folder(tmp_path, llama(layers=4))
    expected = fingerprint(folder)
    asked = doubted(monkeypatch, 3e3)
    found = fingerprint(folder)
    assert [c.labels for c in found.clusterings] == [c.labels for c in expected.clusterings]
    assert [c.undetermined for c in found.clusterings] == [(), ()]
    assert set(asked) > {TOLERANCE}
    assert min(asked) == TOLERANCE / 100
    assert found.error <= 3e3 * TOLERANCE


def test_what_stays_in_doubt_is_told(tmp_path, monkeypatch):
    """Where nothing helps the matrices are named, and reading ends: the bar foresaw less, and says so."""
    asked = doubted(monkeypatch, 1e9)
    calls = []
    folder = write_folder(tmp_path, llama())
    found = fingerprint(folder, progress=lambda *call: calls.append(call))
    assert [c.undetermined for c in found.clusterings] == [tuple(range(14))] * 2
    assert len(asked) == 14 * 2
    totals = [total for _, total, _ in calls]
    assert totals == sorted(totals)
    assert totals[0] < totals[-1] == calls[-1][0], "reading again is progress of its own"


def test_progress_counts_every_tensor(tmp_path):
    """The callback hears of each tensor once, and of the work that was done so far."""
    calls = []
    fingerprint(write_folder(tmp_path, llama()), progress=lambda *call: calls.append(call))
    read = [nbytes for _, _, nbytes in calls if nbytes]
    assert len(read) == 17
    work = [done for done, _, _ in calls]
    assert work == sorted(set(work))
    assert {total for _, total, _ in calls} == {work[-1]}
    assert sum(nbytes for *_, nbytes in calls) == 4 * sum(t.numel() for t in llama().values())
