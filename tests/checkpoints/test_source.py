"""registry.checkpoints.source: folders, files, and whole models of a hub."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from checkpoints_made import llama, write_folder, write_shards
from hub_client import client
from hub_handler import Request
from hub_server import Hub
from quantisers import Parts, compressed

from registry.checkpoints import open_checkpoint
from registry.checkpoints.blob import LocalBlob
from registry.checkpoints.hub import range_reads
from registry.checkpoints.hub.listing import open_hub
from registry.checkpoints.hub.range_reads import BLOCK
from registry.errors import (
    BrokenJSON,
    CheckpointError,
    HubFileNotFound,
    SeveralCheckpoints,
    SourceNotFound,
)
from registry.fingerprints.compute import compute
from registry.fingerprints.record import Fingerprint

BASES = {
    "card": ("---\nbase_model: org/base\n---\nText", {}, "org/base"),
    "card with a list": ("---\nbase_model:\n- org/one\n- org/two\n---\n", {}, "org/one"),
    "card before config": (
        "---\nbase_model: org/base\n---\n",
        {"_name_or_path": "org/other"},
        "org/base",
    ),
    "config": (None, {"_name_or_path": "org/base"}, "org/base"),
    "absolute path": (None, {"_name_or_path": "/home/me/models/base/"}, "base"),
    "relative path": (None, {"_name_or_path": "out/models/base"}, "base"),
    "windows path": (None, {"_name_or_path": "C:\\models\\base"}, "base"),
    "empty": (None, {"_name_or_path": ""}, None),
    "dot": (None, {"_name_or_path": "./"}, None),
    "not a string": (None, {"_name_or_path": 3}, None),
    "broken card": ("---\nbase_model: [\n---\n", {}, None),
    "card without a head": ("# Model\n---\nbase_model: x\n---\n", {}, None),
    "card with a table": ("---\nbase_model: {name: org/base}\n---\n", {}, "org/base"),
    "card with a list that begins with null": (
        "---\nbase_model: [null, org/two]\n---\n",
        {},
        "org/two",
    ),
    "card with an address": (
        "---\nbase_model: https://huggingface.co/org/base\n---\n",
        {},
        "org/base",
    ),
    "card that begins with a byte order mark": (
        "\ufeff---\nbase_model: org/base\n---\n",
        {},
        "org/base",
    ),
    "card that ends with dots": ("---\nbase_model: org/base\n...\n", {}, "org/base"),
    "card with a date": ("---\nbase_model: 2024-01-01\n---\n", {}, None),
    "card that names the model itself": ("---\nbase_model: m\n---\n", {}, None),
    "a run's folder": (None, {"_name_or_path": "/runs/llama-sft/checkpoint-180000"}, "llama-sft"),
    "nothing but a run's folders": (None, {"_name_or_path": "output/checkpoint-180000"}, None),
    "the hub's cache": (
        None,
        {"_name_or_path": "/root/hub/models--org--base/snapshots/" + "0" * 40},
        "org/base",
    ),
    "nothing": (None, {}, None),
}


@pytest.mark.parametrize(("card", "config", "expected"), BASES.values(), ids=BASES.keys())
def test_the_declared_base(tmp_path, card, config, expected):
    """The card speaks first, then the config; paths of somebody's disk lose their folders."""
    folder = write_folder(tmp_path / "m", llama(), config)
    if card:
        (folder / "README.md").write_text(card)
    assert open_checkpoint(folder).base == expected


@pytest.mark.parametrize("name", ["~nobody-here/x", "~nobody-here", "a" * 5000, "a\udc80b"])
def test_names_of_nothing(name):
    """A home of nobody, a name that no system takes, and one that is no Unicode are one sentence."""
    with pytest.raises(CheckpointError, match="neither a file or folder here|cannot be read"):
        open_checkpoint(name)


def test_names(tmp_path, monkeypatch):
    """A folder lends its name, a file its folder's too."""
    folder = write_folder(tmp_path / "some-model", llama())
    assert open_checkpoint(folder).name == "some-model"
    assert open_checkpoint(folder / "model.safetensors").name == "some-model/model.safetensors"
    monkeypatch.chdir(folder)
    assert open_checkpoint(".").name == "some-model"


def test_a_runs_folder_is_no_family(tmp_path):
    """A step of a run is called by the run's folder too, which names its family."""
    folder = write_folder(tmp_path / "llama-sft" / "checkpoint-180000", llama())
    opened = open_checkpoint(folder)
    assert opened.name == "llama-sft/checkpoint-180000"
    assert opened.family == "llama-sft"
    assert open_checkpoint(write_folder(tmp_path / "llama", llama())).family == "llama"


@pytest.mark.parametrize(
    "source", ["./nowhere", "/no/where", "a/b/c", "", "x y", "~/nowhere", "-x"]
)
def test_neither_a_path_nor_a_hub_id(source):
    """What cannot be a hub id is not looked for there."""
    with pytest.raises(SourceNotFound, match="neither a file or folder"):
        open_checkpoint(source)


