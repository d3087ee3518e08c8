"""registry.checkpoints.hub.listing, through the real hub client and a hub on this machine."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints_made import llama, write_folder, write_shards
from click.testing import CliRunner
from hub_client import client, foreign
from hub_faults import ANSWERS, DAMAGE, LENGTHS, MUTE
from hub_handler import Request
from hub_server import Hub

import cli
from registry.checkpoints import open_checkpoint
from registry.checkpoints.hub import listing
from registry.errors import RegistryError

ROOT = Path(__file__).parents[2]
SOON = 10  # seconds; most errors take a tenth of one

CARD = b"---\nbase_model: org/base\n---\nText\n"
LLAMA = 17  # tensors
CUTS = 2
HUNG_UP = "peer closed connection without sending complete message body"
FORBIDDEN = "it answers 403, forbidden: Please enable access to gated repositories in your settings"
# What each fault is told as.
FAULTS = {
    "missing": ("HubModelNotFound", "has no model"),
    "private": ("HubLoginNeeded", "to those who are not logged in"),
    "bad-token": ("HubTokenRefused", "does not know your token"),
    "gated": ("HubAccessDenied", "is gated"),
    "no-revision": ("HubRevisionNotFound", "has no revision"),
    "rate-limited": ("HubRateLimited", "(it answers 429, too many requests)"),
    "paused": ("HubRateLimited", "(it answers 429, too many requests, try again in 1 seconds)"),
    "shut": ("HubRateLimited", "(it answers 429, too many requests, try again in 9999 seconds)"),
    "error": ("HubFailing", "(it answers 500, internal server error)"),
    "unavailable": ("HubFailing", "(it answers 503, service unavailable)"),
    "forbidden": ("HubForbidden", f"({FORBIDDEN})"),
    "portal": ("HubUnreachable", "from the hub (it answers, but not as a hub does)"),
    "cut": ("HubUnreachable", f"from the hub ({HUNG_UP})"),
}
# The same as it appears when files are kept, or read by ranges.
KEPT = {
    "long": ("HubUnreachable", f"from the hub ({HUNG_UP})"),
    "short": ("HubUnreachable", "from the hub (Consistency check failed: file should be of size"),
    "expired": ("HubForbidden", "(it answers 403, forbidden: Request has expired)"),
    "larger": ("HubUnreachable", "from the hub (Consistency check failed: file should be of size"),
    "midway/portal": (
        "HubUnreachable",
        "from the hub (Response from the hub is missing the 'X-Repo-Commit'",
    ),
}
RANGED = {
    "long": ("HubWithoutRanges", "bytes where "),
    "short": ("HubWithoutRanges", "bytes where "),
    "expired": ("HubForbidden", "(it answers 403, forbidden: Request has expired)"),
    "elsewhere": ("HubWithoutRanges", ", it sends bytes "),
    "fewer": ("HubWithoutRanges", ", it sends bytes "),
    "compressed": ("HubWithoutRanges", "it compresses the content"),
    "larger": ("HubWithoutRanges", ", it sends bytes "),
    "unsized": ("HubWithoutRanges", "it does not tell the file's length"),
}
# At once, or only when the files are fetched: then the client has other ways to fail.
FAULTY = {
    f"{when}/{kind}": kind
    for when in ("at-once", "midway")
    for kind in (*FAULTS, *KEPT, *RANGED)
    if "/" not in kind
}
MALFORMED = (
    "a/b/c",
    "x y",
    "-x",
    "org/",
    "/org",
    "a--b/c",
    "a..b",
    "org/model.git",
    "org/model@",
    "org/model@x y",
)


def write(folder: Path, layers: int = 2) -> dict[str, bytes]:
    """A small model with config and card."""
    write_folder(folder, llama(layers=layers), {"model_type": "llama", "layers": layers})
    return {**read(folder), "README.md": CARD}


def read(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    """A small model's files."""
    return write(tmp_path_factory.mktemp("files") / "model")


@pytest.fixture(scope="module")
def shas() -> dict[str, str]:
    """The commits of the models on the hub, by whatever name a test needs."""
    return {}


