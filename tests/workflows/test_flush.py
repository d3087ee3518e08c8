"""The spool: what was read and cannot be stored waits in a file, and `registry flush` stores it."""

import json
import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from checkpoints_made import llama, write_folder
from command_line import run
from embedded_servers import eventually
from places import execute, rows
from versions_made import age

import registry
from registry.database.connecting import patience
from registry.database.stored import spool
from registry.database.stored.fingerprints import Outcome
from registry.database.stored.spool import Journey
from registry.errors import (
    BrokenSpoolFile,
    DatabaseFault,
    DatabaseUnreachable,
    FingerprintVersionDiffers,
    NotSpooled,
    NotUnicode,
    Spooled,
    SpooledTooShallow,
)
from registry.workflows import ingest
from registry.workflows import upgrade as upgrades


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """The data folder of the test, and no patience with a database that is away."""
    folder = tmp_path / "data"
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(folder))
    monkeypatch.setattr(patience, "PATIENCE", 0.0)
    return folder


@pytest.fixture
def url(own_url):
    """A database of the test's own: it is made unfit to be written here."""
    return own_url


def name_of(url):
    """The database's name."""
    return rows(url, "SELECT current_database()")[0][0]


def away(url):
    """Make a database refuse all connections; those that there are end."""
    server = url.replace(f"/{name_of(url)}?", "/registry?")
    name = name_of(url)
    execute(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    return lambda: execute(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def read_only(url):
    """Make a database one that can only be read."""
    execute(url, f"ALTER DATABASE {name_of(url)} SET default_transaction_read_only = on")
    writing = f"{url}&options=-c%20default_transaction_read_only%3Doff"
    return lambda: execute(writing, f"ALTER DATABASE {name_of(url)} RESET ALL")


def full(url, state="53100"):
    """Make a database refuse every new model, as one does whose disk is full."""
    execute(
        url,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE 'could not extend file' USING ERRCODE = '{state}'; END $$",
    )
    execute(
        url,
        "CREATE TRIGGER f BEFORE INSERT OR UPDATE ON registry_tables.models EXECUTE FUNCTION refuse()",
    )
    return lambda: execute(url, "DROP FUNCTION refuse CASCADE")


def out_of_memory(url):
    """Make a database refuse every new model for want of memory."""
    return full(url, "53200")


def half_restored(url):
    """Take a table away."""
    execute(url, "ALTER TABLE registry_tables.histograms RENAME TO elsewhere")
    return lambda: execute(url, "ALTER TABLE registry_tables.elsewhere RENAME TO histograms")


@pytest.fixture
def after_reading(monkeypatch, url):
    """A function that makes harm befall the database once weights have been read; what it gives mends that."""
    mends = []

    def harm(kind, workflow=ingest):
        read = workflow.read

        def reading(*arguments, **options):
            answer = read(*arguments, **options)
            monkeypatch.setattr(workflow, "read", read)
            mends.append(kind(url))
            return answer

        monkeypatch.setattr(workflow, "read", reading)
        return mend

    def mend():
        mends.pop()()

    return harm


@pytest.mark.parametrize("kind", [away, read_only, full, out_of_memory, half_restored])
def test_what_cannot_be_stored_waits(url, model, data, after_reading, kind):
    """Whatever ails the database, the fingerprint is stored later as it would have been, verdict and all."""
    mend = after_reading(kind)
    with (
        registry.Registry(url) as known,
        pytest.raises(Spooled, match=r"waits in '.*spooled': `registry flush` stores it") as caught,
    ):
        known.ingest(model, name="late", family="f")
    mend()
    [path] = spool.files()
    assert str(path) == caught.value.data["path"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]

    with registry.Registry(url) as known:
        [flushed] = known.flush()
        assert (flushed.error, flushed.ingested.outcome) == (None, Outcome.NEW)
        summary, fingerprint = known.show("late")
        assert (summary.family, summary.source) == ("f", str(model))
        assert fingerprint == registry.fingerprint(model)
        assert known.explain("late").verdict
        assert known.flush() == []
    assert spool.files() == []


def test_the_command_says_where_it_waits(url, model, after_reading):
    """Exit code 1, one line on stderr, and the file in the JSON; then `registry flush` stores it."""
    mend = after_reading(full)
    result = run("ingest", model, "--json")
    assert result.exit_code == 1
    [error] = json.loads(result.stdout)["errors"]
    assert Path(error["spooled"]).is_file()
    assert result.stderr.count("\n") == 1
    assert "disk" in result.stderr
    refused = run("flush", "--json")
    assert refused.exit_code == 1
    [left] = json.loads(refused.stdout)["left"]
    assert (left["file"], left["source"]) == (error["spooled"], str(model))
    mend()
    flushed = run("flush", "--json")
    assert flushed.exit_code == 0
    answer = json.loads(flushed.stdout)
    assert [entry["name"] for entry in answer["models"]] == ["model"]
    assert answer["left"] == []
    assert run("flush").stdout == "nothing waits\n"


def test_other_sources_of_the_command_are_not_read_in_vain(url, model, tmp_path, after_reading):
    """Where the database is away, the next source is refused before it is read; the answer is whole."""
    after_reading(away)
    other = write_folder(tmp_path / "other", llama(7))
    result = run("ingest", model, other, "--json")
    first, second = json.loads(result.stdout)["errors"]
    assert "spooled" in first
    assert "spooled" not in second
    assert len(spool.files()) == 1


def test_a_database_that_comes_back_is_waited_for(url, model, after_reading, monkeypatch):
    """It goes when the weights have been read, and comes back: nothing waits in a file."""
    monkeypatch.setattr(patience, "PATIENCE", 60.0)
    mend = after_reading(away)
    notices = []

    def tell(notice):
        notices.append(notice)
        mend()

    monkeypatch.setattr("registry.database.connecting.waits.notify", tell)
    with registry.Registry(url) as known:
        assert known.ingest(model).new
    assert [type(notice).__name__ for notice in notices] == ["DatabaseAway"]
    assert spool.files() == []


def test_a_database_is_waited_for_in_vain_once(url, model, monkeypatch):
    """Not for each of many sources; until it has answered again."""
    waits = []
    monkeypatch.setattr(patience, "PATIENCE", 0.3)
    monkeypatch.setattr(patience, "notify", waits.append)
    with registry.Registry(url) as known:
        for _ in range(2):
            mend = away(url)
            for _ in range(3):
                with pytest.raises(DatabaseFault, match="database"):
                    known.ingest(model)
            mend()
            known.models()
    assert len(waits) == 2


def test_what_is_stopped_while_it_is_stored_waits(url, model, monkeypatch, caplog):
    """Ctrl-C while the database is waited for ends the command; what took so long to read stays."""

    def stop(*_):
        raise KeyboardInterrupt("Ctrl-C")  # as a test tells it apart

    with registry.Registry(url) as known:
        with monkeypatch.context() as patch:
            patch.setattr(ingest, "store", stop)
            with pytest.raises(KeyboardInterrupt, match="Ctrl-C"):
                known.ingest(model, name="late")
        [file] = spool.files()
        assert f"waits in '{file}'" in caplog.text
        assert [flushed.ingested.model.name for flushed in known.flush()] == ["late"]


def test_nothing_is_read_where_nobody_answers(model, monkeypatch):
    """A database that is away from the start is an error before anything is read, and nothing waits."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql://u@/x?host=/nonexistent")
    monkeypatch.setattr(ingest, "read", None)
    with pytest.raises(DatabaseUnreachable, match="nonexistent"), registry.Registry() as known:
        known.ingest(model)
    assert spool.files() == []


def test_what_no_database_can_hold_does_not_wait(url, tmp_path):
    """It would be refused again."""
    folder = write_folder(tmp_path / os.fsdecode(b"bad\xff"), llama())
    with registry.Registry(url) as known, pytest.raises(NotUnicode, match="bad"):
        known.ingest(folder)
    assert spool.files() == []


def test_a_spool_that_cannot_be_written(url, model, data, after_reading):
    """Both reasons are said."""
    data.parent.mkdir(exist_ok=True)
    data.write_text("a file where the folder should be")
    after_reading(full)
    with (
        registry.Registry(url) as known,
        pytest.raises(NotSpooled, match="disk.*is lost, for .*cannot be written"),
    ):
        known.ingest(model)


@pytest.fixture
def waits(url, model, after_reading):
    """The file of one fingerprint that waits, for a database that is well again."""
    mend = after_reading(full)
    with registry.Registry(url) as known, pytest.raises(Spooled, match="waits"):
        known.ingest(model)
    mend()
    return spool.files()[0]


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data[:-1],
        lambda data: data[:200] + b"0" + data[201:],
        lambda data: data.replace(b"registry-spool 1", b"registry-spool 2"),
        lambda _: b"",
    ],
    ids=["cut", "changed", "of another form", "empty"],
)
def test_a_damaged_file_is_named_and_stays(url, waits, harm):
    """Nothing of it is stored; the others are."""
    good = shutil.copy(waits, waits.with_name("0123" + waits.suffix))
    waits.write_bytes(harm(waits.read_bytes()))
    result = run("flush")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: '{waits}' is damaged")
    assert result.stdout.startswith("registered model")
    assert spool.files() == [waits]
    assert not good.exists()
    with pytest.raises(BrokenSpoolFile, match="damaged"):
        spool.read(waits)


def test_the_status_counts_what_waits(waits):
    """So that it is not forgotten."""
    status = json.loads(run("db", "status", "--json").stdout)
    assert status["waiting"] == 1


def test_a_file_of_an_older_registry(waits, monkeypatch):
    """Numbers of another version are not stored as if they were of this one."""
    from registry.fingerprints import serialised

    monkeypatch.setattr(serialised, "VERSION", 99)
    with pytest.raises(FingerprintVersionDiffers, match="version 3"):
        spool.read(waits)


def test_the_same_waits_once(url, model, waits, after_reading):
    """A second attempt that fails as well writes the same file."""
    after_reading(full)
    with registry.Registry(url) as known, pytest.raises(Spooled, match="waits"):
        known.ingest(model)
    assert spool.files() == [waits]


def test_weights_that_were_stored_meanwhile(url, model, waits):
    """The file goes, and nothing is stored twice."""
    with registry.Registry(url) as known:
        known.ingest(model)
        [flushed] = known.flush()
        assert flushed.ingested.outcome is Outcome.UNCHANGED
        assert len(known.models()) == 1
    assert spool.files() == []


def test_two_flush_at_once(url, waits):
    """Both succeed, and the fingerprint is stored once."""
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

    def flush():
        with registry.Registry(url) as known:
            return [file.ingested.outcome for file in known.flush()]

    with psycopg.connect(url) as holder, ThreadPoolExecutor() as pool:
        holder.execute("SELECT pg_advisory_xact_lock(hashtext('registry.models'))")
        both = [pool.submit(flush) for _ in range(2)]
        assert eventually(lambda: rows(url, waiting) == [(2,)], 60)
        holder.rollback()
        outcomes = [outcome for one in both for outcome in one.result()]
    assert sorted(outcome.value for outcome in outcomes) == ["new", "unchanged"]
    assert rows(url, "SELECT count(*) FROM models") == [(1,)]
    assert spool.files() == []


@pytest.mark.slow
def test_a_flush_that_is_killed_loses_nothing(url, waits):
    """The file goes after the commit: before it, both are as they were."""
    script = (
        "import os, registry\n"
        "from registry.workflows import flush\n"
        "flush.store = lambda *_: os.kill(os.getpid(), 9)\n"
        "registry.Registry().flush()\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -9
    assert spool.files() == [waits]
    assert run("flush").exit_code == 0


def test_an_upgrade_that_cannot_be_stored_waits(url, model, after_reading):
    """It takes the old fingerprint's place later, and nothing else of the model changes."""
    with registry.Registry(url) as known:
        known.ingest(model, family="kept")
        age(url)
        mend = after_reading(full, upgrades)
        [upgraded] = known.upgrade()
        assert isinstance(upgraded.error, Spooled)
        mend()
        assert spool.read(spool.files()[0]).journey is Journey.UPGRADE
        [flushed] = known.flush()
        assert flushed.ingested.outcome is Outcome.REFRESHED
        assert known.show("model").summary.family == "kept"
        assert known.outdated() == []


def test_a_shallower_fingerprint_waits_on(url, model, after_reading):
    """One with fewer singular values than an older version has would lose some: it is named."""
    with registry.Registry(url) as known:
        known.ingest(model, rank=64)
        age(url)
        mend = after_reading(away)
        with pytest.raises(Spooled, match="waits"):
            known.ingest(model, rank=16)
        mend()
        [flushed] = known.flush()
    assert isinstance(flushed.error, SpooledTooShallow)
    assert len(spool.files()) == 1
