"""The documentation cannot lie."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_transcript_is_what_the_demo_prints():
    """README shows the demo's output, character for character but for spaces at line ends."""
    done = subprocess.run(
        [ROOT / "examples" / "demo.sh"], capture_output=True, text=True, check=True
    )
    transcript = re.search(r"```text\n(.*?)```", README, re.DOTALL)[1]
    assert transcript.splitlines() == [line.rstrip() for line in done.stdout.strip().splitlines()]


def test_every_command_in_the_documents_exists():
    """Each `registry x` in README and docs is a command, each --option one of its options."""
    for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        for words in re.findall(r"(?:^|[`(\n;] *)registry ((?:[a-z]+ ?)+)", page.read_text()):
            group, *rest = words.split()
            assert group in cli.main.commands, f"{page.name}: registry {words}"
            if group == "db" and rest:
                assert rest[0] in cli.main.commands[group].commands, (
                    f"{page.name}: registry {words}"
                )


@pytest.mark.parametrize(
    ("page", "function"),
    [("commands", "page"), ("architectures", "architectures"), ("formats", "formats")],
)
def test_the_reference_is_generated(page, function):
    """docs/commands.md is what the commands say of themselves, docs/architectures.md what the name table holds."""
    done = subprocess.run(
        [sys.executable, "-c", f"import generate; print(generate.{function}(), end='')"],
        cwd=ROOT / "docs", env={"PYTHONPATH": f"{ROOT}:{ROOT / 'docs'}", "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == (ROOT / "docs" / f"{page}.md").read_text()


def test_every_format_is_proved_by_a_test():
    """Each test that docs/formats.md names exists."""
    rows = tomllib.loads((ROOT / "docs" / "formats.toml").read_text())
    for row in [*rows["read"], *rows["refused"]]:
        file, _, name = row["test"].partition("::")
        assert f"def {name}" in (ROOT / "tests" / file).read_text(), row


@pytest.mark.parametrize("command", ["fingerprint", "identify", "list"])
def test_json_keys_are_documented(url, model, command):
    """docs/json.md names every key of an answer."""
    CliRunner().invoke(cli.main, ["ingest", str(model)])
    arguments = [command, "--json"] if command == "list" else [command, str(model), "--json"]
    answer = json.loads(CliRunner().invoke(cli.main, arguments).stdout)
    keys = set(answer) | {
        key for entry in answer.get("matches", answer.get("models", [])) for key in entry
    }
    documented = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "json.md").read_text()))
    assert keys <= documented


def test_the_schema_page_names_every_table_and_column_group(url):
    """docs/schema.md speaks of every relation and function that the migrations made."""
    import psycopg

    with psycopg.connect(url) as own:
        tables = own.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
    page = (ROOT / "docs" / "schema.md").read_text()
    assert [
        name for (name,) in tables if name != "registry_version" and f"`{name}`" not in page
    ] == []
