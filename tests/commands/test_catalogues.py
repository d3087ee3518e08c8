"""registry.commands.catalogues: what is typed, what is answered, and with which exit code."""

import json

import pytest
from catalogues_made import digest, register
from command_line import answer, run
from places import execute

from registry.workflows import catalogues


@pytest.fixture
def file(url, tmp_path, monkeypatch):
    """A catalogue of the models a and b, both of which are registered, as is c of another family."""
    monkeypatch.setattr(catalogues, "judged", lambda _, imported: imported)
    register(url, "a", "b", family="first")
    register(url, "c", family="second")
    path = tmp_path / "first.parquet"
    exported = answer("export", "--family", "first", "-o", path)
    assert (exported["models"], exported["bytes"]) == (2, path.stat().st_size)
    return path


def test_a_family_is_exported_with_its_tree(url, file):
    """What its models come from and what comes from them goes along, of whatever family."""
    execute(
        url,
        "INSERT INTO registry_tables.edges (child_id, parent_id, relation, direction, main, evidence, changes,"
        " fingerprint_version, because) SELECT c.id, b.id, 'derived', 'shown', true, '[]', '[]', 3, 'made'"
        " FROM registry_tables.models AS c, registry_tables.models AS b WHERE c.name = 'c' AND b.name = 'b'",
    )
    assert answer("export", "--family", "first", "-o", file)["models"] == 3
    assert answer("export", "--family", "second", "-o", file)["models"] == 2
    assert answer("export", "a", "--family", "second", "-o", file)["models"] == 3
    assert answer("export", "a", "-o", file)["models"] == 1


def test_a_conflict_ends_with_one(url, file):
    """The sentence says which weights are registered and what to do, which then works."""
    execute(url, f"UPDATE registry_tables.models SET digest = '{digest('other')}' WHERE name = 'a'")
    result = run("import", file)
    assert result.exit_code == 1
    assert result.stdout.startswith("1 in conflict, left out; 1 known")
    assert f"digest {digest('other')[:12]}, not {digest('a')[:12]}" in result.stdout
    assert "import with --rename" in result.stdout
    renamed = run("import", file, "--rename")
    assert renamed.exit_code == 0
    assert f"a is registered as a~{digest('a')[:8]}" in renamed.stdout
    content = json.loads(run("import", file, "--rename", "--json").stdout)
    assert (content["known"], content["conflict"], content["models"]) == (2, 0, [])


def test_what_cannot_be_exported(url, file):
    """A family that is not there, a model that is not there, and a fingerprint of several."""
    for arguments, sentence in (
        (("--family", "none"), "No registered family is called 'none'"),
        (("none",), "No registered model is called 'none'"),
    ):
        result = run("export", *arguments, "-o", file)
        assert (result.exit_code, sentence in result.stderr) == (1, True)
    for arguments in ((), ("a", "b"), ("a", "--family", "first")):
        assert run("export", *arguments, "-o", file.with_suffix(".json")).exit_code == 2
    execute(url, "DELETE FROM registry_tables.models")
    empty = run("export", "-o", file)
    assert (empty.exit_code, "nothing to export" in empty.stderr) == (1, True)
    assert run("import", file).exit_code == 0
