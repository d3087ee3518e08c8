"""registry.checkpoints.hub.range_reads, by the real hub client and a hub on this machine."""

import io
import json
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from checkpoints_made import llama, write_folder, write_shards
from hub_server import Hub, Request
from huggingface_hub import constants
from quantisers import Parts, compressed

from registry.checkpoints import open_checkpoint
from registry.checkpoints.blob import LocalBlob
from registry.checkpoints.hub import errors, range_reads
from registry.checkpoints.hub.listing import open_hub
from registry.checkpoints.hub.range_reads import BLOCK, SMALL, RemoteBlob
from registry.checkpoints.parallel import side_by_side
from registry.errors import (
    BrokenFile,
    CheckpointError,
    HubFailing,
    HubFileNotFound,
    HubLoginNeeded,
    HubRateLimited,
    HubUnreachable,
    SeveralCheckpoints,
)
from registry.fingerprints.compute import compute
from registry.fingerprints.record import Fingerprint

PART = 100_000  # bytes of a request in these tests
CONTENT = random.Random(0).randbytes(1_000_000)
TOKEN = "hf_secret"


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub of the test's own."""
    with Hub() as hub:
        yield hub


@pytest.fixture(autouse=True)
def client(hub, tmp_path, monkeypatch) -> Path:
    """The client set up for that hub, with an empty cache and without a token; returns the cache."""
    cache = tmp_path / "cache"
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        hub.url + "/{repo_id}/resolve/{revision}/{filename}",
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(range_reads, "PART", PART)
    return cache


@pytest.fixture(autouse=True)
def pauses(monkeypatch) -> list[float]:
    """The pauses that were to be made."""
    made: list[float] = []
    monkeypatch.setattr(errors.time, "sleep", made.append)
    return made


def blob_on(hub: Hub, content: bytes = CONTENT, **more: str) -> RemoteBlob:
    """A file on the hub."""
    sha = hub.add("org/model", {"a file.bin": content}, **more)
    return RemoteBlob(
        f"{hub.url}/org/model/resolve/{sha}/a%20file.bin", "a file.bin", "org/model", sha
    )


def filled(blob: RemoteBlob, start: int, end: int) -> bytes:
    memory = bytearray(end - start)
    blob.fill(memoryview(memory), start)
    return bytes(memory)


def answers(hub: Hub) -> list[Request]:
    """The requests for content."""
    return [
        request for request in hub.asked("org/model") if request.method == "GET" and request.file
    ]


LAST = len(CONTENT) % BLOCK  # bytes of the last block
SPANS = {
    "nothing": (5, 5, 0),
    "start": (0, 8, BLOCK),
    "inside the first block": (100, 50_000, BLOCK),
    "across its end": (BLOCK - 1, BLOCK + 1, 2 * BLOCK),
    "small": (300_000, 300_000 + SMALL, BLOCK),
    "no longer small": (300_000, 300_001 + SMALL, SMALL + 1),
    "one part": (200_000, 300_000, PART),
    "one byte more": (200_000, 300_001, PART + 1),
    "all": (0, len(CONTENT), len(CONTENT)),
    "last": (len(CONTENT) - 1, len(CONTENT), LAST),
}


@pytest.mark.parametrize(("start", "end", "sent"), SPANS.values(), ids=SPANS.keys())
def test_spans(hub, start, end, sent):
    """Exactly the bytes asked for are sent, except that what is small or in the first block comes in blocks."""
    assert filled(blob_on(hub), start, end) == CONTENT[start:end]
    assert sum(request.sent for request in answers(hub)) == sent


def test_the_first_block_is_fetched_once(hub):
    """And the hub is asked once where the file is."""
    blob = blob_on(hub)
    assert [filled(blob, i, i + 10) for i in (0, 8, 50)] == [
        CONTENT[i : i + 10] for i in (0, 8, 50)
    ]
    assert blob.size == len(CONTENT)
    assert [request.method for request in hub.requests] == ["HEAD", "GET"]


def test_small_reads_share_their_block(hub):
    """However many ask for it, and at the same time: a block is fetched once."""
    hub.delay = 0.05
    blob = blob_on(hub)
    places = range(400_000, 440_000, 1000)
    found: dict[int, bytes] = {}
    side_by_side(lambda place: found.__setitem__(place, filled(blob, place, place + 100)), places)
    assert found == {place: CONTENT[place : place + 100] for place in places}
    assert len(answers(hub)) == 1


