"""registry.database.keeping.dumps, restores, table_streams: a registry in a file, and out of it into an empty database."""

import json
import zipfile

import pytest
from catalogues_made import register
from command_line import run
from places import execute, rows

import registry
from registry.database.connecting.connection import checked, open_database
from registry.database.connecting.transactions import answer_of
from registry.database.keeping import dumps
from registry.database.keeping.migrate import upgrade
from registry.database.keeping.table_streams import sum_of, tables
from registry.database.tables.schema import REVISION
from registry.errors import BrokenDump, DatabaseNotEmpty, DumpNewer, UnreadableFile
from registry.workflows import moving


@pytest.fixture
def dump(url, tmp_path):
    """A dump of a registry with two models, a tag, an edge and a number of a row that has gone."""
    register(url, "a", "b", "gone", family="first")
    execute(url, "DELETE FROM registry_tables.models WHERE name = 'gone'")
    execute(
        url,
        "INSERT INTO registry_tables.tags (model_id, tag) SELECT id, 'Ä tag' FROM registry_tables.models",
    )
    execute(
        url,
        "INSERT INTO registry_tables.edges (child_id, parent_id, relation, direction, main, evidence, changes,"
        " fingerprint_version, because) SELECT max(id), min(id), 'derived', 'shown', true, '[]', '[]', 3, 'made'"
        " FROM registry_tables.models",
    )
    path = tmp_path / "registry.dump"
    moving.dump(path, "0.2.0", url)
    return path


def sums(url):
    """The count and digest of every table."""
    with open_database(url) as engine:
        return answer_of(
            engine, lambda session: {t.name: sum_of(session, t) for t in tables(session)}
        )


def test_what_is_restored_is_what_was_dumped(dump, url, empty_url):
    """Every row of every table, and the numbers that sequences go on with."""
    moved = moving.restore(dump, empty_url)
    assert (moved.manifest.models, moved.manifest.revision) == (2, REVISION)
    assert sums(empty_url) == sums(url)
    last = "SELECT nextval(pg_get_serial_sequence('registry_tables.models', 'id'))"
    assert rows(empty_url, last) == rows(url, last)
    with registry.Registry(empty_url) as restored, registry.Registry(url) as known:
        assert restored.show("a") == known.show("a")


def test_every_table_is_dumped(dump):
    """All but those that the migrations and triggers write."""
    with zipfile.ZipFile(dump) as archive:
        manifest = json.loads(archive.read(dumps.MANIFEST))
    names = {table["name"] for table in manifest["tables"]}
    assert {f"registry_tables.{name}" for name in names} == set(registry_tables())


def registry_tables():
    """The names of all tables that the package knows."""
    from registry.database.tables.schema import Base

    return Base.metadata.tables


def test_a_database_that_is_not_empty(dump, url):
    """Nothing in it is overwritten, and the sentence says what to do."""
    before = sums(url)
    with pytest.raises(DatabaseNotEmpty, match="not empty.*registry import"):
        moving.restore(dump, url)
    assert sums(url) == before


def test_an_older_dump_is_upgraded(own_url, empty_url, tmp_path, monkeypatch):
    """It is restored as it was, then the schema is brought up to date, of an empty registry too."""
    older = "0012"
    with checked(empty_url) as (engine, _):
        upgrade(engine, "a database", older)
        execute(empty_url, "INSERT INTO registry_tables.families (name) VALUES ('old')")
        path = tmp_path / "older.dump"
        monkeypatch.setattr(dumps, "REVISION", older)
        answer_of(engine, lambda session: dumps.write(session, path, "0.1.0"))
        monkeypatch.undo()
    assert moving.restore(path, own_url).manifest.revision == older
    assert rows(own_url, "SELECT name FROM registry_tables.families") == [("old",)]
    stated = "SELECT version_num FROM registry_tables.registry_version"
    assert rows(own_url, stated) == [(REVISION,)]
    with registry.Registry(own_url) as restored:
        assert restored.models() == []


