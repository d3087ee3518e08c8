"""registry.lora_init.start and the commands of the second paper, with peft reading what is written."""

import json

import adapters_made as made
import peft
import pytest
import torch
import transformers as tf
from architectures import COMMON
from characteristics_made import NAMES, grouped, model
from click.testing import CliRunner
from safetensors.torch import load_file

import cli
import registry
from registry.characteristic.groups import Characteristic, Group, characteristic
from registry.errors import (
    BaseIsAdapter,
    BaseNotWritable,
    FolderNotEmpty,
    NoCharacteristic,
    NoTargets,
)
from registry.lora_init.start import lora_init

REFERENCE = (
    "reference",
    Characteristic(
        16, (Group("query", ("key", "gate")), Group("value", ("output", "up", "down"))), ()
    ),
)


def mistral():
    return tf.AutoModelForCausalLM.from_config(tf.MistralConfig(**COMMON))


def qwen2():
    return tf.AutoModelForCausalLM.from_config(tf.Qwen2Config(**COMMON))


BASES = {
    "llama": made.llama,
    "qwen2": qwen2,
    "mistral": mistral,
    "gpt2": made.gpt2,
    "neox": made.neox,
}


@pytest.fixture(params=BASES)
def base(request, tmp_path):
    torch.manual_seed(0)
    BASES[request.param]().save_pretrained(tmp_path / request.param)
    return tmp_path / request.param


@pytest.fixture
def llama(tmp_path):
    torch.manual_seed(0)
    made.llama().save_pretrained(tmp_path / "llama")
    return tmp_path / "llama"


def logits(network):
    with torch.no_grad():
        return network(torch.arange(12)[None]).logits


def test_peft_loads_and_trains_it(base, tmp_path):
    """Every factor arrives where it belongs, the output moves, and a step moves the factors alone."""
    done = lora_init(base, REFERENCE, tmp_path / "start", lora_rank=4)
    network = tf.AutoModelForCausalLM.from_pretrained(base)
    before = logits(network)
    network = peft.PeftModel.from_pretrained(network, str(tmp_path / "start"), is_trainable=True)
    written = load_file(tmp_path / "start" / "adapter_model.safetensors")
    loaded = {
        name.replace(".default", ""): p for name, p in network.named_parameters() if p.requires_grad
    }
    assert loaded.keys() == written.keys()
    assert all(torch.equal(loaded[name], written[name]) for name in written)
    assert done.modules == len(written) // 2
    assert done.output.relative == pytest.approx(float(spread(logits(network), before)), rel=3)
    tokens = torch.arange(12)[None]
    loss = network(tokens, labels=tokens).loss
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in loaded.values())


def spread(after, before):
    return (after - before).norm() / (before - before.mean(-1, keepdim=True)).norm()


def test_the_output_can_be_kept(base, tmp_path):
    """With the start taken off the base, both together give what the base gave."""
    done = lora_init(base, REFERENCE, tmp_path / "start", lora_rank=4, keep_output=True)
    network = tf.AutoModelForCausalLM.from_pretrained(tmp_path / "start" / "base")
    network = peft.PeftModel.from_pretrained(network, str(tmp_path / "start"))
    assert torch.allclose(
        logits(network), logits(tf.AutoModelForCausalLM.from_pretrained(base)), atol=1e-5
    )
    assert done.output.relative < 1e-5
    assert json.loads((tmp_path / "start" / "adapter_config.json").read_text())[
        "base_model_name_or_path"
    ] == str(tmp_path / "start" / "base")


