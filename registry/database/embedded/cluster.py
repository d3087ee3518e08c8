"""The Postgres data directory: made once, and written by one major version."""

import os
import shutil
import subprocess
from pathlib import Path

from registry.database.embedded.binaries import (
    environment,
    identity,
    inherited_path,
    unprivileged,
)
from registry.database.embedded.locks import opened
from registry.errors import ServerFailed, ServerUnavailable

ROLE = "registry"  # the name of the superuser and of the database


def initialise(cluster: Path, binaries: Path, lock: int, log: Path) -> None:
    """Run initdb in a folder beside, renamed when it is complete.

    It inherits the lock: should we be killed, nobody clears the folder while it still writes there.
    Raises ServerFailed.
    """
    account = unprivileged()
    draft = draft_of(cluster)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if account:
        os.chown(draft, *account)
    with opened(draft) as folder:
        done = subprocess.run(  # noqa: S603
            [
                binaries / "initdb", "-D", inherited_path(draft, folder, account), "-U", ROLE,
                "-A", "trust", "-E", "UTF8",
                "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            ],
            pass_fds=(folder, lock), capture_output=True, check=False, cwd="/",
            env=environment(), **identity(account),
        )  # fmt: skip
    if done.returncode:
        log.write_bytes(done.stdout + done.stderr)
        raise ServerFailed(reason=last_line(done.stderr), log=str(log))
    draft.rename(cluster)


def draft_of(cluster: Path) -> Path:
    """Return the folder in which a cluster is made."""
    return cluster.with_name(f"{cluster.name}.new")


def check_version(cluster: Path, binaries: Path) -> None:
    """Raise ServerUnavailable for a cluster that another Postgres wrote."""
    written = (cluster / "PG_VERSION").read_text().strip()
    command: list[str | Path] = [binaries / "postgres", "--version"]
    done = subprocess.run(command, capture_output=True, check=False, env=environment())  # noqa: S603
    if done.returncode:
        raise ServerUnavailable(reason=last_line(done.stderr))
    ours = done.stdout.decode().split()[2]  # postgres (PostgreSQL) 18.4
    if ours.split(".")[0] != written:
        reason = f"{cluster} was written by Postgres {written}, this is {ours}"
        raise ServerUnavailable(reason=reason)


def account_of(cluster: Path) -> tuple[int, int] | None:
    """Return the user and group that the server runs as; None for our own."""
    if os.geteuid() != 0 or not cluster.exists():
        return unprivileged()
    owner = cluster.stat()
    return owner.st_uid, owner.st_gid


def last_line(log: bytes) -> str:
    """Return the last line that names an error, else the last that says something."""
    lines = [line.strip() for line in log.decode(errors="replace").splitlines() if line.strip()]
    errors = [
        line for line in lines if any(word in line for word in ("FATAL:", "PANIC:", "error:"))
    ]
    return (errors or lines or ["no output"])[-1]