@pytest.fixture(scope="module")
def hub(tmp_path_factory, files, shas) -> Iterator[Hub]:
    """A hub with a few models, good and faulty."""
    folder = tmp_path_factory.mktemp("hub")
    others = {
        "image.png": b"png",
        "optimizer.pt": b"o",
        "tokenizer.json": b"{}",
        "onnx/notes.txt": b"x",
    }
    with Hub() as hub:
        shas["old"] = hub.add(
            "org/model", write(folder / "old", layers=1), refs=("v1", "refs/pr/1")
        )
        shas["new"] = hub.add("org/model", {**files, **others, "pytorch_model.bin": b"not fetched"})
        shas["gpt2"] = hub.add("gpt2", files)
        hub.add(
            "org/sharded",
            {**read(write_shards(folder / "shards", llama(), 3)), "model.fp16.safetensors": b"x"},
        )
        torch.save(llama(), folder / "model.bin")
        pickled = (folder / "model.bin").read_bytes()
        hub.add(
            "org/pickled",
            {"pytorch_model.bin": pickled, "training_args.bin": b"x", "vocab.txt": b"a"},
        )
        hub.add("org/weightless", {**others, "README.md": CARD})
        hub.add("org/bare", {"image.png": b"png"})
        shas["moving"] = hub.add("org/moving", files)
        hub.add("org/healing", files)
        hub.fault("org/healing", "cut", times=CUTS)
        for name, kind in FAULTY.items():
            hub.add(name, files)
            hub.fault(name, kind, files_only=name.startswith("midway"))
        hub.add("org/silent", files)
        hub.fault("org/silent", "silent")
        yield hub


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """Where the client keeps its cache."""
    return tmp_path_factory.mktemp("home")


def outcome(source: str, *, download: bool) -> dict[str, Any]:
    """What comes of opening a source and loading all of its tensors."""
    start = time.monotonic()
    try:
        checkpoint = open_checkpoint(source, download=download)
        shapes_are_true = [entry.load().shape == entry.shape for entry in checkpoint.entries]
        result = {
            "name": checkpoint.name,
            "revision": checkpoint.revision,
            "base": checkpoint.base,
            "config": checkpoint.config,
            "tensors": sum(shapes_are_true),
        }
    except Exception as exc:  # noqa: BLE001  # the tests look at it
        ours = isinstance(exc, RegistryError)
        result = {"error": type(exc).__name__, "message": str(exc), "ours": ours}
    return result | {"seconds": time.monotonic() - start}


def opened(sources: list[str], *, download: bool = True) -> dict[str, Any]:
    """What comes of opening each of `sources`, to download or by ranges."""
    return {source: outcome(source, download=download) for source in sources}


GOOD = ["org/model", "org/model@v1", "org/model@refs/pr/1", "gpt2", "org/sharded", "org/pickled"]
BAD = ["org/model@nope", "org/weightless", "org/bare", "org/nothing", *FAULTY, *MALFORMED]


@pytest.fixture(scope="module")
def ranged(hub, tmp_path_factory) -> tuple[dict[str, Any], list[Request], Path]:
    """Everything on the hub read by ranges; the requests that it took; and where the client could keep files."""
    home = tmp_path_factory.mktemp("ranged")
    before = len(hub.requests)
    with client(hub.url, home):
        outcomes = opened([*GOOD, *BAD], download=False)
    return outcomes, hub.requests[before:], home


@pytest.fixture(scope="module")
def first(hub, home, shas, ranged) -> dict[str, Any]:
    """Everything on the hub, kept, with an empty cache."""
    good = [*GOOD, f"org/model@{shas['old']}", "org/moving", "org/healing"]
    with client(hub.url, home):
        return opened([*good, *BAD])


@pytest.fixture(scope="module")
def second(hub, home, first, files, shas) -> tuple[dict[str, Any], list[Request]]:
    """Some of it again after a commit to org/moving; and the requests that it took."""
    shas["moved"] = hub.add("org/moving", {**files, "config.json": b'{"model_type": "moved"}'})
    before = len(hub.requests)
    with client(hub.url, home):
        outcomes = opened(["org/model", "org/sharded", "org/moving"])
    return outcomes, hub.requests[before:]


@pytest.fixture(scope="module")
def offline(hub, home, second) -> tuple[dict[str, Any], list[Request]]:
    """The same cache with the hub switched off; and the requests that were made nevertheless."""
    before = len(hub.requests)
    sources = [
        "org/model",
        "org/model@v1",
        "org/sharded",
        "org/nothing",
        "org/model@nope",
        "midway/cut",
    ]
    with client(hub.url, home, HF_HUB_OFFLINE=True):
        outcomes = opened(sources)
    return outcomes, hub.requests[before:]


