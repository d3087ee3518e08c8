"""registry.commands.measured_run."""

import pytest
from command_line import answer, run

from registry.commands.measured_run import measured_run
from registry.fingerprints.device import cores


def test_timing(url, model):
    """On stderr, or in the JSON."""
    for command in ("ingest", "identify", "fingerprint"):
        result = run(command, model, "--timing")
        assert "spectrum" in result.stderr
        assert "wall" in result.stderr
        assert "wall" not in result.stdout
        told = answer(command, model, "--timing")
        assert run(command, model, "--timing", "--json").stderr == ""
        spent = told["models"][0]["timing"] if command == "ingest" else told["timing"]
        assert 0 < spent["spectrum"] <= spent["wall"] * cores() + 1e-3
        assert "timing" not in answer(command, model)


@pytest.mark.parametrize("command", ["ingest", "identify", "fingerprint"])
def test_a_device_that_is_not_there(url, model, command):
    """One sentence and exit code 1."""
    result = run(command, model, "--device", "cuda:99")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: The device 'cuda:99' cannot be used (")


def test_threads_and_device(url, model, monkeypatch):
    """They leave the answer as it is, and have variables."""
    expected = answer("fingerprint", model)
    assert answer("fingerprint", model, "--threads", "3", "--device", "cpu") == expected
    monkeypatch.setenv("REGISTRY_FINGERPRINT_THREADS", "0")
    assert run("fingerprint", model).exit_code == 2


def test_seconds_are_known_at_the_end(capsys):
    """Timing joins the JSON or goes to stderr, and only if it was asked for."""
    with measured_run("title", json=False, timing=True) as run_:
        with run_.clock.stage("read"):
            pass
        assert run_.seconds == {}
    assert set(run_.observers) == {"progress", "timing"}
    assert run_.timed({"a": 1}) == {"a": 1, "timing": run_.seconds}
    run_.show({"a": 1}, "text")
    printed = capsys.readouterr()
    assert printed.out == "text\n"
    assert "wall" in printed.err

    with measured_run("title", json=False, timing=False) as run_:
        pass
    assert run_.timed({"a": 1}) == {"a": 1}
    run_.say_timing()
    assert capsys.readouterr() == ("", "")
