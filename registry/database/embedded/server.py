"""The embedded Postgres: one server a data folder, shared by concurrent commands.

The `get_server` of the wheel that brings Postgres is not used: it kills processes of others,
creates a system user when run as root, and cleans up by atexit, which no killed process reaches.

Four facts are left to the kernel, so that a killed process leaves nothing to clean up:

* a command is at work           <- it holds a shared lock on `clients`
* a server runs, or is made      <- its processes inherited an exclusive lock on `server`
* a keeper looks after it        <- it inherited an exclusive lock on `keeper`
* the last command has finished  <- the keeper gets `clients` exclusively

`registry db start` writes `pinned`: the keeper then leaves the server running until `db stop`.
Whoever waits looks again and again, for a bounded time, and says so after some seconds.
"""

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from registry.database.embedded import tcp
from registry.database.embedded.binaries import CLIENT, usable
from registry.database.embedded.cluster import ROLE, last_line
from registry.database.embedded.launch import adopt, launch
from registry.database.embedded.locks import FREE, TooLong, Wait, is_held, locked, locked_within
from registry.database.embedded.processes import Ending, postmaster
from registry.database.embedded.sockets import remove_noted
from registry.errors import ServerFailed
from registry.notices import ServerStarting, ServerStopping

PATIENCE = 60.0  # seconds to wait for a server to come up or go down
LAUNCHES = 3  # of a server that ends before it answers: it may have been killed
ENDS_ITSELF = 1.0  # seconds that a server which is stopping is left alone
PORT, SOCKETS, ADDRESS, STATUS = 3, 4, 5, 7  # lines of postmaster.pid, see `status_lines`


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
        with self.in_use():
            yield self.address()

    def start(self) -> str:
        """Start the server, to stay until `stop`; returns its URL."""
        with self.connected() as url:
            self.pinned.touch()  # not before: a failed start pins nothing
            return url

    def open_port(self, port: int) -> None:
        """Start the server anew, to stay until `stop`, with a port for analysts.

        Raises PortTaken, ServerFailed.
        """
        if self.open_at() == port:
            return
        tcp.check_free(port)
        self.stop()
        (self.data_dir / tcp.PORT_FILE).write_text(str(port))
        self.start()

    def open_at(self) -> int | None:
        """Return the port that is open; None for none."""
        lines = self.ready_lines()
        return int(lines[PORT]) if lines and lines[ADDRESS].strip() else None

    def stop(self) -> bool:
        """Stop the server, whoever uses it; False if none was running. Raises ServerFailed."""
        with usable(self.data_dir):
            if self.pinned.exists():
                self.pinned.unlink(missing_ok=True)
            tcp.forget_port(self.data_dir)
        if not self.running():
            return False
        ending = Ending(self.cluster)
        wait = Wait(PATIENCE, self.stopping)
        while self.running():
            if not wait.goes_on():
                raise ServerFailed(reason="it does not stop", log=str(self.log))
            ending.go_on(self.pid())
        if not self.kept():
            remove_noted(self.data_dir / "sockets")
        return True

    def running(self) -> bool:
        """Return whether any process of the server lives, as the kernel knows it."""
        with usable(self.data_dir):
            return is_held(self.data_dir / "server")

    def kept(self) -> bool:
        """Return whether a keeper looks after the server, or clears up after it."""
        with usable(self.data_dir):
            return is_held(self.data_dir / "keeper")

    def prepare(self) -> None:
        """Create the data folder. Raises ServerUnavailable where no server can live."""
        with usable(self.data_dir):
            self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Count as a command at work, once a keeper has stopped the server if it is about to.

        Raises ServerFailed where that takes too long.
        """
        wait = Wait(PATIENCE, self.stopping)
        lock = locked_within(wait, self.data_dir / "clients", fcntl.LOCK_SH)
        with ExitStack() as held:
            try:
                with usable(self.data_dir):
                    held.enter_context(lock)
            except TooLong as exc:
                raise ServerFailed(reason="it does not stop", log=str(self.log)) from exc
            yield

    def address(self) -> str:
        """Return the URL of a server that answers, which is started if need be.

        For those who count as at work. Raises ServerUnavailable, ServerFailed.
        """
        launches, refusal = 0, "it does not get ready"
        ending = Ending(self.cluster, grace=ENDS_ITSELF)
        wait = Wait(PATIENCE, self.starting)
        while wait.goes_on():
            with usable(self.data_dir):
                if self.launched(launches):
                    launches += 1
                    ending = Ending(self.cluster, grace=ENDS_ITSELF)
                elif self.is_stuck():
                    ending.go_on(self.pid())
            url = self.url()
            if not url:
                continue
            refusal = refused(url)
            if not refusal:
                self.see_to_a_keeper()
                self.keep_usual_name()
                return url
        raise ServerFailed(reason=refusal, log=str(self.log))

    def launched(self, launches: int) -> bool:
        """Start the server unless it runs or another command is starting it; return whether we did.

        launches: how often we have. Raises ServerFailed where it ended each time.
        """
        try:
            with (
                locked(self.data_dir / "keeper", FREE) as keeper_lock,
                locked(self.data_dir / "server", FREE) as lock,
            ):
                if launches == LAUNCHES:
                    raise ServerFailed(reason=last_line(self.log.read_bytes()), log=str(self.log))
                launch(self.data_dir, self.linger, lock=lock, keeper_lock=keeper_lock)
        except BlockingIOError:
            return False
        return True

    def see_to_a_keeper(self) -> None:
        """Give the server a new keeper if its own was killed."""
        server = postmaster(self.pid(), self.cluster)
        with suppress(BlockingIOError), locked(self.data_dir / "keeper", FREE) as keeper_lock:
            if server:
                adopt(self.data_dir, self.linger, server=server, keeper_lock=keeper_lock)

    def keep_usual_name(self) -> None:
        """Have the socket found under its usual name, too, while another port is open."""
        lines = self.ready_lines()
        if lines:
            with usable(self.data_dir):
                tcp.keep_usual_name(Path(lines[SOCKETS]), int(lines[PORT]))

    def is_stuck(self) -> bool:
        """Return whether nobody can reach the server: it ends, or its process or socket is gone."""
        if self.status() == "stopping" or self.has_lost_its_socket():
            return True
        return not self.kept() and postmaster(self.pid(), self.cluster) is None

    def has_lost_its_socket(self) -> bool:
        """Return whether a server is ready on a socket that somebody has removed."""
        lines = self.ready_lines()
        return bool(lines) and not Path(lines[SOCKETS], f".s.PGSQL.{lines[PORT]}").exists()

    def starting(self, seconds: float) -> ServerStarting:
        """Return what is said of a start that takes long."""
        return ServerStarting(seconds=seconds, limit=PATIENCE, log=str(self.log))

    def stopping(self, seconds: float) -> ServerStopping:
        """Return what is said of a stop that takes long."""
        return ServerStopping(seconds=seconds, limit=PATIENCE, log=str(self.log))

    def status_lines(self) -> list[str]:
        """Read postmaster.pid: pid, folder, start, port, socket folder, address, memory, status."""
        try:
            return (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def pid(self) -> int | None:
        """Return the number of the server's first process, which may have gone."""
        lines = self.status_lines()
        return int(lines[0]) if lines and lines[0].isdecimal() else None

    def status(self) -> str:
        """Return starting, stopping, ready or standby; "" where that is not known."""
        lines = self.status_lines()
        return lines[STATUS].strip() if len(lines) > STATUS else ""

    def ready_lines(self) -> list[str]:
        """Return the lines of a server that is ready; none of any other."""
        lines = self.status_lines()
        return lines if len(lines) > STATUS and lines[STATUS].strip() == "ready" else []

    def url(self) -> str | None:
        """Return where the server can be reached; None while it is not up."""
        return self.url_of(ROLE)

    def url_of(self, role: str) -> str | None:
        """Return where a role can reach the server; None while it is not up."""
        lines = self.ready_lines()
        if not lines:
            return None
        host = quote(lines[SOCKETS], safe="/")
        return f"postgresql://{role}@/{ROLE}?host={host}&port={lines[PORT]}"


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