@pytest.fixture(scope="module")
def nowhere(home, second) -> dict[str, Any]:
    """What is and is not in the cache, where nothing listens at the hub's address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with client(f"http://127.0.0.1:{taken.getsockname()[1]}", home):
            return opened(["org/model", "org/nothing"])


def check_sentence(outcome: dict[str, Any], kind: str, text: str) -> None:
    """An error of ours, soon: one line that has `text` in it and none of the client's addresses and ids."""
    assert (outcome["error"], outcome["ours"]) == (kind, True), outcome["message"]
    assert text in outcome["message"]
    assert outcome["message"].endswith(".")
    assert not any(
        part in outcome["message"] for part in ("\n", "http://", "Request ID", "Errno", "Traceback")
    )
    assert outcome["seconds"] < SOON


def test_a_model_is_read_and_pinned(first, shas):
    """The commit is recorded; the model is called as the user called it; the card and the config are read."""
    model = first["org/model"]
    assert model["revision"] == shas["new"]
    assert model["name"] == "org/model"
    assert model["tensors"] == LLAMA
    assert model["base"] == "org/base"
    assert model["config"] == {"model_type": "llama", "layers": 2}


def test_a_revision(first, shas):
    """A tag, a pull request and a commit lead to the same model, which is not the one on main."""
    for source in ("org/model@v1", "org/model@refs/pr/1", f"org/model@{shas['old']}"):
        assert first[source]["revision"] == shas["old"]
        assert first[source]["name"] == source
        assert first[source]["config"]["layers"] == 1


def test_an_id_without_an_organisation(first, shas):
    """The oldest models of the hub have no organisation."""
    assert first["gpt2"]["revision"] == shas["gpt2"]
    assert first["gpt2"]["name"] == "gpt2"


NEEDED = {
    "org/model": {"model.safetensors", "config.json", "README.md"},
    "org/sharded": {
        "model.safetensors.index.json",
        *(f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)),
    },
    "org/pickled": {"pytorch_model.bin"},
    "org/weightless": set(),
    "org/bare": set(),
}


@pytest.mark.parametrize(("model", "needed"), NEEDED.items(), ids=NEEDED.keys())
def test_only_what_is_needed_is_fetched(hub, first, model, needed):
    """Safetensors before pickles, config and card; no images, optimizer states or subfolders."""
    assert hub.fetched(model) == needed


@pytest.mark.parametrize("model", ["org/sharded", "org/pickled"])
def test_shards_and_pickles(first, model):
    """Whatever the files are, the tensors are the same."""
    assert first[model]["tensors"] == LLAMA


@pytest.mark.parametrize("model", ["org/weightless", "org/bare"])
def test_no_weights(first, model):
    """The error names the model, not a folder in the cache."""
    check_sentence(first[model], "NoWeights", f"{model!r} holds no weights")


def test_an_interrupted_download_goes_on(hub, first):
    """A connection that is cut and then holds is no error."""
    assert first["org/healing"]["tensors"] == LLAMA
    gets = [each for each in hub.asked("org/healing") if each.file and each.method == "GET"]
    assert len(gets) == len(NEEDED["org/model"]) + CUTS


def test_a_second_run_is_served_from_the_cache(second, shas):
    """Only the commit is asked for again."""
    found, requests = second
    assert found["org/model"]["revision"] == shas["new"]
    assert found["org/sharded"]["tensors"] == LLAMA
    unmoved = [request for request in requests if request.repo != "org/moving"]
    assert {request.path for request in unmoved} == {
        "/api/models/org/model",
        "/api/models/org/sharded",
    }


def test_a_branch_that_moved(first, second, shas):
    """It leads to the new commit, of which only the changed file is fetched."""
    found, requests = second
    assert first["org/moving"]["revision"] == shas["moving"]
    assert found["org/moving"]["revision"] == shas["moved"]
    assert found["org/moving"]["config"] == {"model_type": "moved"}
    content = [
        each
        for each in requests
        if each.repo == "org/moving" and each.file and each.method == "GET"
    ]
    assert [each.file for each in content] == ["config.json"]


def test_offline_from_the_cache(offline, shas):
    """A model that is in the cache needs no hub, though the files that were left out are not there."""
    found, requests = offline
    assert requests == []
    assert found["org/model"]["revision"] == shas["new"]
    assert found["org/model@v1"]["revision"] == shas["old"]
    assert found["org/sharded"]["tensors"] == LLAMA


@pytest.mark.parametrize("source", ["org/nothing", "org/model@nope", "midway/cut"])
def test_offline_and_not_in_the_cache(offline, source):
    """A model, a revision or the weights are missing from the cache."""
    check_sentence(
        offline[0][source], "HubOffline", "nor in the hub cache, and the hub is switched off"
    )