def test_a_seed_gives_the_same(llama, tmp_path):
    """And another one another adapter; members of a group share their template."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        lora_init(llama, REFERENCE, tmp_path / name, seed=seed, lora_rank=2)
    a, b, c = (load_file(tmp_path / name / "adapter_model.safetensors") for name in "abc")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not any(torch.equal(a[name], c[name]) for name in a)
    query, key, value = (
        a[f"base_model.model.model.layers.0.self_attn.{p}_proj.lora_A.weight"] for p in "qkv"
    )
    assert torch.cosine_similarity(query.flatten(), key.flatten(), 0) > 0.7
    assert torch.cosine_similarity(query.flatten(), value.flatten(), 0).abs() < 0.5


def test_published_without_its_head(tmp_path):
    """GPT-2 as it is published, whose tensors lack the prefix that the whole model has."""
    torch.manual_seed(0)
    made.gpt2().transformer.save_pretrained(tmp_path / "bare")
    assert not any(
        name.startswith("transformer")
        for name in load_file(tmp_path / "bare" / "model.safetensors")
    )
    lora_init(
        tmp_path / "bare", REFERENCE, tmp_path / "start", lora_rank=2, targets=["query", "output"]
    )
    network = peft.PeftModel.from_pretrained(
        tf.GPT2LMHeadModel.from_pretrained(tmp_path / "bare"), tmp_path / "start"
    )
    written = load_file(tmp_path / "start" / "adapter_model.safetensors")
    found = dict(network.named_parameters())
    assert all(
        torch.equal(found[name.replace(".weight", ".default.weight")], t)
        for name, t in written.items()
    )


@pytest.mark.parametrize(
    ("targets", "modules"),
    [
        (["query", "v_proj"], {"q_proj", "v_proj"}),
        (["mlp.down_proj"], {"down_proj"}),
        ([], {name.split(".")[1] for name in NAMES.values()}),
    ],
    ids=str,
)  # fmt: skip
def test_targets_are_projections_or_modules(llama, tmp_path, targets, modules):
    """All of them where nothing is said."""
    lora_init(llama, REFERENCE, tmp_path / "start", targets=targets)
    assert (
        set(json.loads((tmp_path / "start" / "adapter_config.json").read_text())["target_modules"])
        == modules
    )


def test_what_cannot_be_started(llama, tmp_path):
    """Each is told in a sentence, and nothing is left behind."""
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("mine")
    with pytest.raises(FolderNotEmpty, match="choose another"):
        lora_init(llama, REFERENCE, full)
    with pytest.raises(NoTargets, match="no module 'c_attn'.* q_proj"):
        lora_init(llama, REFERENCE, tmp_path / "start", targets=["c_attn"])
    alone = Characteristic(
        16, (Group("query", ("key", "value", "output", "gate", "up", "down")),), ()
    )
    with pytest.raises(
        NoCharacteristic,
        match="'SmolLM2-135M' has no characteristic: the distances of query to all",
    ):
        lora_init(llama, ("SmolLM2-135M", alone), tmp_path / "start")
    with pytest.raises(BaseNotWritable, match="it is no folder"):
        lora_init(llama / "model.safetensors", REFERENCE, tmp_path / "start", keep_output=True)
    lora_init(llama, REFERENCE, tmp_path / "first")
    with pytest.raises(BaseIsAdapter):
        lora_init(tmp_path / "first", REFERENCE, tmp_path / "start")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "full", "llama"]


def run(*arguments):
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def test_the_commands(url, llama, tmp_path):
    """Groups are kept for analysts, and laws told, and an adapter is shaped by a registered model."""
    groups = [["query", "key", "gate"], ["value", "output", "up", "down"]]
    folder = model(tmp_path / "reference", grouped(groups))
    assert run("ingest", folder, "--rank", 64).exit_code == 0
    answer = json.loads(run("characteristic", "reference", "--rank", 64, "--json").stdout)
    assert [group["referenced"] for group in answer["groups"]] == ["query", "value"]
    assert answer["usable"]
    with registry.Registry(url) as known, known._session() as session:
        from sqlalchemy import text

        kept = session.execute(
            text("SELECT count(*), count(law), sum(member::int) FROM characteristics")
        ).one()
        assert kept == (len(answer["comparisons"]) + 2, len(answer["comparisons"]), 7)
    told = json.loads(
        run(
            "dsv",
            "reference",
            "--rank",
            64,
            "--between",
            "q,gate",
            "--between",
            "query,value",
            "--json",
        ).stdout
    )
    assert [(row["a"], row["b"]) for row in told["distances"]] == [
        ("query", "gate"),
        ("query", "value"),
    ]
    assert len(told["scipy_fits"]) == 4
    assert "query-gate" in run("dsv", "reference", "--between", "q,gate").stdout
    assert run("dsv", "reference", "--rank", 256).exit_code == 1
    assert "--rank 256" in run("dsv", "reference", "--rank", 256).output
    assert run("dsv", "reference", "--between", "q").exit_code == 1
    done = run(
        "lora-init", llama, "--like", "reference", "--rank", 2, "-o", tmp_path / "start", "--json"
    )
    assert json.loads(done.stdout)["initialised"]["modules"] == 21


def test_fingerprints_do_without_a_database(tmp_path):
    """From a fingerprint alone."""
    found = characteristic(
        registry.fingerprint(
            model(tmp_path / "m", grouped([["query", "key"], ["up", "down"]])), rank=64
        ),
        64,
    )
    assert [(group.referenced, group.members) for group in found.groups] == [
        ("query", ("key",)),
        ("up", ("down",)),
    ]
