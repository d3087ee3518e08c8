"""registry.checkpoints.hub.client with an environment that the hub's client cannot use."""

import subprocess
import sys
from pathlib import Path

import pytest
from hub_client import client, foreign
from huggingface_hub import close_session
from lies import FILES
from lying_hub import Liar

from registry.checkpoints import open_checkpoint
from registry.errors import CheckpointError, HubTokenMalformed

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "a proxy of no kind": ({"HTTP_PROXY": "foo://user:secret@proxy"}, "proxy"),
    "a proxy that is no address": ({"ALL_PROXY": "http://[::1"}, ""),
    "a proxy without its package": ({"ALL_PROXY": "socks5://user:secret@127.0.0.1:9"}, "SOCKS"),
    "a proxy that is not there": ({"HTTP_PROXY": "http://user:secret@127.0.0.1:9"}, "refused"),
    "certificates that are not there": ({"SSL_CERT_FILE": "/nowhere/at/all"}, ""),
}


@pytest.mark.parametrize(("variables", "part"), SETTINGS.values(), ids=SETTINGS.keys())
def test_settings(tmp_path, monkeypatch, variables, part):
    """They end in one sentence, which shows no password."""
    with Liar(FILES) as liar, client(liar.url, tmp_path):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        close_session()
        try:
            with pytest.raises(CheckpointError, match=r"^(?s:.)*\.$") as caught:
                open_checkpoint("org/model")
        finally:
            close_session()
    sentence = str(caught.value)
    assert part in sentence
    assert "secret" not in sentence
    assert "\n" not in sentence


def test_a_token_file_that_is_no_text(tmp_path):
    """It is the token's fault, not the cache's."""
    with Liar(FILES) as liar, client(liar.url, tmp_path):
        (tmp_path / "token").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(HubTokenMalformed, match="its file cannot be read"):
            open_checkpoint("org/model")


@pytest.mark.parametrize(
    "variables",
    [{"HF_ENDPOINT": "http://[::1"}, {"HF_HUB_DOWNLOAD_TIMEOUT": "soon"}],
    ids=["endpoint", "number"],
)
def test_variables_that_the_client_does_not_survive(variables):
    """One sentence, though importing the client fails."""
    code = (
        "from registry.checkpoints import open_checkpoint\n"
        "from registry.errors import HubSettings\n"
        "try:\n    open_checkpoint('org/model')\n"
        "except HubSettings as exc:\n    print(exc)\n"
    )
    environment = foreign() | variables
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    assert run.stdout.startswith("The hub's client does not start with these settings (")