def write(path, contents):
    """Write a zip of these members."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def changed(dump, change):
    """Write a dump again, with its manifest or members changed."""
    with zipfile.ZipFile(dump) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(contents.pop(dumps.MANIFEST))
    change(manifest, contents)
    return write(dump, contents | {dumps.MANIFEST: json.dumps(manifest)})


def set_to(**values):
    def change(manifest, contents):
        manifest.update(values)

    return change


def changed_table(manifest, contents):
    contents["models"] = contents["models"].replace(b"Llama", b"Lhama")


def missing_table(manifest, contents):
    contents.pop("tags")


def odd_table(manifest, contents):
    manifest["tables"][0]["name"] = "x; DROP TABLE y"


def negative_count(manifest, contents):
    manifest["tables"][0]["rows"] = -1


def nothing(manifest, contents):
    manifest.clear()


def one_table_less(manifest, contents):
    manifest["tables"].pop()


def another_column(manifest, contents):
    manifest["tables"][0]["columns"]['x"; DROP'] = "text"


@pytest.mark.parametrize(
    ("lie", "match"),
    [
        (changed_table, "models does not have its digest"),
        (missing_table, "tags"),
        (odd_table, "x; DROP TABLE y"),
        (negative_count, "manifest is none"),
        (nothing, "manifest is none"),
        (set_to(revision="head"), "manifest is none"),
    ],
)
def test_dumps_that_lie(dump, lie, match):
    """Each is refused before the database is looked at."""
    path = changed(dump, lie)
    with pytest.raises(BrokenDump, match=match), dumps.opened(path, "a dump"):
        pass


@pytest.mark.parametrize("lie", [one_table_less, another_column])
def test_tables_of_no_schema(dump, empty_url, lie):
    """What is not of the schema that the dump states is named in no statement."""
    with pytest.raises(BrokenDump, match="not those of the schema"):
        moving.restore(changed(dump, lie), empty_url)
    assert rows(empty_url, "SELECT count(*) FROM registry_tables.models") == [(0,)]


def test_a_count_that_is_another(dump, empty_url):
    """The rows are compared before the transaction ends, which is given up."""
    from registry.errors import RestoreDiffers

    def more(manifest, contents):
        manifest["tables"][-1]["rows"] += 1

    with pytest.raises(RestoreDiffers, match="came to other rows"):
        moving.restore(changed(dump, more), empty_url)
    assert rows(empty_url, "SELECT count(*) FROM registry_tables.models") == [(0,)]


def test_a_newer_dump(dump):
    """Of a schema or a format that this package does not know."""
    for newer in ({"revision": "9999"}, {"format": 2}):
        path = changed(dump, set_to(**newer))
        with pytest.raises(DumpNewer, match="upgrade this package"), dumps.opened(path, "a dump"):
            pass
        changed(dump, set_to(revision=REVISION, format=1))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_dump_that_is_cut(dump, share):
    """Wherever it ends."""
    content = dump.read_bytes()
    dump.write_bytes(content[: int(share * len(content))])
    with pytest.raises(BrokenDump, match="damaged"), dumps.opened(dump, "a dump"):
        pass


def test_a_dump_that_is_not_there(tmp_path):
    """A sentence names it."""
    with (
        pytest.raises(UnreadableFile, match="No such file"),
        dumps.opened(tmp_path / "none", "none"),
    ):
        pass


def test_move(dump, url, empty_url):
    """The command carries everything, says what to set next, and never shows the password."""
    assert rows(url, "SELECT count(*) FROM registry_tables.models") == [(2,)]
    moved = run("db", "move", "--to", empty_url.replace("registry@", "registry:secret@"))
    assert moved.exit_code == 0, moved.stderr
    assert "set REGISTRY_DATABASE_URL to postgresql://registry:***@" in moved.stdout
    assert sums(empty_url) == sums(url)
    again = run("db", "move", "--to", empty_url)
    assert (again.exit_code, "is not empty" in again.stderr) == (1, True)
