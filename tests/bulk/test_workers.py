"""registry.bulk.workers: processes that end with their run, however that ends."""

import os
import signal
import subprocess
import sys

import psutil
import pytest
from checkpoints_made import llama, write_folder
from command_line import answer, hear_signals, run

from registry.bulk.workers import ending_of

ARGUMENTS = ("ingest", "--rank", "16", "--workers", "1", "--tree")


@pytest.fixture
def tree(tmp_path):
    """Six models."""
    for number in range(6):
        write_folder(tmp_path / "tree" / f"m{number}", llama(seed=number, hidden=32))
    return tmp_path / "tree"


def started(tree):
    """A run in a group of processes of its own, once its first model is registered."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", *ARGUMENTS, str(tree)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=hear_signals,  # noqa: PLW1509  # one call, which takes no lock
    )
    while not process.stdout.readline().startswith("registered"):
        assert process.poll() is None
    return process


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "state"),
    [(signal.SIGINT, 130, "stopped"), (signal.SIGKILL, -9, "killed")],
)
def test_a_run_that_is_ended_goes_on_later(url, tree, number, code, state):
    """Ctrl-C reaches all of its processes, -9 the command alone; no worker stays."""
    process = started(tree)
    workers = psutil.Process(process.pid).children()
    if number is signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.kill()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in output
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []

    assert run(*ARGUMENTS, tree).exit_code == 0
    assert run("flush").exit_code == 0
    assert len(answer("list")["models"]) == 6
    assert [one["state"] for one in answer("jobs")["runs"]] == ["ended", state]


def test_how_a_process_ended_is_said():
    """By the signal's name, or by its exit code."""
    assert ending_of(-9) == "signal SIGKILL"
    assert ending_of(1) == "exit code 1"