def test_a_broken_config(tmp_path):
    """A config that is not JSON is reported, not skipped."""
    folder = write_folder(tmp_path, llama())
    (folder / "config.json").write_text("{not json")
    with pytest.raises(BrokenJSON, match=r"config\.json"):
        open_checkpoint(folder)


# --- models of a hub ------------------------------------------------------------------------------


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub of the test's own."""
    with Hub() as hub:
        yield hub


@pytest.fixture
def cache(hub, tmp_path, monkeypatch) -> Iterator[Path]:
    """The client set up for that hub, with an empty cache, which this is."""
    monkeypatch.setattr(range_reads, "PART", 100_000)
    with client(hub.url, tmp_path / "home"):
        yield tmp_path / "home"


def answers(hub: Hub) -> list[Request]:
    """The requests for content."""
    return [
        request for request in hub.asked("org/model") if request.method == "GET" and request.file
    ]


BIG = {"hidden": 128, "inner": 256, "keys": 64}


def pickle(path: Path, *, legacy: bool = False) -> None:
    """A torch file in today's format or the one before torch 1.6."""
    path.parent.mkdir()
    torch.save(llama(**BIG), path, _use_new_zipfile_serialization=not legacy)


FORMATS = {
    "safetensors": lambda folder: write_folder(folder, llama(**BIG), {"model_type": "llama"}),
    "shards": lambda folder: write_shards(folder, llama(**BIG), 5),
    "bin": lambda folder: pickle(folder / "pytorch_model.bin"),
    "pt": lambda folder: pickle(folder / "model.pt"),
    "legacy": lambda folder: pickle(folder / "pytorch_model.bin", legacy=True),
}


def publish(hub: Hub, folder: Path, kind: str = "safetensors") -> Path:
    """Write a model into a folder and put it on the hub."""
    FORMATS[kind](folder)
    hub.add("org/model", {path.name: path.read_bytes() for path in folder.iterdir()})
    return folder


def fingerprint(source: object) -> Fingerprint:
    return compute(open_checkpoint(source))


@pytest.mark.parametrize("kind", FORMATS)
def test_the_fingerprint_is_the_local_one(hub, cache, tmp_path, kind):
    """Bit for bit, and nothing is kept."""
    folder = publish(hub, tmp_path / "model", kind)
    assert fingerprint("org/model") == fingerprint(folder)
    assert not cache.exists()


@pytest.mark.parametrize("kind", FORMATS)
def test_as_many_bytes_as_there_are(hub, cache, tmp_path, kind):
    """What is sent is the files' size and some blocks, in few requests, whatever else the model has."""
    folder = publish(hub, tmp_path / "model", kind)
    files = list(folder.iterdir())
    load_all("org/model")
    assert (
        sum(each.sent for each in answers(hub))
        < sum(file.stat().st_size for file in files) + 30 * BLOCK
    )
    assert sum(each.method == "HEAD" and "/resolve/" in each.path for each in hub.requests) == len(
        files
    )


def test_what_is_ignored_is_not_fetched(hub, cache, tmp_path):
    """A tensor that no fingerprint needs stays where it is; the middle layers are read twice."""
    tensors = llama(**BIG) | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(1 << 20)}
    folder = write_folder(tmp_path / "model", tensors)
    hub.add("org/model", {"model.safetensors": (folder / "model.safetensors").read_bytes()})
    assert fingerprint("org/model") == fingerprint(folder)
    assert sum(each.sent for each in answers(hub)) < 2 * (
        (folder / "model.safetensors").stat().st_size - 4_000_000
    )


def test_shards_are_indexed_together(hub, cache, tmp_path):
    """Their headers do not wait for each other."""
    publish(hub, tmp_path / "model", "shards")
    hub.delay = 0.3  # within which a busy machine starts the threads
    open_checkpoint("org/model")
    assert hub.most_in_flight > 2
    assert len(answers(hub)) == 6


def test_a_cached_file_is_used(hub, cache, tmp_path):
    """After --download nothing is fetched, however the model is opened; what the cache lacks is."""
    folder = publish(hub, tmp_path / "model", "shards")
    kept = open_checkpoint("org/model", download=True)
    before = len(hub.requests)
    again = open_checkpoint("org/model")
    assert not kept.remote
    assert not again.remote
    assert compute(again) == fingerprint(folder)
    assert [each.file for each in hub.requests[before:]] == [None]
    next(cache.rglob("model-00002-*")).unlink()
    files, _ = open_hub("org/model", None)
    assert [name for name, blob in files.items() if not isinstance(blob, LocalBlob)] == [
        "model-00002-of-00005.safetensors"
    ]
    assert fingerprint("org/model") == fingerprint(folder)


def copies(parts: Parts, layers: int) -> dict[str, torch.Tensor]:
    """The parts of one quantised matrix, in as many layers."""
    return {
        f"model.layers.{layer}.self_attn.q_proj{part}": tensor.clone()
        for layer in range(layers)
        for part, tensor in parts.items()
    }


