"""Adapters as they are, and merged into their base."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from adapters_made import CASES, Made, make, rewrite, write_adapter
from checkpoints_made import llama, write_folder
from safetensors.torch import load_file, save_file

import registry
from registry.architectures.adapter_layout import with_heads
from registry.architectures.adapter_merge import merged
from registry.architectures.roles import PROJECTIONS
from registry.checkpoints import Delta, Entry, open_checkpoint
from registry.checkpoints.dtypes import F32
from registry.errors import (
    AdapterMismatch,
    BaseIsAdapter,
    BrokenAdapter,
    BrokenFile,
    CannotSplit,
    MissingAdapterConfig,
    NonFiniteWeights,
    NotAnAdapter,
    UnsupportedAdapter,
    UntrainedAdapter,
)
from registry.fingerprints.record import Fingerprint

Q = "base_model.model.model.layers.{}.self_attn.q_proj.lora_{}.weight"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    """Every case, made once when it is first asked for."""
    found: dict[str, Made] = {}

    def get(name: str) -> Made:
        if name not in found:
            found[name] = make(tmp_path_factory.mktemp("adapter"), CASES[name])
        return found[name]

    return get


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


def tiny(rank: int = 4, layers: int = 2, scale: float = 1.0) -> dict[str, torch.Tensor]:
    """Factors for the queries of the made-up Llama."""
    draw = torch.Generator().manual_seed(1)
    tensors = {Q.format(i, "A"): torch.randn(rank, 16, generator=draw) for i in range(layers)}
    return tensors | {
        Q.format(i, "B"): scale * torch.randn(16, rank, generator=draw) for i in range(layers)
    }


@pytest.mark.parametrize("name", CASES)
def test_updates_equal_pefts(made, name):
    """Each entry multiplies out to what peft adds to that weight, and says of which shape and method it is."""
    case = made(name)
    updates = {
        entry.name: entry
        for entry in open_checkpoint(case.adapter).entries
        if isinstance(entry, Delta)
    }
    assert set(updates) == set(case.updates)
    for weight, update in updates.items():
        expected = (
            case.updates[weight].T
            if "Conv1D" in name or "embed" in weight
            else case.updates[weight]
        )
        turned = update.exact().T if "embed" in weight else update.exact()
        assert torch.allclose(turned, expected, rtol=1e-6, atol=1e-9)
        assert (tuple(update.load().shape), update.method) == (update.shape, CASES[name].method)


@pytest.mark.parametrize("name", [name for name in CASES if name != "fused, without output"])
def test_the_fingerprint_is_that_of_the_updates(made, name, tmp_path):
    """As if B A had been formed; heads come from the config beside the adapter."""
    case = made(name)
    config = (case.base / "config.json").read_text()
    (case.adapter / "config.json").write_text(config)
    expected = dense(tmp_path / "dense", case.updates, config)
    check_equal(registry.fingerprint(case.adapter), expected)


@pytest.mark.parametrize("name", CASES)
def test_merged_equals_pefts_merge(made, name):
    """Base and adapter together are the model that merge_and_unload saves."""
    case = made(name)
    found, expected = (
        registry.fingerprint(case.adapter, base=case.base),
        registry.fingerprint(case.merged),
    )
    assert found.std == pytest.approx(expected.std, rel=1e-6)
    assert found.clusterings[0].labels == expected.clusterings[0].labels
    assert (found.kind, found.parameters, found.unknown) == (
        "model",
        expected.parameters,
        expected.unknown,
    )


@pytest.mark.parametrize("name", ["LoRA", "DoRA", "Conv1D", "patterns", "a head trained whole"])
def test_merged_bit_for_bit(made, name):
    """So the digest of a merged upload tells its base and adapter."""
    case = made(name)
    assert (
        registry.fingerprint(case.adapter, base=case.base).digest
        == registry.fingerprint(case.merged).digest
    )


def test_every_file_gives_one_fingerprint(made, tmp_path):
    """As .bin, under a training script's names and by its file's name: the same digest and vectors."""
    expected = registry.fingerprint(made("LoRA").adapter)
    folder = shutil.copytree(made("LoRA").adapter, tmp_path / "bin")
    tensors = load_file(folder / "adapter_model.safetensors")
    (folder / "adapter_model.safetensors").unlink()
    torch.save(tensors, folder / "adapter_model.bin")
    wrapped = {
        name.replace("base_model.model.", "module.base_model.model._orig_mod.")
        .replace(".self_attn", "._checkpoint_wrapped_module.self_attn")
        .replace(".weight", ".default.weight"): tensor
        for name, tensor in tensors.items()
    }
    torch.save(wrapped, folder / "pytorch_model.bin")
    for source in (
        folder / "adapter_model.bin",
        folder,
        made("LoRA").adapter / "adapter_model.safetensors",
    ):
        found = registry.fingerprint(source)
        assert (found.digest, found.std, found.clusterings) == (
            expected.digest,
            expected.std,
            expected.clusterings,
        )


def test_a_model_beside_an_adapter(tmp_path):
    """The model wins, unless the adapter's file is named."""
    folder = write_adapter(write_folder(tmp_path / "both", llama()), tiny())
    assert registry.fingerprint(folder).kind == "model"
    assert registry.fingerprint(folder / "adapter_model.safetensors").kind == "adapter"


