"""The command line as a whole: its help, its errors and its exit codes."""

import os
import shutil
import subprocess
import sys

import pytest
from command_line import answer, command_paths, run

import cli
from registry.notices import LOGGER

DRAWN = {("plot",), ("report",)}  # what they give is a file of its own kind


@pytest.mark.parametrize("path", command_paths(), ids=" ".join)
def test_every_command_has_help(path):
    """-h explains, and options name their environment variables."""
    result = run(*path, "-h")
    assert result.exit_code == 0
    assert f"Usage: main {' '.join(path)}" in result.output
    assert ("--json" in result.output) == (path not in DRAWN)
    assert "REGISTRY_" in result.output


@pytest.mark.parametrize("path", [p for p in command_paths() if len(p) == 1], ids=" ".join)
def test_help_has_an_example(path):
    """Every top-level command shows how it is used."""
    assert f"Example: registry {path[0]}" in run(*path, "-h").output


@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest", "./nowhere"),
        ("identify", "./nowhere"),
        ("fingerprint", "./nowhere"),
        ("show", "x"),
        ("remove", "x"),
        ("db", "stop"),
    ],
    ids=" ".join,
)
def test_errors_are_one_sentence(url, arguments):
    """Exit code 1, nothing on stdout, one line on stderr."""
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest",),
        ("frobnicate",),
        ("identify", "x", "-k", "0"),
        ("ingest", "a", "b", "--name", "c"),
    ],
    ids=" ".join,
)
def test_usage_errors(arguments):
    """Wrong usage is exit code 2."""
    assert run(*arguments).exit_code == 2


def test_no_database_no_harm(model, monkeypatch):
    """A database that is down is one sentence."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql://127.0.0.1:1/x")
    result = run("ingest", model)
    assert result.exit_code == 1
    assert "does not answer" in result.stderr


def test_commands_stand_under_headings():
    """`registry -h` lists every command once, in a section, with a help that fits its line."""
    output = run("-h").output
    listed = [command.name for commands in cli.SECTIONS.values() for command in commands]
    assert sorted(listed) == sorted(cli.main.commands)
    for section, commands in cli.SECTIONS.items():
        below = output.split(f"\n{section}:\n")[1]
        lines = below.splitlines()[: len(commands)]
        assert [line.split()[0] for line in lines] == [command.name for command in commands]


def test_help_needs_no_heavy_package():
    """`registry -h` loads neither numpy, torch, matplotlib nor SQLAlchemy."""
    code = "import sys, cli; sys.exit(bool({'numpy', 'torch', 'matplotlib', 'sqlalchemy'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_of_files_that_are_not_unicode(model, tmp_path):
    """A name with bytes that are not UTF-8 is printed with escapes, which JSON reads back."""
    folder = shutil.copytree(model, tmp_path / os.fsdecode(b"bad\xff"))
    assert "bad\\udcff" in run("inspect", folder).stdout
    assert answer("inspect", folder)["source"] == str(folder)


def test_notices_are_printed_by_the_command_alone(url):
    """Once a command has ended, a program that ran it hears of waits through the logger again."""
    run("list")
    assert LOGGER.handlers == []
