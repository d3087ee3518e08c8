"""registry.checkpoints.hub.range_reads, by the real hub client and a hub on this machine."""

import io
import random
from collections.abc import Iterator

import pytest
from hub_client import client
from hub_handler import Request
from hub_server import Hub

from registry.checkpoints.hub import exchange, place, range_reads
from registry.checkpoints.hub.range_reads import BLOCK, SMALL, RemoteBlob
from registry.checkpoints.parallel import side_by_side
from registry.errors import (
    BrokenFile,
    CheckpointError,
    HubFailing,
    HubLoginNeeded,
    HubRateLimited,
    HubUnreachable,
)

PART = 100_000  # bytes of a request in these tests
CONTENT = random.Random(0).randbytes(1_000_000)
TOKEN = "hf_secret"


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub of the test's own."""
    with Hub() as hub:
        yield hub


@pytest.fixture(autouse=True)
def pauses(hub, tmp_path, monkeypatch) -> Iterator[list[float]]:
    """The client set up for that hub, with an empty cache; returns the pauses that were to be made."""
    monkeypatch.setattr(range_reads, "PART", PART)
    with client(hub.url, tmp_path) as made:
        yield made


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
    hub.delay = 0.3  # within which a busy machine starts the threads
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
    monkeypatch.setattr(place, "HF_HUB_ETAG_TIMEOUT", 0.05)
    blob = blob_on(hub)
    hub.fault("org/model", "silent")
    with pytest.raises(HubUnreachable, match=r"\(timed out\)"):
        filled(blob, 600_000, 600_010)
    assert len(pauses) == 5


def test_a_trickle(hub, monkeypatch):
    """A hub that sends a little now and then is given up on too."""
    seconds = iter(range(0, 10**9, 1000))
    monkeypatch.setattr(exchange, "monotonic", lambda: next(seconds))
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