def test_facts(made):
    """The record names the method, the rank, what stands beside the updates, and the magnitudes of DoRA."""
    found = registry.fingerprint(made("DoRA").adapter)
    vectors = load_file(made("DoRA").adapter / "adapter_model.safetensors")
    queries = torch.cat([t for name, t in vectors.items() if "q_proj.lora_magnitude" in name])
    assert (found.adapter.method, found.adapter.rank, found.adapter.beside) == ("lora+dora", 4, ())
    assert found.adapter.magnitude[0] == pytest.approx(float(queries.mean()), rel=1e-6)
    assert found.parameters == sum(t.numel() for t in vectors.values())
    assert (found.matrices[0].skewness, found.matrices[0].min) == (None, None)
    head = registry.fingerprint(made("a head trained whole").adapter)
    assert head.adapter.beside == ("classifier.bias", "classifier.weight")
    assert head.projections == ("query", "value")


def test_the_digest_knows_the_scaling_and_the_head(tmp_path):
    """One factor, alpha or full tensor more or less makes another adapter; its declared base does not."""
    head = {"base_model.model.score.weight": torch.ones(3, 16)}
    folders = [
        write_adapter(tmp_path / "a", tiny()),
        write_adapter(tmp_path / "b", tiny(), base_model_name_or_path=None),
        write_adapter(tmp_path / "c", tiny(), lora_alpha=9),
        write_adapter(tmp_path / "d", tiny() | head),
        write_adapter(tmp_path / "e", tiny() | {Q.format(0, "A"): torch.ones(4, 16)}),
    ]
    assert len({registry.fingerprint(folder).digest for folder in folders}) == 4


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("org/base", "org/base"),
        ("C:\\models\\Llama-3", "Llama-3"),
        ("/data/gpt2/", "gpt2"),
        (None, None),
        ("", None),
    ],
)
def test_the_declared_base(tmp_path, given, expected):
    """A hub id as it is, the last part of a path of any system, or nothing."""
    assert (
        open_checkpoint(write_adapter(tmp_path, tiny(), base_model_name_or_path=given)).base
        == expected
    )


def test_untrained(tmp_path):
    """B = 0 is one sentence; single updates of zero are left out and named."""
    with pytest.raises(UntrainedAdapter, match="is an untrained adapter"):
        registry.fingerprint(write_adapter(tmp_path / "a", tiny(scale=0.0)))
    found = registry.fingerprint(
        write_adapter(tmp_path / "b", tiny() | {Q.format(1, "B"): torch.zeros(16, 4)})
    )
    assert (found.layers, found.adapter.untouched) == (
        1,
        ("model.layers.1.self_attn.q_proj.weight",),
    )


