"""registry.database.connecting.connection, migrate and schema."""

import io
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import records_made
import torch
from adapters_made import write_adapter
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from checkpoints_made import llama, write_folder
from places import execute
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

import registry
from registry.database.connecting import connection
from registry.database.connecting.addresses import parsed
from registry.database.connecting.connection import open_database
from registry.database.keeping.migrate import migrations, upgrade
from registry.database.stored import fingerprints
from registry.database.stored.origin import Origin
from registry.database.tables.schema import REVISION, Base
from registry.errors import (
    DatabaseTooOld,
    DatabaseUnreachable,
    NotUnicode,
    SchemaNewer,
    SchemaOlder,
    ServerEnding,
    ServerUnavailable,
    ValueRefused,
    VectorMissing,
)
from registry.fingerprints.record import Fingerprint


@pytest.fixture
def url(own_url):
    """A database of the test's own: tables are altered here."""
    return own_url


def query(url: str, statement: str) -> list[tuple]:
    with psycopg.connect(url) as own:
        return own.execute(statement).fetchall()


def test_an_empty_database_gets_its_tables(empty_url):
    """Opening builds the schema; opening again changes nothing."""
    for _ in range(2):
        with open_database(empty_url) as engine:
            assert query(empty_url, "SELECT version_num FROM registry_version") == [(REVISION,)]
    engine.dispose()


def test_migrations_build_what_the_code_expects(url):
    """Autogenerate finds no difference, and REVISION is the newest migration."""
    engine = create_engine(parsed(url).url)
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(migrations()))
    config.attributes["metadata"] = Base.metadata
    with engine.connect() as own:
        config.attributes["connection"] = own
        command.check(config)
    engine.dispose()
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_generated_vectors(url):
    """The searched vectors are made by the database out of the stored values."""
    columns = (
        "SELECT table_name, column_name, generation_expression FROM information_schema.columns"
    )
    columns += " WHERE is_generated = 'ALWAYS'"
    assert sorted(query(url, columns)) == [
        ("clusterings", "vector", "(shares)::vector(7)"),
        ("fingerprints", "std_vector", "l2_normalize((std)::vector(7))"),
    ]


def downgrade(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations()))
    engine = create_engine(parsed(url).url)
    with engine.connect() as own:
        config.attributes["connection"] = own
        command.downgrade(config, revision)
        own.commit()
    engine.dispose()


def upgraded(url: str) -> None:
    engine = create_engine(parsed(url).url)
    upgrade(engine, url)
    engine.dispose()


def test_models_outlive_a_downgrade(url, model, tmp_path):
    """Before 0002 there are no adapters: they go, the models stay, and are models after the upgrade."""
    factors = {f"layers.0.self_attn.q_proj.lora_{x}.weight": torch.eye(4) for x in "AB"}
    with registry.Registry(url) as known:
        known.ingest(model)
        known.ingest(write_adapter(tmp_path / "adapter", factors), family="adapters")
    downgrade(url, "0001")
    assert query(url, "SELECT name FROM models") == [("model",)]
    assert query(url, "SELECT name FROM families") == [("model",)]
    assert query(url, "SELECT count(*) FROM nearest_models('model')") == [(0,)]
    upgraded(url)
    with registry.Registry(url) as known:
        assert known.show("model")[1] == of_old(registry.fingerprint(model))


def of_old(fingerprint: Fingerprint) -> Fingerprint:
    """As it was stored before 0004: nothing says how exact it is, and there are no sketches."""
    gone = {
        "bounds": None,
        "cast_digest": None,
        "sketch": None,
        "distinct_share": None,
        "zero_share": None,
    }
    return replace(
        fingerprint,
        clusterings=tuple(replace(each, undetermined=None) for each in fingerprint.clusterings),
        matrices=tuple(replace(each, **gone) for each in fingerprint.matrices),
        branches=(),
        spaces=(),
        start=None,
        vocabulary=None,
        cast_digest=None,
        histograms=(),
        tensors=(),
        zero=(),
        tied=None,
        ledger=(),
    )


def test_ranks_and_a_downgrade(url, tmp_path):
    """Before 0004 every model has rank 64: a larger one is cut, a smaller one goes."""
    folders = {
        rank: write_folder(tmp_path / str(rank), llama(rank, hidden=96, keys=96))
        for rank in (16, 64, 256)
    }
    with registry.Registry(url) as known:
        for rank, folder in folders.items():
            known.ingest(folder, rank=rank)
    downgrade(url, "0003")
    upgraded(url)
    with registry.Registry(url) as known:
        assert [model.name for model in known.models()] == ["256", "64"]
        for name in ("64", "256"):
            assert known.show(name)[1] == of_old(known.ingest(folders[int(name)]).fingerprint)


def test_other_tensors_and_a_downgrade(url, model):
    """Before 0009 nothing is known of tensors outside the projections: an upgrade leaves them out, and keeps all else."""
    origin = Origin(
        str(model), revision=None, base=None, name="m", family=None, tool_version="0.1.0"
    )
    whole = records_made.whole(registry.fingerprint(model))
    with open_database(url) as engine, Session(engine) as session, session.begin():
        fingerprints.save(session, origin, whole)
    downgrade(url, "0008")
    upgraded(url)
    branches = tuple(replace(branch, own=None, scores=None) for branch in whole.branches)
    with registry.Registry(url) as known:
        stored = known.show("m")[1]
    assert stored == replace(whole, branches=branches, tensors=(), zero=(), tied=None, ledger=())


