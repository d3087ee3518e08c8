"""registry.fingerprints.lora_deltas: the fingerprint of an adapter is that of its deltas."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from adapters_made import CASES, QUERY_FACTOR, query_factors, rewrite, write_adapter
from safetensors.torch import load_file, save_file

import registry
from registry.architectures.roles import PROJECTIONS
from registry.errors import NonFiniteWeights, UntrainedAdapter
from registry.fingerprints.record import Fingerprint

UNTRAINED = "0112LY__logo-gemma-lora__adapter__f46572"


WIDEST = 512  # rows or columns of a factor
CHECKED_WHOLE = ("0112LY*9a3ba7", "sanaear*daadd2", "JadeAnt*1e88ab")


def dense(folder: Path, updates: dict[str, torch.Tensor], config: str) -> Fingerprint:
    """The fingerprint of the updates as if they were a model's weights, by the way that is tested elsewhere."""
    folder.mkdir()
    save_file(
        {name: tensor.contiguous() for name, tensor in updates.items()},
        folder / "model.safetensors",
    )
    (folder / "config.json").write_text(config)
    return registry.fingerprint(folder)


def check_equal(found: Fingerprint, expected: Fingerprint) -> None:
    """Std vectors to 1e-9, labels exactly."""
    assert found.std == pytest.approx(expected.std, rel=1e-9)
    assert found.projections == expected.projections
    for own, other in zip(found.clusterings, expected.clusterings, strict=True):
        assert (own.labels, own.labels3, own.vector) == (other.labels, other.labels3, other.vector)
    assert [(m.layer, m.projection, m.rows, m.cols) for m in found.matrices] == [
        (m.layer, m.projection, m.rows, m.cols) for m in expected.matrices
    ]


@pytest.mark.parametrize("name", [name for name in CASES if name != "fused, without output"])
def test_the_fingerprint_is_that_of_the_updates(peft_made, name, tmp_path):
    """As if B A had been formed; heads come from the config beside the adapter."""
    case = peft_made(name)
    config = (case.base / "config.json").read_text()
    (case.adapter / "config.json").write_text(config)
    expected = dense(tmp_path / "dense", case.updates, config)
    check_equal(registry.fingerprint(case.adapter), expected)


def test_facts(peft_made):
    """The record names the method, the rank, what stands beside the updates, and the magnitudes of DoRA."""
    found = registry.fingerprint(peft_made("DoRA").adapter)
    vectors = load_file(peft_made("DoRA").adapter / "adapter_model.safetensors")
    queries = torch.cat([t for name, t in vectors.items() if "q_proj.lora_magnitude" in name])
    assert (found.adapter.method, found.adapter.rank, found.adapter.beside) == ("lora+dora", 4, ())
    assert found.adapter.magnitude[0] == pytest.approx(float(queries.mean()), rel=1e-6)
    assert found.parameters == sum(t.numel() for t in vectors.values())
    assert (found.matrices[0].skewness, found.matrices[0].min) == (None, None)
    head = registry.fingerprint(peft_made("a head trained whole").adapter)
    assert head.adapter.beside == ("classifier.bias", "classifier.weight")
    assert head.projections == ("query", "value")


def test_the_digest_knows_the_scaling_and_the_head(tmp_path):
    """One factor, alpha or full tensor more or less makes another adapter; its declared base does not."""
    head = {"base_model.model.score.weight": torch.ones(3, 16)}
    folders = [
        write_adapter(tmp_path / "a", query_factors()),
        write_adapter(tmp_path / "b", query_factors(), base_model_name_or_path=None),
        write_adapter(tmp_path / "c", query_factors(), lora_alpha=9),
        write_adapter(tmp_path / "d", query_factors() | head),
        write_adapter(
            tmp_path / "e", query_factors() | {QUERY_FACTOR.format(0, "A"): torch.ones(4, 16)}
        ),
    ]
    assert len({registry.fingerprint(folder).digest for folder in folders}) == 4


def test_untrained(tmp_path):
    """B = 0 is one sentence; single updates of zero are left out and named."""
    with pytest.raises(UntrainedAdapter, match="is an untrained adapter"):
        registry.fingerprint(write_adapter(tmp_path / "a", query_factors(scale=0.0)))
    found = registry.fingerprint(
        write_adapter(
            tmp_path / "b", query_factors() | {QUERY_FACTOR.format(1, "B"): torch.zeros(16, 4)}
        )
    )
    assert (found.layers, found.adapter.untouched) == (
        1,
        ("model.layers.1.self_attn.q_proj.weight",),
    )