def test_an_empty_file(hub):
    """There is nothing to ask for."""
    blob = blob_on(hub, b"")
    assert (blob.size, filled(blob, 0, 0), blob.open().read()) == (0, b"", b"")
    assert answers(hub) == []


def test_beyond_the_end(hub):
    """It is refused before anything is fetched."""
    with pytest.raises(BrokenFile, match="'org/model/a file.bin' is damaged .* ends 7 bytes early"):
        filled(blob_on(hub), 500_000, len(CONTENT) + 7)
    assert answers(hub) == []


def test_parts_are_in_flight_together(hub):
    """A large span does not wait for one answer after the other."""
    hub.delay = 0.05
    filled(blob_on(hub), 100_000, 900_000)
    assert hub.most_in_flight > 2


HEALING = {
    "cut": 3,
    "paused": 3,
    "rate-limited": 3,
    "error": 3,
    "unavailable": 3,
    "expired": 1,
}


@pytest.mark.parametrize("span", [(300_000, 600_000), (0, 8)], ids=["parts", "block"])
@pytest.mark.parametrize(("kind", "times"), HEALING.items(), ids=HEALING.keys())
def test_what_passes_is_survived(hub, kind, times, span):
    """The bytes are right after cut connections, pauses that the hub asks for, its failures and stale addresses."""
    blob = blob_on(hub)
    assert blob.size == len(CONTENT)
    hub.fault("org/model", kind, times=times)
    assert filled(blob, *span) == CONTENT[slice(*span)]


def test_a_cut_answer_is_resumed(hub, monkeypatch):
    """Where it ended; nothing is fetched twice."""
    monkeypatch.setattr(range_reads, "PART", len(CONTENT))
    blob = blob_on(hub)
    hub.fault("org/model", "cut", times=1)
    assert filled(blob, 400_000, 700_000) == CONTENT[400_000:700_000]
    assert [request.range for request in answers(hub)] == [
        "bytes=400000-699999",
        "bytes=500000-699999",
    ]


def test_a_stale_address_is_asked_for_anew(hub, pauses):
    """At once, and once."""
    blob = blob_on(hub)
    filled(blob, 0, 8)
    hub.fault("org/model", "expired", times=1)
    filled(blob, 700_000, 700_008)
    assert [(each.method, each.status) for each in hub.requests[2:]] == [
        ("GET", 403),
        ("HEAD", 302),
        ("GET", 206),
    ]
    assert pauses == []


def test_addresses_that_serve_one_range(hub, pauses):
    """Where the store serves only the range that an address was signed for, the hub signs each anew."""
    hub.range_bound = True
    blob = blob_on(hub)
    assert filled(blob, 0, 8) == CONTENT[:8]
    assert filled(blob, 300_000, 600_000) == CONTENT[300_000:600_000]
    first, later = hub.requests[:4], hub.requests[4:]
    assert [(each.method, each.host, each.status) for each in first] == [
        ("HEAD", "hub", 302),
        ("GET", "store", 403),  # the address of the file as a whole
        ("GET", "hub", 302),
        ("GET", "store", 206),
    ]
    assert (
        sorted((each.host, each.status) for each in later)
        == [("hub", 302)] * 3 + [("store", 206)] * 3
    )
    assert pauses == []


def test_addresses_come_to_serve_one_range(hub):
    """Though they served others before: after the first refusal the hub is asked where the file is, then by range."""
    blob = blob_on(hub)
    filled(blob, 0, 8)
    hub.range_bound = True
    hub.fault("org/model", "expired", times=1)
    assert filled(blob, 700_000, 700_008) == CONTENT[700_000:700_008]
    assert [(each.method, each.host, each.status) for each in hub.requests[2:]] == [
        ("GET", "store", 403),
        ("HEAD", "hub", 302),
        ("GET", "store", 403),
        ("GET", "hub", 302),
        ("GET", "store", 206),
    ]


