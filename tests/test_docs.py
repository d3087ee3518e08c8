"""The documents: what they say of commands, files, tables and keys is so."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import cli

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted(ROOT.glob("docs/*.md"))]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
CALL = re.compile(r"(?:^ *|[`$(;] *)registry (?=[a-z])([^`\n#;)|]*)", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
ALONE = re.compile(r"`(--[a-z][\w-]*)[^`]*`")
LINK = re.compile(r"\]\((?!https?:)([^)\s#]*)(#[^)\s]*)?\)")
FILE = re.compile(
    r"`((?:registry|tests|benchmarks|docs|migrations|examples)/[\w./*-]*)(?:::(\w+))?`"
)
LISTED = re.compile(
    r"^([a-z_0-9/]+(?:, [a-z_0-9/]+)*)  +\w", re.MULTILINE
)  # modules, then what they give
ROOMS = [
    file for file in sorted(ROOT.glob("registry/*/__init__.py")) if LISTED.search(file.read_text())
]


def called(words: list[str]) -> tuple[click.Command | None, list[str]]:
    """Return the command that the words name, None for none, and the words that follow its name."""
    command: click.Command = cli.main
    while isinstance(command, click.Group):
        if not words or words[0] not in command.commands:
            return (None if command is cli.main else command), words
        command = command.commands[words[0]]
        words = words[1:]
    return command, words


def options(command: click.Command) -> set[str]:
    """Return every option of a command, as it is typed."""
    context = click.Context(command, help_option_names=cli.SETTINGS["help_option_names"])
    return {name for parameter in command.get_params(context) for name in parameter.opts}


def every_option(command: click.Command) -> set[str]:
    """Return the options of a command and of all below it."""
    names = options(command)
    for child in getattr(command, "commands", {}).values():
        names |= every_option(child)
    return names


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading).strip().lower() for heading in headings]
    return {"#" + heading.replace(" ", "-") for heading in plain}


@pytest.mark.slow
def test_the_transcript_is_what_the_demo_prints():
    """README shows the demo's output, character for character but for spaces at line ends."""
    done = subprocess.run(
        [ROOT / "examples" / "demo.sh"], capture_output=True, text=True, check=True
    )
    transcript = re.search(r"```text\n(.*?)```", README.read_text(), re.DOTALL)[1]
    assert transcript.splitlines() == [line.rstrip() for line in done.stdout.strip().splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_in_the_documents_exists(name):
    """Each `registry x` is a command, each --option after it one of that command's options."""
    wrong = []
    for call in CALL.findall((ROOT / name).read_text()):
        command, rest = called(call.split())
        if command is None:
            wrong.append(call)
            continue
        wrong += [f"{call}: {option}" for option in OPTION.findall(" ".join(rest))
                  if option not in options(command)]  # fmt: skip
    assert wrong == []


def test_the_search_for_commands_finds_them():
    """The README's commands are seen by the test above: a dozen and more, with options."""
    calls = CALL.findall(README.read_text())
    assert len({call.split()[0] for call in calls}) > 12
    assert sum(len(OPTION.findall(call)) for call in calls) > 8


@pytest.mark.parametrize("name", ["README.md", "docs/json.md", "docs/method.md"])
def test_every_option_that_stands_alone_exists(name):
    """Each `--option` without its command is an option of some command."""
    known = every_option(cli.main)
    assert [
        option for option in ALONE.findall((ROOT / name).read_text()) if option not in known
    ] == []


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    """Each relative link names a file that exists, and a heading in it."""
    page = ROOT / name
    for path, anchor in LINK.findall(page.read_text()):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), path + anchor


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_named_exist(name):
    """Each `registry/...`, `tests/...` and so on is a file or folder, each `::test` a test in it."""
    for path, test in FILE.findall((ROOT / name).read_text()):
        files = list(ROOT.glob(path.rstrip("/")))
        assert files, path
        assert not test or f"def {test}(" in files[0].read_text(), f"{path}::{test}"