def test_nonfinite_factors(tmp_path):
    """Refused, or the rows that they spoil are left out on request."""
    tensors = tiny()
    tensors[Q.format(0, "B")][3, 1] = torch.nan
    folder = write_adapter(tmp_path, tensors)
    with pytest.raises(NonFiniteWeights, match="has 16 NaN or infinite weights"):
        registry.fingerprint(folder)
    assert registry.fingerprint(folder, allow_nonfinite=True).nonfinite == 16


def test_enable_lora(tmp_path):
    """The old layout: A for the enabled parts together, B their grouped convolution, nothing for the others."""
    a, b = torch.randn(8, 12), torch.randn(24, 4, 1)
    name = "base_model.model.transformer.h.0.attn.c_attn.lora_{}.weight"
    folder = write_adapter(
        tmp_path, {name.format("A"): a, name.format("B"): b}, enable_lora=[True, False, True]
    )
    convolved = torch.nn.functional.conv1d(a.double()[None], b.double(), groups=2)[0]
    update = open_checkpoint(folder).entries[0]
    expected = torch.cat([convolved[:12], torch.zeros(12, 12), convolved[12:]]) * 2
    assert torch.allclose(update.exact(), expected)
    found = registry.fingerprint(folder)
    assert found.projections == ("query", "value")
    assert found.std[2] == pytest.approx(float(convolved[12:].std(correction=0)) * 2)


def test_enable_lora_of_another_shape(tmp_path):
    """Rows that are not equal parts, or a wider kernel, are refused before anything is read."""
    name = "base_model.model.transformer.h.0.attn.c_attn.lora_{}.weight"
    for shape, enabled in [
        ((25, 4, 1), [True, False, True]),
        ((24, 4, 2), [True, True]),
        ((24, 4, 1), [False]),
    ]:
        tensors = {name.format("A"): torch.ones(8, 12), name.format("B"): torch.ones(shape)}
        with pytest.raises(BrokenAdapter, match="do not fit"):
            open_checkpoint(write_adapter(tmp_path, tensors, enable_lora=enabled))


def test_transposed_factors(tmp_path):
    """A pickle may hold a view; the Kronecker product is that of its entries."""
    name = "base_model.model.model.layers.0.self_attn.q_proj.lokr_w{}"
    left, right = torch.randn(4, 4), torch.randn(4, 3)
    folder = write_adapter(tmp_path, {name.format(1): left}, peft_type="LOKR")
    (folder / "adapter_model.safetensors").unlink()
    torch.save({name.format(1): left, name.format(2): right.T}, folder / "adapter_model.bin")
    [update] = open_checkpoint(folder).entries
    expected = torch.kron(left.double(), right.T.double().contiguous()) * update.scaling
    assert torch.equal(update.exact(), expected)
    assert update.shape == (12, 16)