def test_downgrade_leaves_nothing(url):
    """All that the migrations made goes again."""
    downgrade(url, "base")
    left = "SELECT relname FROM pg_class WHERE relnamespace = ANY (ARRAY['public', 'registry', 'registry_tables']::regnamespace[]) AND relkind IN ('r', 'v', 'S')"
    assert query(url, left) == [("registry_version",)]
    functions = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE '%nearest%'"
    assert query(url, functions) == []


def test_a_newer_schema(url):
    """A database of a later version is left alone."""
    execute(url, "UPDATE registry_version SET version_num = '9999'")
    with pytest.raises(SchemaNewer, match="newer registry .schema '9999'"), open_database(url):
        pass


def test_an_older_schema(url, monkeypatch):
    """A shared database is not upgraded behind its owner's back."""
    monkeypatch.setattr(connection, "REVISION", "9998")
    with pytest.raises(SchemaOlder, match="run `registry db upgrade`"), open_database(url):
        pass


@pytest.mark.parametrize(
    "address", ["postgresql://127.0.0.1:1/x", "postgresql://u@/x?host=/nonexistent"]
)
def test_nobody_answers(address):
    """Down and unreachable databases get one sentence with the address."""
    with (
        pytest.raises(DatabaseUnreachable, match="does not answer") as caught,
        open_database(address),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_a_database_that_goes_away(url):
    """A connection lost in the middle is a sentence too."""
    lost = pytest.raises(ServerEnding, match="terminat")
    with lost, open_database(url) as engine, engine.connect() as own:
        own.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")


def test_other_driver_errors(url):
    """Whatever else the driver says is passed on in one line."""
    with (
        pytest.raises(ValueRefused, match="division by zero"),
        open_database(url) as engine,
        engine.connect() as own,
    ):
        own.exec_driver_sql("SELECT 1 / 0")


def test_text_that_is_not_unicode(url, tmp_path):
    """The name of a folder may hold bytes that are not UTF-8; storing it is refused in a sentence."""
    folder = write_folder(tmp_path / os.fsdecode(b"bad\xff"), llama())
    with registry.Registry(url) as known:
        with pytest.raises(NotUnicode, match=r"bad\\udcff' is not Unicode text"):
            known.ingest(folder)
        assert known.models() == []


def test_an_old_postgres(empty_url, monkeypatch):
    """Postgres 14 is refused."""
    monkeypatch.setattr(connection, "OLDEST", 99)
    with pytest.raises(DatabaseTooOld, match="use version 15 or newer"), open_database(empty_url):
        pass


def test_the_extension_may_not_be_created(empty_url):
    """A user without the right to create it is told whom to ask."""
    execute(
        empty_url,
        "DO $$ BEGIN CREATE ROLE guest LOGIN; EXCEPTION WHEN duplicate_object THEN END $$",
    )
    execute(empty_url, "GRANT CREATE ON SCHEMA public TO guest")
    with (
        pytest.raises(VectorMissing, match="permission denied"),
        open_database(empty_url.replace("registry@", "guest@")),
    ):
        pass
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
    assert query(empty_url, tables) == [(0,)]


def test_the_extension_is_not_installed(empty_url, monkeypatch):
    """A server without pgvector is named."""
    monkeypatch.setattr(connection, "EXTENSION", "no_such_extension")
    with (
        pytest.raises(VectorMissing, match="not installed on that server"),
        open_database(empty_url),
    ):
        pass


def test_a_platform_without_the_embedded_server(monkeypatch):
    """Where its locks do not exist, the sentence names the way out."""
    monkeypatch.delenv("REGISTRY_DATABASE_URL", raising=False)
    monkeypatch.setitem(sys.modules, "registry.database.embedded.server", None)
    with (
        pytest.raises(ServerUnavailable, match="needs Linux or macOS.*set REGISTRY_DATABASE_URL"),
        open_database(),
    ):
        pass


@pytest.mark.slow
def test_a_wheel_brings_its_migrations(tmp_path):
    """The built wheel holds the migrations inside the package, cli.py beside it, and nothing else."""
    root = Path(__file__).parents[3]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, root],
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "cli.py",
        "registry/architectures/projections.toml",
        "registry/migrations/env.py",
        "registry/py.typed",
    } <= names
    assert "registry/migrations/versions/0001_models_and_fingerprints.py" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {
        "cli.py",
        "registry",
        "weight_registry",
    }


@pytest.mark.slow
def test_an_installed_wheel_migrates_from_anywhere(tmp_path, empty_url):
    """From another folder, with only the unpacked wheel on the path."""
    root = Path(__file__).parents[3]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--target",
            tmp_path / "site",
            root,
        ],
        check=True,
        capture_output=True,
    )
    script = "import registry; from registry.database.connecting.connection import open_database; print(registry.__file__)\n"
    script += f"with open_database({empty_url!r}): pass"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert str(tmp_path) in done.stdout
    assert query(empty_url, "SELECT version_num FROM registry_version") == [(REVISION,)]


def test_no_statement_is_prepared_by_name(url):
    """A pooler in transaction mode hands on connections that do not know it."""
    with open_database(url) as engine, engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        assert driver.prepare_threshold is None