@pytest.mark.parametrize("room", ROOMS, ids=[file.parent.name for file in ROOMS])
def test_the_modules_that_a_room_lists_exist(room):
    """Each module or folder that the docstring of a room's `__init__.py` lists stands in the room."""
    for names in LISTED.findall(room.read_text()):
        for name in names.split(", "):
            module = room.parent / name
            assert module.is_dir() or module.with_suffix(".py").is_file(), name


@pytest.mark.parametrize(
    ("page", "function"),
    [("commands", "page"), ("architectures", "architectures"), ("formats", "formats")],
)
def test_the_reference_is_generated(page, function):
    """The pages of commands, architectures and formats are what `make docs` writes."""
    done = subprocess.run(
        [sys.executable, "-c", f"import generate; print(generate.{function}(), end='')"],
        cwd=ROOT / "docs", env={"PYTHONPATH": f"{ROOT}:{ROOT / 'docs'}", "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == (ROOT / "docs" / f"{page}.md").read_text()


def test_every_fault_is_proved_by_a_test():
    """The tests that docs/reliability.md names exist; `::test` is of the file named before it."""
    rows = [
        line.split(" | ")
        for line in (ROOT / "docs" / "reliability.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith("| fault")
    ]
    missing = []
    for fault, _, proof in rows:
        file = None
        for named in proof.strip(" |").split(", "):
            path, _, function = named.partition("::")
            file = ROOT / path if path else file
            defined = file is not None and f"def {function or 'test_'}" in file.read_text()
            missing += [] if defined else [(fault, named)]
    assert len(rows) > 50
    assert missing == []


def test_every_format_is_proved_by_a_test():
    """Each test that docs/formats.toml names exists."""
    rows = tomllib.loads((ROOT / "docs" / "formats.toml").read_text())
    for row in [*rows["read"], *rows["refused"]]:
        file, _, name = row["test"].partition("::")
        assert f"def {name}" in (ROOT / "tests" / file).read_text(), row


def test_the_page_of_catalogues_names_every_column():
    """docs/catalogues.md has a row for every table of a catalogue, with all columns and their types in order."""
    from registry.catalogues.columns import parts

    page = (ROOT / "docs" / "catalogues.md").read_text()
    for name, part in parts().items():
        columns = ", ".join(f"`{column}` {kind}" for column, kind in part.columns.items())
        assert re.search(rf"^\| `{name}` \| .* \| {re.escape(columns)} \|$", page, re.MULTILINE), (
            name
        )


@pytest.mark.parametrize("command", ["fingerprint", "identify", "list"])
def test_json_keys_are_documented(url, model, command):
    """docs/json.md names every key of an answer."""
    CliRunner().invoke(cli.main, ["ingest", str(model)])
    arguments = [command, "--json"] if command == "list" else [command, str(model), "--json"]
    answer = json.loads(CliRunner().invoke(cli.main, arguments).stdout)
    entries = answer.get("matches", answer.get("models", []))
    keys = set(answer).union(*entries)
    documented = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "json.md").read_text()))
    assert keys <= documented


def schema_page(url: str) -> str:
    """Return what docs/schema.md is for a database."""
    done = subprocess.run(
        [sys.executable, "-c", f"import schema_page; print(schema_page.page({url!r}), end='')"],
        cwd=ROOT / "docs", env={"PYTHONPATH": f"{ROOT}:{ROOT / 'docs'}", "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_the_schema_page_is_generated(url):
    """docs/schema.md is what `make docs` writes of the catalogue: every view, function, table, key and comment."""
    page = (ROOT / "docs" / "schema.md").read_text()
    assert page == schema_page(url)
    assert page.count("## View ") > 15
    assert page.count("## Table ") > 20
    assert '    models ||--o{ edges : "child_id"' in page
    assert '    models ||--o| fingerprints : "model_id"' in page
