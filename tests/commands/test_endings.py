"""How commands end: on full disks, closed pipes, by signals and by bugs. With real processes."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import hear_signals, run

from registry.commands.endings import Stop, Stopper
from registry.commands.printing import NARROWEST

EXAMPLES = Path(__file__).parents[2] / "examples" / "checkpoints"
MODEL = EXAMPLES / "llama-tiny"
PROGRAM = "from registry.launch import run; run()"
FULL = Path("/dev/full")
LIMIT = 60  # seconds, against hanging
BUG = """
from registry.commands.endings import as_program
with as_program():
    raise ValueError("a\\x1b[31m\\nb postgresql://me:s3%40cret@host/db s3@cret")
"""


def started(*arguments: object, **options: object) -> subprocess.Popen[str]:
    """Start the program with pipes, and what the options say."""
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **(streams | options))


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end; return exit code and stderr."""
    _, talk = process.communicate(timeout=LIMIT)
    return process.returncode, talk


@pytest.mark.skipif(not FULL.exists(), reason="Linux alone has a full device")
@pytest.mark.parametrize(
    ("arguments", "unbuffered"),
    [(("inspect", MODEL), ""), (("inspect", MODEL, "--json"), "1"), (("-h",), "")],
    ids=["text", "json", "help"],
)
def test_a_full_disk(arguments, unbuffered):
    """A result that cannot be written is one sentence and exit code 1."""
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with FULL.open("w") as full:
        code, talk = ended(started(*arguments, stdout=full, env=environment))
    assert code == 1
    assert "cannot be written to standard output (No space left on device)" in talk
    assert talk.count("\n") == 1


def test_a_reader_who_left():
    """As with `| head`: no word, and the exit code of a program that a closed pipe ended."""
    process = started("inspect", MODEL)
    process.stdout.close()
    process.stdout = None
    assert ended(process) == (128 + signal.SIGPIPE, "")


def test_a_closed_stdout():
    """A program that was started without stdout says so; its sockets do not become stdout."""
    code, talk = ended(started("inspect", MODEL, stdout=None, preexec_fn=lambda: os.close(1)))
    assert code == 1
    assert "(it is closed)" in talk
    assert talk.count("\n") == 1


def test_a_closed_stderr():
    """Talk that nobody hears is no error: the exit code stays."""
    process = started("inspect", "./nowhere", stderr=None, preexec_fn=lambda: os.close(2))
    assert ended(process) == (1, None)


def test_a_terminal_without_unicode(tmp_path):
    """Names come out as escapes, in JSON as escapes of JSON, and nothing fails."""
    folder = shutil.copytree(MODEL, tmp_path / "模型\x1b")
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    text = started("inspect", folder, env=environment)
    table, _ = text.communicate(timeout=LIMIT)
    assert text.returncode == 0
    assert r"\u6a21\u578b\x1b" in table
    assert table.isascii()
    answer = started("inspect", folder, "--json", env=environment)
    printed, _ = answer.communicate(timeout=LIMIT)
    assert printed.isascii()
    assert json.loads(printed)["source"] == str(folder)
    wrong = started("inspect", tmp_path / "无", env=environment)
    assert ended(wrong)[0] == 1


def test_a_terminal_of_one_column(monkeypatch, capsys):
    """However narrow the terminal says that it is, a table keeps columns to be read in."""
    monkeypatch.setenv("COLUMNS", "1")
    printed = run("inspect", MODEL).stdout
    assert NARROWEST >= max(map(len, printed.splitlines())) > NARROWEST // 2


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals(name):
    """A command that is told to end says so in one line, with the exit code that shells give."""
    number = signal.Signals[name]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"postgresql://127.0.0.1:{port}/none"
        process = started(
            "list", env=os.environ | {"REGISTRY_DATABASE_URL": url}, preexec_fn=hear_signals
        )
        client, _ = silent.accept()  # the command waits for an answer from here on
        process.send_signal(number)
        code, talk = ended(process)
        client.close()
    assert code == 128 + number
    assert talk.startswith(f"Error: Aborted by {name}; ")
    assert talk.count("\n") == 1


def test_ctrl_c_while_modules_are_imported():
    """Before a command has begun Ctrl-C ends the program without a traceback."""
    code = "import os, signal, sys; sys.modules['cli'] = None; from registry.launch import run\n"
    code += "import builtins; given = builtins.__import__\n"
    code += "def loading(name, *rest):\n    if name == 'cli': os.kill(os.getpid(), signal.SIGINT)\n"
    code += "    return given(name, *rest)\n"
    code += "builtins.__import__ = loading\nrun()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        preexec_fn=hear_signals,
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_a_bug_is_a_traceback_without_secrets():
    """What no command foresaw is shown as Python shows it, but for what acts on a terminal."""
    url = "postgresql://me:s3%40cret@host/db"
    environment = os.environ | {"REGISTRY_DATABASE_URL": url}
    done = subprocess.run(
        [sys.executable, "-c", BUG],
        capture_output=True,
        text=True,
        env=environment,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert r"ValueError: a\x1b[31m" in done.stderr
    assert "cret" not in done.stderr.splitlines()[-1]
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("a\x1b[2J\u202e",), r"No such command 'a\x1b[2J\u202e'."),
        (("list", "--x\x1b\ny"), r"No such option '--x\x1b\ny'."),
        (("plot", "\x9b"), r"'\x9b' is not one of"),
        (("list", "a\nb"), r"Got unexpected extra argument (a\nb)"),
        (("identify", "x", "-k", "\u2066"), r"'\u2066' is not a valid integer range."),
    ],
    ids=["command", "option", "choice", "argument", "number"],
)
def test_what_was_typed_is_legible(typed, said):
    """Usage errors repeat what was typed, escaped, below the usage and with exit code 2."""
    result = run(*typed)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: main")
    assert said in result.stderr
    assert not {"\x1b", "\x9b", "\u202e", "\u2066"} & set(result.stderr)


LIBRARIES = r"""
import logging, threading, warnings
from registry.commands.endings import as_program
def fail():
    raise ValueError("c\x1b\n")
with as_program():
    warnings.warn("a\x1b\u202e\nb")
    logging.getLogger("a_library").warning("d\x9b")
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
"""


def test_what_libraries_say_is_legible():
    """Warnings, log lines and tracebacks of threads: escaped, warnings and lines on one line each."""
    done = subprocess.run(
        [sys.executable, "-c", LIBRARIES], capture_output=True, text=True, timeout=LIMIT, check=True
    )
    assert r"UserWarning: a\x1b\u202e\nb" in done.stderr
    assert r"d\x9b" in done.stderr.splitlines()
    assert r"ValueError: c\x1b" in done.stderr
    assert not {"\x1b", "\x9b", "\u202e"} & set(done.stderr)


def test_one_wish_to_end_is_one():
    """A signal that comes twice at once, as `timeout` sends it, does not break what is cleaned up."""
    stopper = Stopper()
    with pytest.raises(Stop, match="15"):
        stopper(signal.SIGTERM, None)
    stopper(signal.SIGTERM, None)


def test_nothing_typed_is_answered_by_help():
    """`registry` alone prints its help, on stderr for it is no result."""
    result = run()
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage: main [OPTIONS] COMMAND" in result.stderr
