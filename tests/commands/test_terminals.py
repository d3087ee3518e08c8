"""Completion in shells, colours, widths and pipes."""

import io
import json
import os
import shutil
import subprocess
import sys

import pytest
from click.shell_completion import BashComplete
from command_line import command_at, command_paths, run
from places import EXAMPLES, ROOT

import cli
from registry.commands.printing import drawn
from registry.report.tables import LONGEST_CELL, table

SOURCE = "/".join("folder" for _ in range(60))  # longer than any terminal, and than a cell there
SHELLS = {
    "bash": "set -e; {source}; complete -p registry",
    "zsh": "autoload -Uz compinit; compinit -D; {source}; print -r -- $_comps[registry]",
    "fish": "{source}; complete -c registry",
}
START = "import sys; sys.argv[0] = 'registry'; from registry.launch import run; run()"
PROGRAM = f'#!/bin/sh\nexec "{sys.executable}" -c "{START}" "$@"\n'


class Terminal(io.StringIO):
    """A terminal that knows UTF-8."""

    encoding = "utf-8"

    def isatty(self):
        """It is one."""
        return True


@pytest.fixture
def plain(monkeypatch):
    """No variable says anything of colours or widths."""
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def one_row():
    """A table of one row, wider than any terminal."""
    return table("model", "source", rows=[("child", SOURCE)])


def test_a_piped_table_is_neither_wrapped_nor_cut(plain):
    """A row is a line, and every character of it is there."""
    text = drawn(one_row(), io.StringIO())
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 3
    assert lines[2].split() == ["child", SOURCE]


def test_a_terminal_gets_what_fits(plain, monkeypatch):
    """Rows are folded into its columns, and long names are cut in the middle."""
    monkeypatch.setenv("COLUMNS", "80")
    text = drawn(one_row(), Terminal())
    assert max(map(len, text.splitlines())) <= 80 + len("\x1b[1m\x1b[0m") * 4
    cells = "".join("".join(line.split()) for line in text.splitlines()[3:])
    assert len(cells.removeprefix("child")) == LONGEST_CELL
    assert "..." in cells


@pytest.mark.parametrize(
    ("columns", "widest"),
    [("60", 60), ("200", 200), ("1", 40), ("0", None), ("x", None), ("٣", None), ("9" * 400, None)],
)
def test_columns_are_obeyed(plain, monkeypatch, columns, widest):
    """In a pipe as on a terminal; what is no number, or 0, counts for nothing."""
    monkeypatch.setenv("COLUMNS", columns)
    text = drawn(one_row(), io.StringIO())
    width = max(map(len, text.splitlines()))
    assert width == widest if widest else width > len(SOURCE)


def test_no_color(plain, monkeypatch):
    """With NO_COLOR nothing is coloured; in a pipe there is no escape at all."""
    from rich.text import Text

    red = Text("x", style="red")
    assert "\x1b[31m" in drawn(red, Terminal())
    assert "\x1b" not in drawn(red, io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in drawn(red, Terminal())


def completions(*words):
    """What a shell offers for the last of some words, and the kinds of these."""
    *before, last = words
    found = BashComplete(cli.main, {}, "registry", "_REGISTRY_COMPLETE").get_completions(
        before, last
    )
    return [(item.type, item.value) for item in found]


def test_completion_of_words():
    """Commands, options and choices are completed."""
    assert [value for _, value in completions("ver")] == ["verify"]
    assert ("plain", "--claimed-base") in completions("verify", "--claim")
    forms = [value for _, value in completions("export-statement", "x", "--format", "c")]
    assert forms == ["cyclonedx", "card"]
    assert [value for _, value in completions("db", "up")] == ["upgrade"]


@pytest.mark.parametrize(
    "words",
    [
        ("identify", "./m"),
        ("ingest", "a", "./m"),
        ("compare", "a", "./m"),
        ("verify", "./m"),
        ("verify", "--claim", "./m"),
        ("fingerprint", "./m"),
        ("inspect", "./m"),
        ("report", "x", "-o", "./m"),
    ],
    ids=" ".join,
)
def test_completion_of_files(words):
    """Where a file or folder may stand, the shell completes its name."""
    assert completions(*words) in ([("file", "./m")], [("dir", "./m")])


def test_every_source_is_completed():
    """No argument that is called a source is left out."""
    for path in command_paths():
        for parameter in command_at(path).params:
            if parameter.name in {"source", "sources", "a", "b"}:
                assert completions(*path, "./m")[0][0] == "file", path


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program `registry` on the path."""
    file = tmp_path / "registry"
    file.write_text(PROGRAM)
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize("shell", SHELLS)
def test_the_lines_of_the_documents(program, shell):
    """What docs/pipelines.md says to put into a shell's file defines a completion there."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    page = (ROOT / "docs" / "pipelines.md").read_text()
    [line] = [line for line in page.splitlines() if f"_REGISTRY_COMPLETE={shell}_source" in line]
    source = line.partition("#")[0].strip()
    done = subprocess.run(
        [shell, "-c", SHELLS[shell].format(source=source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    assert "registry" in done.stdout, done


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        "-h",
        "list",
        "tree",
        "claims",
        "show llama-tiny",
        "export-statement llama-tiny --format cyclonedx",
        "verify --claim {child} --format github",
        "list --json",
    ],
)
def test_a_reader_who_has_enough(program, examples_url, monkeypatch, arguments):
    """`| head -1` gets its line, and nothing is said on stderr."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", examples_url)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    typed = arguments.format(child=EXAMPLES / "llama-tiny-code")
    done = subprocess.run(
        ["bash", "-c", f"registry {typed} | head -1"], capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.returncode, done.stdout.count("\n")) == ("", 0, 1)


def test_lists_in_a_pipe(examples_url, monkeypatch, plain):
    """`registry list` has a line for every model there, whatever the terminal around is."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", examples_url)
    lines = [line for line in run("list").stdout.splitlines() if line.strip()]
    assert len(lines) == 2 + len(json.loads(run("list", "--json").stdout)["models"])
