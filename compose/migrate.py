"""Brings the server of docker-compose.yml up to date: login users, tables and roles."""  # noqa: INP001  # a script

import os
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

SECRETS = Path("/run/secrets")
SERVER = "database:5432/registry"
OWNER = "registry"
LOGINS = {"registry_write": "--writer", "registry_read": "--analyst"}
"""Users that may log in, each with the option of `registry db roles` for its role."""


def secret(name: str) -> str:
    """Return the password in a file of SECRETS."""
    return (SECRETS / name).read_text(encoding="utf-8").strip()


def make_logins(connection: psycopg.Connection) -> None:
    """Create the users that are missing, and give all of them their passwords of now."""
    for user in LOGINS:
        query = "SELECT FROM pg_roles WHERE rolname = %s"
        known = connection.execute(query, [user]).fetchone()
        statement = sql.SQL("{verb} ROLE {user} LOGIN PASSWORD {password}").format(
            verb=sql.SQL("CREATE" if known is None else "ALTER"),
            user=sql.Identifier(user),
            password=sql.Literal(secret(user)),
        )
        connection.execute(statement)


def commands() -> list[list[str]]:
    """Return the commands that make tables and roles."""
    roles = []
    for user, option in LOGINS.items():
        roles += [option, user]
    return [["registry", "db", "upgrade"], ["registry", "db", "roles", *roles]]


def main() -> None:
    """Do all of it; it may be done again."""
    url = f"postgresql://{OWNER}:{quote(secret(OWNER), safe='')}@{SERVER}"
    with psycopg.connect(url, autocommit=True) as connection:
        make_logins(connection)
    for command in commands():
        environment = {**os.environ, "REGISTRY_DATABASE_URL": url}
        subprocess.run(command, env=environment, check=True)  # noqa: S603  # our own commands


if __name__ == "__main__":
    main()
