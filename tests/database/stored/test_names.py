"""registry.database.stored.names: what a model or a family may be called."""

import os
import shutil

import pytest
from command_line import answer, run
from places import execute
from sqlalchemy.orm import Session

import registry
from registry.database.connecting.connection import open_database
from registry.database.stored.names import check_names, check_source, is_unicode
from registry.errors import BadFamily, BadName, ModelNotFound, NotUnicode, SourceTooLong

REFUSED = {
    "empty": ("", "it is empty"),
    "spaces": ("  ", "it holds nothing but spaces"),
    "long": ("a" * 301, "it has 301 characters, more than 300"),
    "escape": ("a\x1b[31m", r"it holds U\+001B"),
    "newline": ("a\nb", r"it holds U\+000A"),
    "nul": ("a\0", r"it holds U\+0000"),
    "override": ("a\u202eb", r"it holds U\+202E"),
    "tag": ("a\U000e0041", r"it holds U\+E0041"),
    "joiner": ("gpt\u200d2", r"it holds U\+200D"),
    "surrogate": ("bad\udcff", r"it holds U\+DCFF"),
}


@pytest.mark.parametrize(("name", "reason"), REFUSED.values(), ids=list(REFUSED))
def test_names_that_are_refused(name, reason):
    """Empty and long ones, and those that are not seen as what they are; for families likewise."""
    with pytest.raises(BadName, match=rf"model \({reason}.*--name"):
        check_names(name, None)
    with pytest.raises(BadFamily, match=rf"family \({reason}.*--family"):
        check_names(None, name)


@pytest.mark.parametrize(
    "name",
    ["a", "org/model-7B (v2)", "模型", "क्\u200dष", "👩\u200d👧", "a" * 300, "[red]"],
    ids=ascii,
)
def test_names_that_are_taken(name):
    """Any that are seen as what they are."""
    check_names(name, name)


def test_sources():
    """Whatever a path may hold is stored, if it is Unicode; it is shown escaped."""
    check_source("a\x1b\n/b")
    with pytest.raises(NotUnicode, match="rename the file or folder"):
        check_source("bad\udcff")
    with pytest.raises(SourceTooLong, match="has 9000 characters"):
        check_source("a" * 9000)


@pytest.mark.parametrize("flag", ["--name", "--family"])
def test_a_refused_name_is_one_sentence(url, model, flag):
    """Exit code 1, before any weight is read, with the name escaped; nothing is stored."""
    result = run("ingest", model, flag, "a\x1b[2J")
    assert result.exit_code == 1
    assert result.stderr.startswith(r"Error: 'a\x1b[2J' cannot be the name of a ")
    assert result.stderr.count("\n") == 1
    assert answer("list")["models"] == []


def test_a_folder_whose_name_is_none(url, model, tmp_path):
    """It is refused with the advice to pass --name, and stored with one; its source stays as it is."""
    folder = shutil.copytree(model, tmp_path / "a\nb\x1b")
    refused = run("ingest", folder)
    assert refused.exit_code == 1
    assert "give it another with --name." in refused.stderr
    assert answer("ingest", folder, "--name", "good")["models"][0]["source"] == str(folder)


def test_a_folder_whose_path_is_not_unicode(url, model, tmp_path):
    """Another name would not help, so that it is not advised: the folder is to be renamed."""
    folder = shutil.copytree(model, tmp_path / os.fsdecode(b"bad\xff"))
    assert "rename the file or folder" in run("ingest", folder).stderr
    assert "rename the file or folder" in run("ingest", folder, "--name", "good").stderr
    assert run("ingest", shutil.copytree(folder, tmp_path / "good")).exit_code == 0


def test_names_of_an_older_registry(url, model):
    """One that would be refused now is listed, shown, compared and removed by the name that it has."""
    odd = "a\x1b[31m\nb\u202e" + "x" * 10_000
    assert run("ingest", model).exit_code == 0
    execute(url, f"UPDATE registry_tables.models SET name = E'a\\x1b[31m\\nb\u202e{'x' * 10_000}'")
    assert answer("list")["models"][0]["name"] == odd
    assert answer("show", odd)["name"] == odd
    for command in (("show", odd), ("explain", odd), ("compare", model, odd)):
        printed = run(*command)
        assert printed.exit_code in (0, 4)
        assert len(printed.output) < 6000
        assert not {"\x1b", "\u202e"} & set(printed.output)
    for table in ("list", "families"):  # which is piped whole, for other programs
        printed = run(table).output
        assert len(max(printed.splitlines(), key=len)) < 2 * len(odd) + 6000
        assert not {"\x1b", "\u202e"} & set(printed)
    assert answer("remove", odd, "--yes")["removed"]["name"] == odd


def test_what_cannot_be_stored_is_not_found(url):
    """A text that Postgres has no place for is no model's name."""
    assert not is_unicode("a\0b")
    with open_database(url) as engine, Session(engine), registry.Registry(url) as known:
        for name in ("a\0b", "bad\udcff"):
            with pytest.raises(ModelNotFound, match="registry list"):
                known.show(name)
