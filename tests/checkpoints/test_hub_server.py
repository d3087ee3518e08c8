"""The hub of these tests."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from hub_server import Hub

WEIGHTS = bytes(range(256)) * 20


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A hub with one model."""
    with Hub() as hub:
        hub.add("gpt2", {"model.safetensors": WEIGHTS})
        yield hub


RANGES = {
    "all": (None, 200, slice(None), None),
    "start": ("bytes=0-99", 206, slice(0, 100), "bytes 0-99/{size}"),
    "inside": ("bytes=100-199", 206, slice(100, 200), "bytes 100-199/{size}"),
    "to the end": ("bytes=100-", 206, slice(100, None), "bytes 100-{last}/{size}"),
    "past the end": ("bytes=100-99999999", 206, slice(100, None), "bytes 100-{last}/{size}"),
    "the last": ("bytes=-10", 206, slice(-10, None), "bytes {tail}-{last}/{size}"),
    "outside": ("bytes=99999998-99999999", 416, slice(0, 0), "bytes */{size}"),
    "backwards": ("bytes=9-3", 200, slice(None), None),
    "several": ("bytes=0-1,5-6", 200, slice(None), None),
}


@pytest.mark.parametrize("case", RANGES.values(), ids=RANGES.keys())
def test_ranges(hub, case):
    """The hub of these tests answers ranges as RFC 9110 has it, behind its redirect too."""
    asked, status, part, told = case
    headers = {"Range": asked} if asked else {}
    request = urllib.request.Request(
        f"{hub.url}/gpt2/resolve/main/model.safetensors", headers=headers
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=10) as response:
            got, body, place = response.status, response.read(), response.headers["Content-Range"]
    except urllib.error.HTTPError as error:
        with error:
            got, body, place = error.code, error.read(), error.headers["Content-Range"]
    size = len(WEIGHTS)
    assert (got, body) == (status, WEIGHTS[part])
    assert place == (told and told.format(size=size, last=size - 1, tail=size - 10))
