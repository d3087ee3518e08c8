"""registry.commands.database."""

import subprocess

import pytest
from command_line import answer, run

from registry.database.embedded.server import Server


@pytest.fixture
def own_server(tmp_path, monkeypatch):
    """A cold data folder, and the server stopped afterwards."""
    monkeypatch.delenv("REGISTRY_DATABASE_URL", raising=False)
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(tmp_path / "data"))
    yield Server(tmp_path / "data")
    Server(tmp_path / "data").stop()


@pytest.mark.slow
def test_psql_address(own_server):
    """`db url` prints an address that stays up until `db stop`."""
    address = run("db", "url").stdout.strip()
    done = subprocess.run(
        [next(iter(sorted(server_binaries()))), address, "-Atc", "SELECT count(*) FROM model_fingerprints"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("0\n", "")
    assert answer("db", "status")["running"] is True
    assert run("db", "stop").output == "stopped\n"
    status = answer("db", "status")
    assert (status["kind"], status["running"], status["url"]) == ("embedded", False, None)
    assert run("db", "stop").output == "it was not running\n"


def server_binaries() -> list[str]:
    from registry.database.embedded.binaries import find_binaries

    return [str(find_binaries() / "psql")]


def test_doctor(url):
    """A database that is well is exit code 0."""
    result = run("db", "doctor")
    assert (result.exit_code, result.output) == (0, "nothing is wrong\n")
    assert answer("db", "doctor")["findings"] == []


def test_index(url):
    """A small registry needs no lists; --check says that nothing is missed, as JSON too."""
    assert [index["exact"] for index in answer("db", "index")["indexes"]] == [True]
    checked = answer("db", "index", "--check", "--models", 5)
    assert [recall["recall"] for recall in checked["recalls"]] == [1.0, 1.0]
    shown = run("db", "index", "--check").output
    assert "fingerprints_point_search_idx" in shown
    assert "1.0000" in shown


def test_doctor_of_what_is_not_there(monkeypatch):
    """Exit code 1 while anything is wrong, with the sentence of the error."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql://127.0.0.1:1/x")
    result = run("db", "doctor", "--dry-run")
    assert result.exit_code == 1
    assert result.output.startswith("the database cannot be used: The database at")