def test_nonfinite_factors(tmp_path):
    """Refused, or the rows that they spoil are left out on request."""
    tensors = query_factors()
    tensors[QUERY_FACTOR.format(0, "B")][3, 1] = torch.nan
    folder = write_adapter(tmp_path, tensors)
    with pytest.raises(NonFiniteWeights, match="has 16 NaN or infinite weights"):
        registry.fingerprint(folder)
    assert registry.fingerprint(folder, allow_nonfinite=True).nonfinite == 16


@pytest.mark.slow
def test_the_journey(url, peft_made):
    """Stored, read back equal, recognised, and only compared with its kind."""
    adapter, base = peft_made("LoRA").adapter, peft_made("LoRA").base
    with registry.Registry(url) as known:
        first = known.ingest(adapter, name="first")
        known.ingest(base, name="base")
        merged = known.ingest(adapter, base=base, name="merged")
        known.ingest(peft_made("rsLoRA").adapter, name="second")
        stored = known.show("first")
        assert stored.fingerprint == first.fingerprint
        assert stored.summary.family == "base"  # which came after it, and which it fits
        assert not known.ingest(adapter, name="again").new
        assert (first.model.kind, merged.model.kind) == ("adapter", "model")
        found = known.identify(peft_made("patterns").adapter)
        assert {match.model for match in found.matches} == {"first", "second"}
        assert (found.verdict.verdict, found.verdict.model) == ("unknown", None)
        assert known.identify(adapter).verdict.model == "first"
        assert known.identify(peft_made("LoRA").merged).verdict.model == "merged"


def factors_of(folder: Path) -> tuple[dict[str, tuple[torch.Tensor, torch.Tensor]], float]:
    """A and B in float64 by the stripped name of the weight, read by the safetensors library."""
    settings = json.loads((folder / "adapter_config.json").read_text())
    tensors = load_file(folder / "adapter_model.safetensors")
    modules = {name.split(".lora_")[0] for name in tensors if ".lora_" in name}
    pairs = {
        module.removeprefix("base_model.model.").removeprefix("base_model.model.") + ".weight": (
            tensors[module + ".lora_A.weight"].double(),
            tensors[module + ".lora_B.weight"].double(),
        )
        for module in modules
    }
    return pairs, settings["lora_alpha"] / settings["r"]


@pytest.mark.slow
def test_real_adapters(data):
    """All 33 are read, and every matrix of the first layer has the spread of the B A that is formed here."""
    read = 0
    for folder in sorted(data.glob("adapters/*")):
        if folder.name == UNTRAINED:
            with pytest.raises(UntrainedAdapter, match="is an untrained adapter"):
                registry.fingerprint(folder)
            continue
        found = registry.fingerprint(folder)
        read += 1
        assert found.unknown == ()
        if (folder / "adapter_model.bin").exists():
            continue
        pairs, scaling = factors_of(folder)
        for matrix in [m for m in found.matrices if m.layer == 0]:
            a, b = pairs[matrix.tensor]
            thirds = {
                "c_attn": b.chunk(3),
                "query_key_value": b.unflatten(0, (16, 3, -1)).unbind(1)
                if b.shape[0] % 48 == 0
                else (),
            }
            parts = next((cut for name, cut in thirds.items() if name in matrix.tensor), None)
            own = (
                b
                if parts is None
                else parts[PROJECTIONS.index(matrix.projection)].reshape(-1, b.shape[1])
            )
            assert matrix.std == pytest.approx(
                float((scaling * own @ a).std(correction=0)), rel=1e-9
            )
    assert read == 32


def block(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Two layers, and of wide factors the first rows of B, or columns of A, alone."""
    kept = {name: tensor for name, tensor in tensors.items() if ".0." in name or ".1." in name}
    if any("c_attn" in name for name in kept):  # its thirds are cut by the rows of B
        return kept
    return {name: tensor[:WIDEST, :WIDEST] for name, tensor in kept.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKED_WHOLE)
def test_real_adapters_whole(data, tmp_path, name):
    """Vectors and labels equal those of the formed deltas; a block of each, for time."""
    (folder,) = data.glob(f"adapters/{name}")
    adapter = shutil.copytree(folder, tmp_path / "adapter", copy_function=shutil.copyfile)
    adapter.chmod(0o755)
    rewrite(adapter, block)
    pairs, scaling = factors_of(adapter)
    updates = {weight: scaling * b @ a for weight, (a, b) in pairs.items()}
    transposed = {weight: update.T for weight, update in updates.items() if "c_attn" in weight}
    check_equal(
        registry.fingerprint(adapter), dense(tmp_path / "dense", updates | transposed, "{}")
    )
