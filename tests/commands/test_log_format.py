"""registry --log-format json: what is said on stderr, of every kind, as objects; stdout stays as it is."""

import json
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner
from command_line import command_paths, run
from rich.console import Console

import cli
from registry import settings
from registry.commands.printing import say_table, talk_console
from registry.commands.progress import Bar
from registry.errors import ModelNotFound
from registry.notices import StillDue, notify
from registry.settings import LogFormat

JSON = ("--log-format", "json")


def lines(result):
    """What was said: every line is an object."""
    return [json.loads(line) for line in result.stderr.splitlines()]


def told(result):
    """The one line that was said, without the time."""
    [line] = lines(result)
    assert line.pop("time").endswith("Z")
    return line


def test_an_error(url):
    """Its class, its sentence and what that is made of; the exit code stays."""
    result = run(*JSON, "show", "x")
    assert (result.exit_code, result.stdout) == (1, "")
    assert told(result) == {
        "level": "error",
        "event": "ModelNotFound",
        "message": str(ModelNotFound(name="x")),
        "data": {"name": "x"},
        "command": "show",
    }


def test_the_environment(url, monkeypatch):
    """REGISTRY_LOG_FORMAT says the same, and the flag outdoes it."""
    monkeypatch.setenv("REGISTRY_LOG_FORMAT", "json")
    assert told(run("show", "x"))["event"] == "ModelNotFound"
    assert run("--log-format", "text", "show", "x").stderr.startswith("Error: No registered")


def test_text_is_the_default(url):
    """After a command that spoke JSON, too."""
    run(*JSON, "show", "x")
    assert run("show", "x").stderr == f"Error: {ModelNotFound(name='x')}\n"


def test_the_result_stays_text(url, model):
    """What stdout has is the same in both formats."""
    run("ingest", model)
    assert run(*JSON, "list").stdout == run("list").stdout
    assert run(*JSON, "list", "--json").stdout == run("list", "--json").stdout


@pytest.mark.parametrize(
    ("typed", "event", "command"),
    [
        (("frobnicate",), "NoSuchCommand", ""),
        (("--bogus",), "NoSuchOption", ""),
        (("list", "--bogus"), "NoSuchOption", "list"),
        (("db", "frobnicate"), "NoSuchCommand", "db"),
        (("show",), "MissingParameter", "show"),
        (("identify", "x", "-k", "0"), "BadParameter", "identify"),
        (("ingest",), "UsageError", "ingest"),
        (("plot", "a\nb"), "BadParameter", "plot"),
    ],
    ids=" ".join,
)
def test_usage_errors(typed, event, command):
    """One object with the usage beside the sentence; exit code 2."""
    result = run(*JSON, *typed)
    assert result.exit_code == 2
    line = told(result)
    assert (line["event"], line["level"], line["command"]) == (event, "error", command)
    assert line["data"]["usage"].startswith("Usage: ")


@pytest.mark.parametrize(
    "typed", [("--log-format", "xml", "list"), ("--log-format",)], ids=" ".join
)
def test_another_format_is_a_usage_error(typed):
    """As for any option; it is told as text."""
    result = run(*typed)
    assert result.exit_code == 2
    assert "--log-format" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")


def test_another_format_in_the_environment(monkeypatch):
    """It is named; an empty one is none."""
    monkeypatch.setenv("REGISTRY_LOG_FORMAT", "yaml")
    result = run("list")
    assert result.exit_code == 2
    assert "'yaml' is not one of 'text', 'json'" in result.stderr
    monkeypatch.setenv("REGISTRY_LOG_FORMAT", "")
    assert run("-h").exit_code == 0


@pytest.mark.parametrize("path", command_paths(), ids=" ".join)
def test_every_command_speaks_it(path):
    """A wrong option of each is one object."""
    line = told(run(*JSON, *path, "--no-such-option"))
    assert line["event"] in ("NoSuchOption", "MissingParameter")
    assert line["command"].split() == list(path)[: len(line["command"].split())]


def test_nothing_typed(url):
    """That there is no command is one object, without the help."""
    assert told(run(*JSON))["level"] == "error"


def test_notices_and_notes(url, model):
    """A notice is a warning by the name of its class, a note is an Empty, a NotCompared, a Note."""
    events = [line["event"] for line in lines(run(*JSON, "list"))]
    assert events == ["Empty"]
    ingested = lines(run(*JSON, "ingest", model, "--timing"))
    assert [line["event"] for line in ingested] == ["Note", "Timing"]
    assert ingested[1]["data"]["wall"] > 0


