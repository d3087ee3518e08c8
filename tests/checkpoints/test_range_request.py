"""registry.checkpoints.hub.range_request: one request, and what may be wrong with its answer."""

import pytest
from hub_server import Hub

from registry.checkpoints.hub.errors import HTTP
from registry.checkpoints.hub.place import Place
from registry.checkpoints.hub.range_request import Rest, mismatch, request

PLACE = Place("http://127.0.0.1/file", 1000)
GOOD = {"Content-Range": "bytes 100-149/1000", "Content-Length": "50"}


def rest(offset: int = 100, count: int = 50) -> Rest:
    return Rest(memoryview(bytearray(count)), offset)


MISMATCHES = {
    "what was asked for": (206, GOOD, None),
    "no length": (206, {"Content-Range": "bytes 100-149/1000"}, None),
    "a length that is not known": (206, GOOD | {"Content-Range": "bytes 100-149/*"}, None),
    "plain": (206, GOOD | {"Content-Encoding": "identity"}, None),
    "the whole file": (200, {}, "asked for bytes 100-149/1000, it answers 200"),
    "nothing": (204, {}, "asked for bytes 100-149/1000, it answers 204"),
    "another range": (206, {"Content-Range": "bytes 0-49/1000"}, "it sends bytes 0-49/1000"),
    "no range": (206, {}, "it sends something else"),
    "another file": (206, {"Content-Range": "bytes 100-149/999"}, "it sends bytes 100-149/999"),
    "too long": (206, GOOD | {"Content-Length": "51"}, "it announces 51 bytes where 50 belong"),
    "compressed": (206, GOOD | {"Content-Encoding": "gzip"}, "it compresses the content"),
}


@pytest.mark.parametrize(
    ("status", "headers", "problem"), MISMATCHES.values(), ids=MISMATCHES.keys()
)
def test_the_head_of_an_answer(status, headers, problem):
    """It is the range that was asked for, or the sentence says what is wrong with it."""
    found = mismatch(HTTP.Response(status, headers=headers), PLACE, rest())
    assert found is None if problem is None else found.endswith(problem)


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({"Content-Length": "1000"}, None),
        ({"Content-Length": "999"}, "it announces 999 bytes where 1000 belong"),
        ({"Content-Range": "bytes 0-49/1000"}, "asked for , it sends bytes 0-49/1000"),
    ],
    ids=["whole", "shorter", "part"],
)
def test_a_whole_file_from_its_start(headers, problem):
    """It is as good as a range that begins there."""
    assert mismatch(HTTP.Response(200, headers=headers), PLACE, rest(0)) == problem


def test_what_is_left_of_a_range():
    """Bytes are stored one after the other; those beyond the range are dropped."""
    memory = bytearray(6)
    left = Rest(memoryview(memory), 100)
    left.take(b"abcd")
    assert (bytes(memory), left.offset, len(left.memory)) == (b"abcd\0\0", 104, 2)
    left.take(b"efgh")
    assert (bytes(memory), left.offset, len(left.memory)) == (b"abcdef", 106, 0)


def test_the_request_of_a_range():
    """The bytes from the offset on, as many as there is room for, and not compressed."""
    with Hub() as hub:
        sha = hub.add("org/model", {"a.bin": bytes(range(200))})
        place = Place(f"{hub.url}/org/model/resolve/{sha}/a.bin", 200)
        with request(place, rest(100, 50)) as answer:
            assert answer.status_code == 206
            assert answer.read() == bytes(range(100, 150))
        assert [each.range for each in hub.requests] == ["bytes=100-149"] * 2
        assert [each.host for each in hub.requests] == ["hub", "store"]