def test_an_unknown_model_or_revision(first):
    """What the hub does not have."""
    check_sentence(first["org/nothing"], "HubModelNotFound", "The hub has no model 'org/nothing'")
    check_sentence(
        first["org/model@nope"], "HubRevisionNotFound", "'org/model' has no revision 'nope'"
    )


@pytest.mark.parametrize(("model", "kind"), FAULTY.items(), ids=FAULTY.keys())
def test_faults(first, model, kind):
    """Whatever the hub does while files are kept, the user reads one sentence that says so."""
    told = {**FAULTS, **KEPT}.get(model) or {**FAULTS, **KEPT}.get(kind)
    if told is None:  # it concerns ranges alone
        assert first[model]["tensors"] == LLAMA
    else:
        check_sentence(first[model], *told)


@pytest.mark.parametrize(("model", "kind"), FAULTY.items(), ids=FAULTY.keys())
def test_faults_of_ranges(ranged, model, kind):
    """Whatever the hub does while files are read by ranges, the user reads one sentence that says so."""
    check_sentence(ranged[0][model], *{**FAULTS, **RANGED}[kind])
    assert repr(model)[:-1] in ranged[0][model]["message"]


@pytest.mark.parametrize("source", [source for source in GOOD if source != "gpt2"])
def test_ranges_lead_to_the_same(ranged, first, source):
    """Name, commit, config, base and tensors are those of the model that was kept."""
    (found, _, _), kept = ranged, first[source]
    assert found[source] | {"seconds": 0} == kept | {"seconds": 0}


@pytest.mark.parametrize(("model", "needed"), NEEDED.items(), ids=NEEDED.keys())
def test_only_what_is_needed_is_read(ranged, model, needed):
    """Of the files too that are read by ranges."""
    assert {
        each.file for each in ranged[1] if each.repo == model and each.sent and each.file
    } == needed


def test_ranges_leave_nothing(ranged):
    """No file, not even an empty one, lands in the client's folder."""
    assert [path for path in ranged[2].rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("source", ["org/model", "org/nothing"])
def test_nothing_listens(nowhere, source):
    """A model cannot be pinned to where its branch stands now."""
    check_sentence(nowhere[source], "HubUnreachable", "from the hub (Connection refused)")


@pytest.mark.parametrize("source", MALFORMED)
def test_malformed_ids(hub, first, source):
    """What cannot be an id is not asked for."""
    check_sentence(
        first[source], "SourceNotFound", "is neither a file or folder here nor a hub model id"
    )
    assert source not in {request.repo for request in hub.requests}


def test_a_silent_hub_on_the_command_line(hub, tmp_path, monkeypatch):
    """It is not waited for longer than HF_HUB_ETAG_TIMEOUT; then one line on stderr, and exit code 1."""
    monkeypatch.setattr(listing, "HF_HUB_ETAG_TIMEOUT", 0.1)
    with client(hub.url, tmp_path):
        result = CliRunner().invoke(cli.main, ["fingerprint", "org/silent"])
    sentence = "'org/silent' is no file or folder here and could not be fetched from the hub"
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {sentence} (timed out); check ")
    assert result.stderr.count("\n") == 1


def test_download_on_the_command_line(hub, tmp_path):
    """It keeps what a fingerprint needs."""
    with client(hub.url, tmp_path):
        arguments = ["fingerprint", "gpt2", "--json", "--download"]
        result = CliRunner().invoke(cli.main, arguments)
    assert json.loads(result.stdout)["layers"] == 2
    assert result.stderr == ""  # no bar where stderr is no terminal
    kept = {path.name for path in tmp_path.rglob("snapshots/*/*")}
    assert kept == {"model.safetensors", "config.json", "README.md"}


@pytest.mark.slow
def test_an_interrupt_is_obeyed(hub, tmp_path, files):
    """At once, though requests are waiting for answers; the environment's HF_ENDPOINT is asked."""
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background jobs ignore it, and hand that on
    hub.add("org/stalling", files)
    hub.fault("org/stalling", "silent", files_only=True)
    settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), "HF_HUB_ETAG_TIMEOUT": "60"}
    process = subprocess.Popen(
        [sys.executable, "cli.py", "fingerprint", "org/stalling"],
        env=foreign() | settings,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        hub.wait_for_file("org/stalling", 60)
        process.send_signal(signal.SIGINT)
        message = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert message.strip().startswith("Error: Aborted by SIGINT; ")


def test_every_fault_is_tested():
    """The hub can fail in no way that its users have not seen."""
    assert {*ANSWERS, *MUTE, *DAMAGE, *LENGTHS} - {"no-file", "silent", "whole", "other-range"} == {
        *FAULTS,
        *RANGED,
    }
