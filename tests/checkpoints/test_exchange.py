"""registry.checkpoints.hub.exchange: what of an answer is let through."""

import pytest

from registry.checkpoints.hub.client import HTTP
from registry.checkpoints.hub.exchange import exchange

HUB = "https://hub.example"
AUTH = '<{hub}/api/models/m/xet-read-token/main>; rel="xet-auth"'
STORE = '<https://store.example/v1/reconstructions/f>; rel="xet-reconstruction-info"'
HEADERS = {
    "links as a hub gives them": ({"Link": f"{AUTH.format(hub=HUB)}, {STORE}"}, True),
    "a link that the token would follow elsewhere": (
        {"Link": AUTH.format(hub="https://evil.example")},
        False,
    ),
    "one of two": ({"Link": f"{STORE}, {AUTH.format(hub='http://hub.example')}"}, False),
    "a next page elsewhere": ({"Link": '<//evil.example/p>; rel="next"'}, False),
    "a next page": ({"Link": '</api/p?cursor=2>; rel="next"'}, True),
    "a route": ({"X-Xet-Refresh-Route": f"{HUB}/api/xet"}, True),
    "a route elsewhere": ({"X-Xet-Refresh-Route": "https://evil.example/api/xet"}, False),
    "a route with a name before": (
        {"X-Xet-Refresh-Route": "https://hub.example@evil.example/"},
        False,
    ),
    "a route that is no address": ({"X-Xet-Refresh-Route": "https://[::1"}, False),
    "a route of another scheme": ({"X-Xet-Refresh-Route": "ftp://hub.example/"}, False),
    "a size": ({"X-Linked-Size": "17"}, True),
    "a size below zero": ({"X-Linked-Size": "-17"}, False),
    "a commit": ({"X-Repo-Commit": "a" * 40}, True),
    "a commit that is a path": ({"X-Repo-Commit": "../" + "a" * 40}, False),
    "a warning": ({"X-HF-Warning": "topic; words"}, False),
    "an ETag": ({"ETag": 'W/"abc-1"'}, True),
}


def answer_with(monkeypatch, headers):
    """What is let through of an answer with these headers."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", HUB)
    transport = HTTP.MockTransport(lambda _: HTTP.Response(200, headers=headers))
    with HTTP.Client(transport=transport) as sender:
        return exchange(sender.build_request("HEAD", f"{HUB}/m/resolve/x"), send=sender.send)


@pytest.mark.parametrize(("headers", "stays"), HEADERS.values(), ids=HEADERS.keys())
def test_headers(monkeypatch, headers, stays):
    """Those that cannot be, and addresses elsewhere that the token would be sent to, are left out."""
    [(name, value)] = headers.items()
    assert answer_with(monkeypatch, headers).headers.get(name) == (value if stays else None)


@pytest.mark.parametrize("name", ["ETag", "X-Linked-ETag"])
@pytest.mark.parametrize(
    "value", ['"../x"', '"/x"', '".."', '"a b"', '"a\\b"', '"' + "a" * 300 + '"']
)
def test_names_of_contents(monkeypatch, name, value):
    """One that is no plain name is told by its digest: the client makes a path of it."""
    told = answer_with(monkeypatch, {name: value}).headers[name]
    assert told != value
    assert len(told) == 34
    assert told != answer_with(monkeypatch, {name: '"another/name"'}).headers[name]
