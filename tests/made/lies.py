"""A model on a hub that lies, what comes of reading it, and ways to lie."""

import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from hub_client import client
from huggingface_hub import constants
from lying_hub import COMMIT, Asked, Liar, answer, head, listed, part
from safetensors.torch import save

from registry.checkpoints import open_checkpoint
from registry.checkpoints.hub import limits, listing, place, range_request
from registry.errors import RegistryError

# Seconds. Nearly all readings take a tenth of one, and none is to wait for the client's timeout,
# unless its limits say so: a machine that is busy with other work may be slow to answer.
SOON = 15
TIMEOUT = 20
TOKEN = "hf_thetoken"
TENSORS = {
    f"model.layers.{i}.mlp.up_proj.weight": torch.randn(
        96, 256, generator=torch.Generator().manual_seed(i)
    )
    for i in range(4)
}
WEIGHTS = save(TENSORS)
OTHER = save({name: tensor + 1 for name, tensor in TENSORS.items()})  # of the same length
FILES = {
    "model.safetensors": WEIGHTS,
    "config.json": b'{"model_type": "llama"}',
    "README.md": b"---\nbase_model: org/base\n---\n",
}
PLACES: dict[str, str] = {}  # addresses that answers of these tests lead to
Limits = dict[tuple[Any, str], float]
TIMEOUTS = (
    (constants, "HF_HUB_ETAG_TIMEOUT"),
    (constants, "HF_HUB_DOWNLOAD_TIMEOUT"),
    (listing, "HF_HUB_ETAG_TIMEOUT"),
    (place, "HF_HUB_ETAG_TIMEOUT"),
    (range_request, "HF_HUB_DOWNLOAD_TIMEOUT"),
)
LIMITS: Limits = dict.fromkeys(TIMEOUTS, TIMEOUT) | {
    (limits, "LIST_BYTES"): 1 << 20,
    (limits, "LIST_NAMES"): 1000,
    (limits, "WEIGHT_FILES"): 50,
}
# Limits in time that a test can wait for, where nothing comes and where next to nothing does. A
# right answer before may take longer on a busy machine: what comes of it is the same.
SILENCE: Limits = dict.fromkeys(TIMEOUTS, 0.2) | {(limits, "LOST_SECONDS"): 0.3}
SLOWNESS: Limits = {(limits, "WINDOW"): 0.2, (limits, "LOST_SECONDS"): 0.3}


class Outcome(NamedTuple):
    """What comes of reading a model: an error's name and its sentence, none where it was right."""

    error: str | None = None
    sentence: str = ""


RIGHT = Outcome()


@cache
def elsewhere() -> Liar:
    """Another host, which serves the files as well."""
    return Liar(FILES).__enter__()


def outcome(
    liar: Liar, home: Path, *, download: bool = False, shorter: Limits | None = None
) -> Outcome:
    """Read a model from a hub, with a token; check what must hold whatever the hub does.

    It ends soon, in the right weights or one sentence; no other host sees the token. The limits in
    `shorter` are those that the test waits for.
    """
    PLACES.update(here=liar.url, elsewhere=elsewhere().url, nowhere="http://127.0.0.1:9")
    elsewhere().asked.clear()
    began = time.monotonic()
    with (
        client(liar.url, home, DOWNLOAD_CHUNK_SIZE=10_000),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("HF_TOKEN", TOKEN)
        for (module, name), value in (LIMITS | (shorter or {})).items():
            patch.setattr(module, name, value)
        try:
            checkpoint = open_checkpoint("org/model", download=download)
            read = {entry.name: entry.load().tolist() for entry in checkpoint.entries}
        except RegistryError as exc:
            result = Outcome(type(exc).__name__, str(exc))
        else:
            result = RIGHT
            assert read == {name: tensor.tolist() for name, tensor in TENSORS.items()}
            assert checkpoint.config == {"model_type": "llama"}
    assert time.monotonic() - began < SOON
    assert result is RIGHT or result.sentence.endswith(".")
    assert not any(part in result.sentence for part in ("\n", TOKEN, "http://", "127.0.0.1"))
    assert elsewhere().tokens == set()
    return result


def check(found: Outcome, expected: Outcome) -> None:
    """Compare an outcome with an error's name and a part of its sentence."""
    assert found.error == expected.error, found.sentence
    assert expected.sentence in found.sentence


def moved(address: str, status: str = "302 Found", stage: Any = None, **headers: object) -> Any:
    """Redirect, to the path that was asked for or to another."""

    def redirect(asked: Asked) -> Iterator[bytes]:
        location = address.format(**PLACES, target=asked.target)
        told = {"X_Repo_Commit": COMMIT, "X_Linked_Size": len(asked.content)} | headers
        yield answer(status, Location=location, **told)

    return redirect


def saying(*pieces: bytes) -> Any:
    """Send bytes as they are."""
    return lambda _: pieces


def in_turns(*answers: Any) -> Any:
    """Answer the first request in one way, the next in another; from then on in the last."""
    return lambda asked: answers[min(asked.number, len(answers) - 1)](asked)


def good_list(_: Asked) -> list[bytes]:
    return [listed(sorted(FILES))]


def good_head(asked: Asked) -> list[bytes]:
    return [head(asked)]


def good_part(asked: Asked) -> list[bytes]:
    return [part(asked)]


UNREACHABLE = Outcome("HubUnreachable", "")
NO_HUB = Outcome("HubUnreachable", "(it answers, but not as a hub does)")
NO_COMMIT = Outcome("HubUnreachable", "(it names no commit)")
REFUSED = Outcome("HubListRefused", "")
SILENT = Outcome("HubUnreachable", "(timed out)")
DRIP = Outcome("HubUnreachable", "(it sends next to nothing)")
ENDED_BY = {SILENT: SILENCE, DRIP: SLOWNESS}
MUCH = Outcome("HubUnreachable", "(it sends more than 1 MB where little belongs)")
CIRCLE = Outcome("HubUnreachable", "(it redirects again and again)")
PACKED = Outcome("HubUnreachable", "(it compresses the content)")
CHANGED = Outcome("HubFileChanged", "changed while it was read (it was ")


def check_reading(liar: Liar, home: Path, expected: Outcome, *, download: bool = False) -> None:
    """Read a model from a hub and compare the outcome; an expected end by a limit comes soon."""
    shorter = ENDED_BY.get(expected)
    check(outcome(liar, home, download=download, shorter=shorter), expected)


def weights_only(lie: Any, right: Any) -> Any:
    """Lie about the weights alone."""
    return lambda asked: (lie if asked.name == "model.safetensors" else right)(asked)


def headed(**headers: object) -> Any:
    """Tell where the weights are with other headers."""

    def tell(asked: Asked) -> list[bytes]:
        filled = {
            key: str(value).format(**PLACES) if value is not None else None
            for key, value in headers.items()
        }
        return [head(asked, **filled)]

    return weights_only(tell, good_head)