def test_many_small_parts_cost_few_requests(hub, cache, tmp_path):
    """compressed-tensors' shapes stand together: those of 500 matrices come with a few blocks."""
    parts, _ = compressed(torch.randn(32, 64))
    folder = write_folder(tmp_path / "model", copies(parts, 500))
    hub.add("org/model", {"model.safetensors": (folder / "model.safetensors").read_bytes()})
    assert len(open_checkpoint("org/model").entries) == 500
    assert len(answers(hub)) <= 4


def test_small_parts_far_apart_are_in_flight_together(hub, cache, tmp_path):
    """Bitsandbytes' quant_state stand each beside its weight: no request waits for the one before."""
    state = {"shape": [256, 512], "blocksize": 4096, "dtype": "float32"}
    parts = {
        ".weight": torch.randint(256, (BLOCK, 1), dtype=torch.uint8),
        ".weight.absmax": torch.ones(32),
        ".weight.quant_map": torch.linspace(-1, 1, 16),
        ".weight.quant_state.bitsandbytes__nf4": torch.tensor(
            list(json.dumps(state).encode()), dtype=torch.uint8
        ),
    }
    folder = write_folder(tmp_path / "model", copies(parts, 8))
    hub.add("org/model", {"model.safetensors": (folder / "model.safetensors").read_bytes()})
    hub.delay = 0.3
    local, remotely = open_checkpoint(folder).entries, open_checkpoint("org/model").entries
    assert hub.most_in_flight > 2
    assert len(answers(hub)) <= 1 + 8
    hub.delay = 0
    assert [torch.equal(a.load(), b.load()) for a, b in zip(local, remotely, strict=True)] == [
        True
    ] * 8


def test_progress_comes_after_the_work(hub, cache, tmp_path):
    """As many calls and bytes as there are tensors, though the next one is on its way already."""
    folder = publish(hub, tmp_path / "model")
    told, locally = [], []
    compute(open_checkpoint("org/model"), progress=lambda *numbers: told.append(numbers))
    compute(open_checkpoint(folder), progress=lambda *numbers: locally.append(numbers))
    assert sorted(nbytes for *_, nbytes in told) == sorted(nbytes for *_, nbytes in locally)
    assert told[-1] == locally[-1]


QUANTISATIONS = ("m-Q4.gguf", "m-Q8-00001-of-00002.gguf", "m-Q8-00002-of-00002.gguf")


@pytest.mark.parametrize("download", [False, True], ids=["ranges", "kept"])
def test_several_models_are_refused_before_a_weight_is_fetched(hub, cache, download):
    """The sentence names the files and how to choose one; a file that is not there is told apart."""
    hub.add("org/model", dict.fromkeys([*QUANTISATIONS, "config.json"], b"{}"))
    told = r"'org/model' holds several .*\(m-Q4.gguf, m-Q8-.*\); name .* as 'org/model:m-Q4.gguf'"
    with pytest.raises(SeveralCheckpoints, match=told):
        open_checkpoint("org/model", download=download)
    with pytest.raises(HubFileNotFound, match=r"no file 'm-Q5.gguf'; it has m-Q4.gguf, m-Q8-"):
        open_checkpoint("org/model@main:m-Q5.gguf", download=download)
    assert hub.fetched("org/model") == set()


@pytest.mark.parametrize("download", [False, True], ids=["ranges", "kept"])
@pytest.mark.parametrize(
    "file", ["b.safetensors", "in a folder/c-00001-of-00002.gguf", "d.safetensors.index.json"]
)
def test_one_of_several_models(hub, cache, tmp_path, file, download):
    """What is named is read, with the shards that belong to it, and nothing else is asked for."""
    shards = write_shards(tmp_path, llama(), 2)
    files = {
        path.name.replace("model", "d"): path.read_bytes().replace(b"model-0", b"d-0")
        for path in shards.iterdir()
    }
    whole = (write_folder(tmp_path / "b", llama()) / "model.safetensors").read_bytes()
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 0) + bytes(40)
    files |= {"b.safetensors": whole, "e.safetensors": whole}
    files |= {f"in a folder/c-0000{i}-of-00002.gguf": head for i in (1, 2)}
    hub.add("org/model", files)
    found = open_checkpoint(f"org/model:{file}", download=download)
    assert found.name == f"org/model:{file}"
    assert len(found.entries) == (0 if "gguf" in file else 17)
    assert found.remote is not download
    assert {name[0] for name in hub.fetched("org/model")} == {file[0]}


KINDS = ["cut", "long", "short", "whole", "elsewhere", "fewer", "compressed", "error", "expired"]


def load_all(source: str) -> None:
    """As a fingerprint does, without the numbers."""
    for entry in open_checkpoint(source).entries:
        entry.load()


@pytest.mark.parametrize("after", [0, 3, 8], ids="after-{}".format)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stored", ["bin", "legacy", "shards"])
def test_every_fault_is_one_sentence(hub, cache, tmp_path, kind, stored, after):
    """Whatever reads the bytes - torch, its unpickler, zipfile - and whenever they go wrong."""
    publish(hub, tmp_path / "model", stored)
    hub.fault("org/model", kind, files_only=True, after=after)
    with pytest.raises(CheckpointError, match=r"^[^\n]*org/model[^\n]*; [^\n]*\.$"):
        load_all("org/model")