def test_the_store_sees_no_token_of_a_redirect(hub, monkeypatch):
    """Where the hub itself is asked for every range, the token ends at the redirect."""
    hub.range_bound = True
    blob = blob_on(hub, token=TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert filled(blob, 300_000, 600_000) == CONTENT[300_000:600_000]
    assert {(each.host, each.token) for each in hub.requests} == {
        ("hub", f"Bearer {TOKEN}"),
        ("store", None),
    }


PAUSES = {
    "error": ([0, 1, 2, 4, 8], HubFailing),
    "cut": ([0, 1, 2, 4, 8], HubUnreachable),
    "paused": ([1, 1, 2, 4, 8], HubRateLimited),
    "shut": ([], HubRateLimited),  # two hours are not waited for
    "forbidden": ([], CheckpointError),
}


@pytest.mark.parametrize(("kind", "expected"), PAUSES.items(), ids=PAUSES.keys())
def test_pauses(hub, pauses, kind, expected):
    """They grow, are as long as the hub asks for, and end."""
    blob = blob_on(hub)
    hub.fault("org/model", kind)
    with pytest.raises(expected[1], match="'org/model'"):
        filled(blob, 600_000, 600_010)
    assert pauses == expected[0]


@pytest.mark.parametrize(
    "kind", ["long", "short", "whole", "elsewhere", "fewer", "compressed", "larger", "unsized"]
)
@pytest.mark.parametrize("span", [(200_000, 600_000), (300_000, 300_010)], ids=["parts", "part"])
def test_lies_are_found_out(hub, pauses, kind, span):
    """An answer that is not what was asked for is never taken for it, nor asked for again."""
    blob = blob_on(hub)
    hub.fault("org/model", kind)
    with pytest.raises(
        CheckpointError,
        match=r"^The hub does not give 'org/model/a file.bin' piece by piece \(.*\); ",
    ):
        filled(blob, *span)
    assert pauses == []
    assert sum(request.sent for request in answers(hub)) < 30 * len(CONTENT)


def test_a_file_that_is_sent_whole(hub):
    """A server without ranges is good enough for a file that is read from its start, such as a config."""
    content = CONTENT[:3000]
    blob = blob_on(hub, content)
    hub.fault("org/model", "whole")
    assert filled(blob, 0, 3000) == content


def test_a_silent_hub(hub, pauses, monkeypatch):
    """It is given up on."""
    monkeypatch.setattr(range_reads, "HF_HUB_ETAG_TIMEOUT", 0.05)
    blob = blob_on(hub)
    hub.fault("org/model", "silent")
    with pytest.raises(HubUnreachable, match=r"\(timed out\)"):
        filled(blob, 600_000, 600_010)
    assert len(pauses) == 5


def test_a_trickle(hub, monkeypatch):
    """A hub that sends a little now and then is given up on too."""
    seconds = iter(range(0, 10**9, 1000))
    monkeypatch.setattr(range_reads, "monotonic", lambda: next(seconds))
    monkeypatch.setattr(range_reads, "PART", len(CONTENT))
    with pytest.raises(HubUnreachable, match=r"\(it sends next to nothing\)"):
        filled(blob_on(hub), 1, len(CONTENT))


def test_the_token_stays_with_the_hub(hub, monkeypatch):
    """It opens a private model, and the store that the hub redirects to never sees it."""
    blob = blob_on(hub, token=TOKEN)
    with pytest.raises(
        HubLoginNeeded, match="those who are not logged in; check the id, and set HF_TOKEN"
    ):
        filled(blob, 0, 8)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    before = len(hub.requests)
    assert filled(blob, 300_000, 600_000) == CONTENT[300_000:600_000]
    assert {(each.host, each.token) for each in hub.requests[before:]} == {
        ("hub", f"Bearer {TOKEN}"),
        ("store", None),
    }


def test_streams(hub):
    """Seeking and reading as in a file, by the block."""
    stream, file, draw = blob_on(hub).open(), io.BytesIO(CONTENT), random.Random(1)
    for _ in range(60):
        place, count = draw.randrange(len(CONTENT) + 10), draw.choice([0, 1, 30, 5000, 200_000])
        assert stream.seek(place) == file.seek(place)
        assert stream.read(count) == file.read(count)
    assert stream.seek(-22, io.SEEK_END) == file.seek(-22, io.SEEK_END)
    assert stream.read() == file.read()
    with pytest.raises(OSError, match="before the start"):
        stream.raw.seek(-1)


def test_streams_keep_blocks(hub):
    """Reading one place again and again takes one request."""
    stream = blob_on(hub).open()
    for _ in range(5):
        stream.seek(-2000, io.SEEK_END)
        stream.read(1000)
        stream.seek(0)
        stream.read(100)
    assert len(answers(hub)) == 2


# --- whole models ---------------------------------------------------------------------------------------------

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
def test_the_fingerprint_is_the_local_one(hub, client, tmp_path, kind):
    """Bit for bit, and nothing is kept."""
    folder = publish(hub, tmp_path / "model", kind)
    assert fingerprint("org/model") == fingerprint(folder)
    assert not client.exists()


@pytest.mark.parametrize("kind", FORMATS)
def test_as_many_bytes_as_there_are(hub, tmp_path, kind):
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


def test_what_is_ignored_is_not_fetched(hub, tmp_path):
    """A tensor that no fingerprint needs stays where it is."""
    tensors = llama(**BIG) | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(1 << 20)}
    folder = write_folder(tmp_path / "model", tensors)
    hub.add("org/model", {"model.safetensors": (folder / "model.safetensors").read_bytes()})
    assert fingerprint("org/model") == fingerprint(folder)
    assert (
        sum(each.sent for each in answers(hub))
        < (folder / "model.safetensors").stat().st_size - 4_000_000
    )


