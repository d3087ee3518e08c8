"""The embedded Postgres: one server a data folder, shared by concurrent commands.

The `get_server` of the wheel that brings Postgres is not used: it kills processes of others,
creates a system user when run as root, and cleans up by atexit, which no killed process reaches.

Three facts are left to the kernel, so that a killed process leaves nothing to clean up:

* a command is at work           <- it holds a shared lock on `clients`
* a server runs, or is made      <- its processes inherited an exclusive lock on `server`
* the last command has finished  <- the keeper, the server's parent, gets `clients` exclusively

`registry db start` writes `pinned`: the keeper then leaves the server running until `db stop`.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from registry.database.embedded.binaries import (
    CLIENT,
    environment,
    find_binaries,
    identity,
    inherited_path,
    reachable,
    unprivileged,
    usable,
)
from registry.errors import ServerFailed, ServerUnavailable

PATIENCE = 60.0  # seconds to wait for a server to come up or go down
ROLE = "registry"


@dataclass(frozen=True)
class Server:
    """The embedded server of one data folder. Nothing runs until `connected` or `start`.

    linger: seconds that it stays up unused, for the next command of a script.
    """

    data_dir: Path
    linger: float = 3.0
    client = CLIENT

    @property
    def cluster(self) -> Path:
        """The Postgres data directory."""
        return self.data_dir / "cluster"

    @property
    def log(self) -> Path:
        """What the server has to say."""
        return self.data_dir / "server.log"

    @property
    def pinned(self) -> Path:
        """Exists while the server is to stay up without commands."""
        return self.data_dir / "pinned"

    @contextmanager
    def connected(self) -> Iterator[str]:
        """Keep the server up for the block; yields its URL.

        Raises ServerUnavailable, ServerFailed.
        """
        self.prepare()
        with locked(self.data_dir / "clients", fcntl.LOCK_SH):
            with usable(self.data_dir):
                url = self.ensure_running()
            yield url

    def start(self) -> str:
        """Start the server, to stay until `stop`; returns its URL."""
        with self.connected() as url:
            self.pinned.touch()  # not before: a failed start pins nothing
            return url

    def stop(self) -> bool:
        """Stop the server, whoever uses it; False if none was running."""
        with usable(self.data_dir):
            if self.pinned.exists():
                self.pinned.unlink(missing_ok=True)
        if not self.running():
            return False
        deadline = time.monotonic() + PATIENCE
        while self.running() and time.monotonic() < deadline:
            if lines := self.status_lines():
                with suppress(
                    ProcessLookupError
                ):  # it was killed, and its children have yet to notice
                    os.kill(int(lines[0]), signal.SIGINT)  # ends all sessions, then writes the data
            time.sleep(0.05)
        if self.running():
            raise ServerFailed(reason="it does not stop", log=str(self.log))
        return True

    def running(self) -> bool:
        """Return whether any process of the server lives, as the kernel knows it."""
        with usable(self.data_dir):
            if not (self.data_dir / "server").exists():
                return False
            try:
                with locked(self.data_dir / "server", fcntl.LOCK_SH | fcntl.LOCK_NB):
                    return False
            except BlockingIOError:
                return True

    def prepare(self) -> None:
        """Create the data folder. Raises ServerUnavailable where no server can live."""
        with usable(self.data_dir):
            self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            with locked(self.data_dir / "clients", fcntl.LOCK_SH):
                pass

    def ensure_running(self) -> str:
        """Start the server unless somebody has; returns its URL when it answers."""
        launched, refusal = False, "it does not get ready"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                with locked(self.data_dir / "server", fcntl.LOCK_EX | fcntl.LOCK_NB) as lock:
                    if launched:  # the lock is free again: what we started has ended
                        raise ServerFailed(
                            reason=last_line(self.log.read_bytes()), log=str(self.log)
                        )
                    self.launch(lock)
                    launched = True
            except BlockingIOError:
                pass  # it runs, or another command is starting it
            if url := self.url():
                refusal = refused(url)
                if not refusal:
                    return url
            time.sleep(0.02)
        raise ServerFailed(reason=refusal, log=str(self.log))

    def launch(self, lock: int) -> None:
        """Create the cluster if need be and start a keeper, which inherits the lock."""
        # We hold the lock, so whatever this names is not ours. First of all, lest `stop` signal it.
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        binaries = reachable(find_binaries())
        if not (self.cluster / "PG_VERSION").exists():
            self.initialise(binaries, lock)
        self.check_version(binaries)
        account = self.account()
        sockets = Path(
            tempfile.mkdtemp(prefix="registry-", dir="/tmp")
        )  # 0700; /tmp keeps the path short
        with opened(self.cluster) as folder, self.log.open("wb") as log:
            if account:
                os.chown(sockets, *account)
            path = inherited_path(self.cluster, folder, account)
            command: list[str | Path] = [binaries / "postgres", "-D", path]
            command += ["-c", f"unix_socket_directories={sockets}"]
            command += ["-c", "unix_socket_permissions=0700"]
            command += ["-c", "listen_addresses="]
            subprocess.Popen(  # noqa: S603
                [
                    sys.executable, "-I", Path(__file__).with_name("keeper.py"),
                    str(lock), str(folder),
                    self.data_dir, sockets, ",".join(map(str, account or ())),
                    str(self.linger), *command,
                ],
                pass_fds=(lock, folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env=environment(), start_new_session=True,
            ).returncode = 0  # fmt: skip  # it outlives us: nobody waits for it

    def account(self) -> tuple[int, int] | None:
        """Return the user and group that the server runs as; None for our own."""
        if os.geteuid() != 0 or not self.cluster.exists():
            return unprivileged()
        owner = self.cluster.stat()
        return owner.st_uid, owner.st_gid

    def initialise(self, binaries: Path, lock: int) -> None:
        """Run initdb in a folder beside, renamed when it is complete.

        It inherits the lock: should we be killed, nobody clears the folder while it still writes
        there.
        """
        account = unprivileged()
        draft = self.data_dir / "cluster.new"
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
            self.log.write_bytes(done.stdout + done.stderr)
            raise ServerFailed(reason=last_line(done.stderr), log=str(self.log))
        draft.rename(self.cluster)

    def check_version(self, binaries: Path) -> None:
        """Raise ServerUnavailable for a cluster that another Postgres wrote."""
        written = (self.cluster / "PG_VERSION").read_text().strip()
        command: list[str | Path] = [binaries / "postgres", "--version"]
        done = subprocess.run(command, capture_output=True, check=False, env=environment())  # noqa: S603
        if done.returncode:
            raise ServerUnavailable(reason=last_line(done.stderr))
        ours = done.stdout.decode().split()[2]  # postgres (PostgreSQL) 18.4
        if ours.split(".")[0] != written:
            reason = f"{self.cluster} was written by Postgres {written}, this is {ours}"
            raise ServerUnavailable(reason=reason)

    def status_lines(self) -> list[str]:
        """Read postmaster.pid: pid, folder, start, port, socket folder, address, memory, status."""
        try:
            return (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def url(self) -> str | None:
        """Return where the server can be reached; None while it is not up."""
        lines = self.status_lines()
        if len(lines) < 8 or lines[7].strip() != "ready":  # noqa: PLR2004  # the eighth line is the status
            return None
        return f"postgresql://{ROLE}@/{ROLE}?host={quote(lines[4], safe='/')}&port={lines[3]}"


@contextmanager
def locked(path: Path, mode: int) -> Iterator[int]:
    """Hold a kernel lock on a file; it goes with the process.

    Raises BlockingIOError with LOCK_NB.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, mode)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    """Yield a descriptor of a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def refused(url: str) -> str:
    """Return why the server takes no connection, "" if it does.

    A missing database `registry` is created.
    """
    try:
        psycopg.connect(url, connect_timeout=5, **CLIENT).close()
    except psycopg.OperationalError as exc:
        if "does not exist" in str(exc):
            create_database(url)
        return last_line(str(exc).encode())
    return ""


def create_database(url: str) -> None:
    """Create the database `registry`; another command may be creating it as well."""
    busy = (
        psycopg.errors.DuplicateDatabase,
        psycopg.errors.UniqueViolation,
        psycopg.OperationalError,
    )
    with (
        suppress(*busy),
        psycopg.connect(url, dbname="postgres", autocommit=True, **CLIENT) as connection,
    ):
        connection.execute(f"CREATE DATABASE {ROLE}")


def last_line(log: bytes) -> str:
    """Return the last line that names an error, else the last that says something."""
    lines = [line.strip() for line in log.decode(errors="replace").splitlines() if line.strip()]
    errors = [
        line for line in lines if any(word in line for word in ("FATAL:", "PANIC:", "error:"))
    ]
    return (errors or lines or ["no output"])[-1]