def test_a_notice_of_another_thread(capsys, monkeypatch):
    """Who watches a lock from beside speaks the same."""
    monkeypatch.setattr(settings.PROGRAM, "log_format", LogFormat.JSON)
    monkeypatch.setattr(settings.PROGRAM, "command", "list")
    printer = cli.NoticePrinter()
    cli.LOGGER.addHandler(printer)
    thread = threading.Thread(target=notify, args=(StillDue(count=3),))
    thread.start()
    thread.join()
    cli.LOGGER.removeHandler(printer)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"]) == ("StillDue", "warning")
    assert (line["data"], line["command"]) == ({"count": 3}, "list")


def test_several_sources(url, model, tmp_path):
    """What failed is told with its source, and the others go on."""
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"x" * 100)
    result = run(*JSON, "ingest", broken, model)
    assert result.exit_code == 1
    errors = [line for line in lines(result) if line["level"] == "error"]
    assert [line["data"]["source"] for line in errors] == [str(broken)]


def test_a_run_over_many_sources(url, model, tmp_path):
    """What was planned and what it came to are objects with the numbers."""
    result = run(*JSON, "ingest", "--tree", model.parent, "--workers", "1")
    assert result.exit_code == 0, result.stderr
    told = {line["event"]: line for line in lines(result)}
    assert told["RunPlanned"]["data"]["sources"] == 1
    assert told["RunSummary"]["data"]["failed"] == 0


def test_a_conversation_has_no_prompts(url, monkeypatch):
    """Lines are typed by a program; errors end nothing."""
    monkeypatch.setattr("registry.commands.sql.text_of", lambda _: None)
    result = CliRunner().invoke(
        cli.main, [*JSON, "sql", "--csv"], input="SELEC 1;\nSELECT 2 AS a;\n"
    )
    assert result.stdout == "a\n2\n"
    events = [line["event"] for line in lines(result)]
    assert [event for event in events if event != "NoAnalyst"] == ["QueryFailed"]


def test_no_bars(monkeypatch):
    """On a terminal neither; as text there are some."""
    clock = iter([100.0, 102.0, 103.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock, 104.0))
    monkeypatch.setattr(
        Console, "is_terminal", property(lambda console: console._force_terminal is None)
    )
    for log_format in LogFormat:
        monkeypatch.setattr(settings.PROGRAM, "log_format", log_format)
        assert talk_console().is_terminal == (log_format is LogFormat.TEXT)


def test_a_bar_is_not_drawn(monkeypatch, capsys):
    """However slow the work."""
    monkeypatch.setattr(settings.PROGRAM, "log_format", LogFormat.JSON)
    monkeypatch.setattr(time, "monotonic", iter([0.0, 10.0, 20.0]).__next__)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Bar("a-model") as bar:
        bar(1, 4, 1_000_000)
        assert bar.progress is None
    assert capsys.readouterr().err == ""


BUG = """
import sys, threading, warnings, logging
import cli
from registry.commands.endings import as_program
from registry.commands import models
def fail(**_):
    warnings.warn("a\\x1b")
    logging.getLogger("a_library").error("b\\n")
    thread = threading.Thread(target=int, args=("c",))
    thread.start()
    thread.join()
    raise ValueError("postgresql://me:s3cret@host/db")
models.families.callback = fail
sys.argv = ["registry", "--log-format", "json", "families"]
with as_program():
    cli.main()
"""


def test_a_bug_and_what_libraries_say(monkeypatch):
    """Warnings, log lines, and tracebacks, of threads too: an object each, and no secret in it."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql://me:s3cret@host/db")
    done = subprocess.run([sys.executable, "-c", BUG], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "s3cret" not in done.stderr
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["level"], line["event"]) for line in told] == [
        ("warning", "UserWarning"),
        ("error", "Log"),
        ("critical", "ValueError"),
        ("critical", "ValueError"),
    ]
    assert {line["command"] for line in told} == {"families"}
    assert "Traceback" in told[-1]["data"]["traceback"]


def test_a_table_without_a_stderr(monkeypatch):
    """Where nobody listens, the work goes on."""
    for log_format in LogFormat:
        monkeypatch.setattr(settings.PROGRAM, "log_format", log_format)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", None)
            say_table("a table")