def test_shards_are_indexed_together(hub, tmp_path):
    """Their headers do not wait for each other."""
    publish(hub, tmp_path / "model", "shards")
    hub.delay = 0.05
    open_checkpoint("org/model")
    assert hub.most_in_flight > 2
    assert len(answers(hub)) == 6


def test_a_cached_file_is_used(hub, client, tmp_path):
    """After --download nothing is fetched, however the model is opened; what the cache lacks is."""
    folder = publish(hub, tmp_path / "model", "shards")
    kept = open_checkpoint("org/model", download=True)
    before = len(hub.requests)
    again = open_checkpoint("org/model")
    assert not kept.remote
    assert not again.remote
    assert compute(again) == fingerprint(folder)
    assert [each.file for each in hub.requests[before:]] == [None]
    next(client.rglob("model-00002-*")).unlink()
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


def test_many_small_parts_cost_few_requests(hub, tmp_path):
    """compressed-tensors' shapes stand together: those of 500 matrices come with a few blocks."""
    parts, _ = compressed(torch.randn(32, 64))
    folder = write_folder(tmp_path / "model", copies(parts, 500))
    hub.add("org/model", {"model.safetensors": (folder / "model.safetensors").read_bytes()})
    assert len(open_checkpoint("org/model").entries) == 500
    assert len(answers(hub)) <= 4


def test_small_parts_far_apart_are_in_flight_together(hub, tmp_path):
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
    hub.delay = 0.05
    local, remotely = open_checkpoint(folder).entries, open_checkpoint("org/model").entries
    assert hub.most_in_flight > 2
    assert len(answers(hub)) <= 1 + 8
    assert [torch.equal(a.load(), b.load()) for a, b in zip(local, remotely, strict=True)] == [
        True
    ] * 8


def test_progress_comes_after_the_work(hub, tmp_path):
    """As many calls and bytes as there are tensors, though the next one is on its way already."""
    folder = publish(hub, tmp_path / "model")
    told, locally = [], []
    compute(open_checkpoint("org/model"), progress=lambda *numbers: told.append(numbers))
    compute(open_checkpoint(folder), progress=lambda *numbers: locally.append(numbers))
    assert told == locally


QUANTISATIONS = ("m-Q4.gguf", "m-Q8-00001-of-00002.gguf", "m-Q8-00002-of-00002.gguf")


@pytest.mark.parametrize("download", [False, True], ids=["ranges", "kept"])
def test_several_models_are_refused_before_a_weight_is_fetched(hub, download):
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
def test_one_of_several_models(hub, tmp_path, file, download):
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
def test_every_fault_is_one_sentence(hub, tmp_path, kind, stored, after):
    """Whatever reads the bytes - torch, its unpickler, zipfile - and whenever they go wrong."""
    publish(hub, tmp_path / "model", stored)
    hub.fault("org/model", kind, files_only=True, after=after)
    with pytest.raises(CheckpointError, match=r"^[^\n]*org/model[^\n]*; [^\n]*\.$"):
        load_all("org/model")