WRONG = {
    "half a pair": (lambda t: t.pop(Q.format(0, "B")), {}, BrokenAdapter),
    "shapes": (lambda t: t.update({Q.format(0, "B"): torch.ones(16, 3)}), {}, BrokenAdapter),
    "a vector": (lambda t: t.update({Q.format(0, "B"): torch.ones(4)}), {}, BrokenAdapter),
    "two adapters": (
        lambda t: t.update({Q.format(0, "A.x"): torch.ones(4, 16)}),
        {},
        BrokenAdapter,
    ),
    "a long name": (lambda t: t.update({"x" * 2000: torch.ones(4)}), {}, BrokenAdapter),
    "alpha": (dict, {"lora_alpha": "many"}, BrokenAdapter),
    "alpha without end": (dict, {"lora_alpha": float("inf")}, BrokenAdapter),
    "rank": (dict, {"r": [4]}, BrokenAdapter),
    "a pattern that would never end": (dict, {"alpha_pattern": {"(a+)+$": 4}}, BrokenAdapter),
    "no table of patterns": (dict, {"rank_pattern": [1]}, BrokenAdapter),
    "enable_lora": (dict, {"enable_lora": [1, 0]}, BrokenAdapter),
    "another method": (
        lambda t: (t.clear(), t.update(prompt_embeddings=torch.ones(4, 4))),
        {},
        UnsupportedAdapter,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_malformed(tmp_path, name):
    """Each gets one sentence."""
    spoil, settings, error = WRONG[name]
    tensors = tiny()
    spoil(tensors)
    with pytest.raises(error) as caught:
        registry.fingerprint(write_adapter(tmp_path, tensors, **settings))
    assert "\n" not in str(caught.value)


def test_large_claims(tmp_path):
    """A small file whose update would fill the memory is refused."""
    name = "base_model.model.model.layers.0.self_attn.q_proj.hada_w{}"
    tensors = {name.format(f"{i}_a"): torch.ones(1 << 16, 1) for i in (1, 2)}
    tensors |= {name.format(f"{i}_b"): torch.ones(1, 1 << 16) for i in (1, 2)}
    with pytest.raises(BrokenAdapter, match=r"would have the shape \[65536, 65536\]"):
        registry.fingerprint(write_adapter(tmp_path, tensors))


def test_without_a_config(tmp_path):
    """Nobody can tell the scaling."""
    folder = write_adapter(tmp_path, tiny())
    (folder / "adapter_config.json").unlink()
    with pytest.raises(MissingAdapterConfig, match=r"without its adapter_config\.json"):
        registry.fingerprint(folder)


def test_heads_that_nobody_knows(made, tmp_path):
    """An interleaved update needs the number of heads."""
    folder = shutil.copytree(
        made("interleaved").adapter, tmp_path / "a", ignore=shutil.ignore_patterns("config.json")
    )
    with pytest.raises(CannotSplit, match="num_attention_heads is missing"):
        registry.fingerprint(folder)


@pytest.mark.parametrize(
    ("inputs", "layers", "expected"),
    [(1024, 3, 16), (2048, 16, 8), (2048, 24, 16), (2048, 5, None), (1000, 12, None)],
    ids=["one answer", "Pythia 1B", "BLOOM 1B7", "either", "never published"],
)
def test_heads_of_published_models(inputs, layers, expected):
    """By width, and by depth where that does not settle it; a config is believed before."""
    meta = torch.empty(0)
    updates = [
        Entry("query_key_value.weight", F32, (3 * inputs, inputs), meta.clone)
        for _ in range(layers)
    ]
    assert with_heads({}, updates).get("num_attention_heads") == expected
    assert with_heads({"n_head": 3}, updates) == {"n_head": 3}


def test_a_base_weight_that_came_along(tmp_path):
    """A training script's dump of everything: the base's weights under the updates are no part of the adapter."""
    dump = {
        f"base_model.model.model.layers.{i}.self_attn.q_proj.base_layer.weight": torch.ones(16, 16)
        for i in (0, 1)
    }
    plain = registry.fingerprint(write_adapter(tmp_path / "a", tiny()))
    assert registry.fingerprint(write_adapter(tmp_path / "b", tiny() | dump)) == plain


def test_bases_that_do_not_fit(made, tmp_path):
    """Another model, an adapter as the base, and a model as the adapter are each told."""
    adapter, base = (
        write_adapter(tmp_path / "a", tiny(layers=3)),
        write_folder(tmp_path / "b", llama()),
    )
    with pytest.raises(
        AdapterMismatch,
        match=r"changes 'model\.layers\.2\.self_attn\.q_proj\.weight', which is not",
    ):
        registry.fingerprint(adapter, base=base)
    with pytest.raises(AdapterMismatch, match="as 16 x 16, which is 8 x 8 there"):
        registry.fingerprint(adapter, base=write_folder(tmp_path / "c", llama(layers=3, hidden=8)))
    with pytest.raises(BaseIsAdapter):
        registry.fingerprint(adapter, base=adapter)
    with pytest.raises(NotAnAdapter):
        registry.fingerprint(base, base=base)


def test_names_with_another_prefix(made, tmp_path):
    """GPT-2 is published without `transformer.`, which adapters have."""
    case = made("Conv1D")
    tensors = {
        name.removeprefix("transformer."): t
        for name, t in load_file(case.base / "model.safetensors").items()
    }
    bare = write_folder(
        tmp_path / "bare", tensors, json.loads((case.base / "config.json").read_text())
    )
    found, expected = (
        registry.fingerprint(case.adapter, base=bare),
        registry.fingerprint(case.merged),
    )
    assert found.std == expected.std


def test_merged_in_the_bases_type(tmp_path):
    """The sum is rounded to bf16 where the base is kept so."""
    case = make(tmp_path, CASES["LoRA"], torch.bfloat16)
    found, expected = (
        registry.fingerprint(case.adapter, base=case.base),
        registry.fingerprint(case.merged),
    )
    assert (found.dtype, found.digest) == ("bfloat16", expected.digest)


@pytest.mark.parametrize(("near", "far"), [(False, False), (True, False), (False, True)])
def test_a_merged_model_is_as_far_as_its_parts(made, near, far):
    """Where the base or the adapter comes over a network, the next tensor is fetched ahead."""
    adapter, base = open_checkpoint(made("LoRA").adapter), open_checkpoint(made("LoRA").base)
    found = merged(replace(adapter, remote=near), replace(base, remote=far))
    assert (found.remote, found.kind) == (near or far, "model")


# --- in the registry ------------------------------------------------------------------------------------------------


def test_the_journey(url, made):
    """Stored, read back equal, recognised, and only compared with its kind."""
    adapter, base = made("LoRA").adapter, made("LoRA").base
    with registry.Registry(url) as known:
        first = known.ingest(adapter, name="first")
        known.ingest(base, name="base")
        merged = known.ingest(adapter, base=base, name="merged")
        known.ingest(made("rsLoRA").adapter, name="second")
        assert known.show("first") == (first.model, first.fingerprint)
        assert not known.ingest(adapter, name="again").new
        assert (first.model.kind, merged.model.kind) == ("adapter", "model")
        found = known.identify(made("patterns").adapter)
        assert {match.model for match in found.matches} == {"first", "second"}
        assert (found.verdict.verdict, found.verdict.model) == ("unknown", None)
        assert known.identify(adapter).verdict.model == "first"
        assert known.identify(made("LoRA").merged).verdict.model == "merged"


# --- other people's ---------------------------------------------------------------------------------------------------

CUTS = {
    "c_attn": lambda b: b.chunk(3),
    "query_key_value": lambda b: b.unflatten(0, (16, 3, -1)).unbind(1),
}
UNTRAINED = "0112LY__logo-gemma-lora__adapter__f46572"
CHECKED_WHOLE = ("0112LY*9a3ba7", "sanaear*daadd2", "JadeAnt*1e88ab")


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


def test_real_adapters(data):
    """All 33 are read, and every matrix of the first layer has the spread of the B A that is formed here."""
    read = 0
    for folder in sorted(data.glob("adapters/*")):
        if folder.name == UNTRAINED:
            with pytest.raises(UntrainedAdapter):
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


@pytest.mark.parametrize("name", CHECKED_WHOLE)
def test_real_adapters_whole(data, tmp_path, name):
    """Vectors and labels equal those of the formed updates; two layers of each, for time."""
    (folder,) = data.glob(f"adapters/{name}")
    adapter = shutil.copytree(folder, tmp_path / "adapter", copy_function=shutil.copyfile)
    adapter.chmod(0o755)
    rewrite(adapter, lambda tensors: {n: t for n, t in tensors.items() if ".0." in n or ".1." in n})
    pairs, scaling = factors_of(adapter)
    updates = {weight: scaling * b @ a for weight, (a, b) in pairs.items()}
    turned = {weight: update.T for weight, update in updates.items() if "c_attn" in weight}
    check_equal(registry.fingerprint(adapter), dense(tmp_path / "dense", updates | turned, "{}"))


def test_a_cut_off_upload(data):
    """One sentence."""
    (folder,) = data.glob("adapters_malformed/*")
    with pytest.raises(BrokenFile, match="damaged or not what its name says"):
        registry.fingerprint(folder)
