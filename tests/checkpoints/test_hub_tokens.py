"""The hub's token, over every redirect: to the hub's own scheme, host and port, and nowhere else."""

import pytest
from hub_client import client
from lies import FILES, TOKEN
from lying_hub import Liar

from registry.checkpoints import open_checkpoint
from registry.checkpoints.hub.client import HTTP, is_home
from registry.checkpoints.hub.exchange import exchange
from registry.errors import HubSettings, HubTokenMalformed

HUB = "https://hub.example"
# Where a request of the hub is redirected to, and whether the token goes with it.
REDIRECTS = {
    "relative": ("/api/other", True),
    "its own address": ("https://hub.example/api/other", True),
    "its own port": ("https://hub.example:443/x", True),
    "in capitals": ("HTTPS://HUB.EXAMPLE/x", True),
    "another port": ("https://hub.example:8443/x", False),
    "another scheme": ("http://hub.example/x", False),
    "the other scheme's port": ("http://hub.example:443/x", False),
    "another host": ("https://evil.example/x", False),
    "a host below": ("https://cdn.hub.example/x", False),
    "a host that begins so": ("https://hub.example.evil.example/x", False),
    "without a scheme": ("//evil.example/x", False),
    "a name before": ("https://hub.example@evil.example/x", False),
    "a name and a password before": ("https://hub.example:443@evil.example/x", False),
    "a backslash, in a name that is dropped": ("https://evil.example\\@hub.example/x", True),
    "metadata of a cloud": ("http://169.254.169.254/latest/meta-data", False),
    "this machine": ("http://127.0.0.1/x", False),
    "this machine by name": ("http://localhost:8080/x", False),
    "an address of version 6": ("http://[fd00:ec2::254]/x", False),
    "the public hub": ("https://huggingface.co/x", False),
    "the dot at the end": ("https://hub.example./x", False),
}


@pytest.mark.parametrize(("location", "goes"), REDIRECTS.values(), ids=REDIRECTS.keys())
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects(monkeypatch, location, goes, status):
    """The token of a request to the hub, after a redirect; the password in an address is not sent either."""
    seen = []

    def serve(request):
        seen.append(request.headers.get("authorization"))
        if len(seen) == 1:
            return HTTP.Response(status, headers={"Location": location})
        return HTTP.Response(200)

    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", HUB)
    sender = HTTP.Client(transport=HTTP.MockTransport(serve))
    headers = {"authorization": f"Bearer {TOKEN}"}
    request = sender.build_request("GET", f"{HUB}/api/models/m", headers=headers)
    exchange(request, send=sender.send)
    assert seen == [f"Bearer {TOKEN}", f"Bearer {TOKEN}" if goes else None]


def test_a_token_does_not_come_back(monkeypatch):
    """After a redirect elsewhere, one back to the hub is sent without it: another host wrote it."""
    seen = []
    path = ["https://evil.example/a", f"{HUB}/api/secret", None]

    def serve(request):
        seen.append(request.headers.get("authorization"))
        location = path[len(seen) - 1]
        return (
            HTTP.Response(302, headers={"Location": location}) if location else HTTP.Response(200)
        )

    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", HUB)
    sender = HTTP.Client(transport=HTTP.MockTransport(serve))
    headers = {"authorization": f"Bearer {TOKEN}"}
    exchange(sender.build_request("GET", HUB, headers=headers), send=sender.send)
    assert seen == [f"Bearer {TOKEN}", None, None]


def test_an_address_beside_the_hub(monkeypatch):
    """A first request elsewhere, as the client makes to wherever an answer says, has none either."""
    seen = []
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", HUB)
    transport = HTTP.MockTransport(
        lambda request: seen.append(request.headers) or HTTP.Response(200)
    )
    sender = HTTP.Client(transport=transport)
    headers = {"authorization": f"Bearer {TOKEN}"}
    exchange(sender.build_request("GET", "https://evil.example", headers=headers), send=sender.send)
    assert "authorization" not in seen[0]


@pytest.mark.parametrize(
    "endpoint",
    ["https://hub.example", "https://hub.example/a/path", "https://user:password@hub.example"],
)
def test_home(monkeypatch, endpoint):
    """The hub's own address, with whatever path, name and password HF_ENDPOINT has."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
    assert is_home(HTTP.URL("https://hub.example/x"))
    assert not is_home(HTTP.URL("http://hub.example/x"))


@pytest.mark.parametrize(
    "endpoint", ["", "hub", "ftp://hub", "http://", "http://[::1", "http://h:99999"]
)
def test_bad_endpoints(monkeypatch, endpoint):
    """What is no address of a hub is said to be none."""
    with client("http://127.0.0.1:9", None):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
        with pytest.raises(HubSettings, match="HF_ENDPOINT is no address"):
            open_checkpoint("org/model")


@pytest.mark.parametrize("token", ["hf_a b", "hf_\x1b[31m", "hf_é", "hf_\ud83d", "hf_a\x7f"])
def test_malformed_tokens(tmp_path, monkeypatch, token):
    """A token that cannot be sent is refused without being shown, for a download too."""
    with Liar(FILES) as liar, client(liar.url, tmp_path):
        monkeypatch.setattr("huggingface_hub.get_token", lambda: token)
        for download in (False, True):
            with pytest.raises(HubTokenMalformed, match="characters that no token has") as caught:
                open_checkpoint("org/model", download=download)
            assert "hf_" not in str(caught.value)
        assert liar.asked == []
