"""Waits on locks are told: for whom, as the server knows them."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, Row, TextClause, text
from sqlalchemy.exc import DBAPIError

from registry.database.connecting.bounds import process_of
from registry.database.connecting.failures import reason
from registry.errors import RegistryError
from registry.notices import DatabaseSilent, NothingBegun, Notice, WriterWaits, notify

SILENCE = 2.0  # seconds of a wait before it is told
BEGIN_SILENCE = 5.0  # likewise where no transaction begins, as before a pooler without connections
INTERVAL = 2.0  # seconds between two looks at who is waited for
NOBODY = "which has ended since"

BLOCKING = text(
    "SELECT pid, application_name FROM pg_stat_activity"
    " WHERE pid = ANY(pg_blocking_pids(:pid)) ORDER BY pid"
)
"""Who holds what one session waits for; names of programs are shown to every role."""

HOLDING = text(
    "SELECT DISTINCT pid, application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE granted AND datname = current_database() AND pid <> pg_backend_pid()"
    " AND (locktype = 'advisory' OR (locktype = 'relation' AND mode LIKE '%Exclusive%'"
    " AND mode <> 'RowExclusiveLock')) ORDER BY pid"
)
"""Who holds a lock that others may have to wait for."""

OF_UPGRADE = text(
    "SELECT pid, application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE granted AND datname = current_database() AND locktype = 'advisory'"
    " AND classid::bigint = :high AND objid::bigint = :low AND objsubid = 1"
)
"""Who upgrades the schema."""


def named(sessions: Iterable[Row[tuple[int, str]]]) -> str:
    """Return sessions by their programs and the server's processes."""
    names = [f"{row.application_name or 'unnamed'}, process {row.pid}" for row in sessions]
    return " and ".join(names)


def seen(engine: Engine, query: TextClause, **parameters: int) -> str:
    """Return who holds locks, looked up on a connection of its own. Raises DBAPIError."""
    with engine.connect() as connection:
        return named(connection.execute(query, parameters))


def holder(engine: Engine) -> str:
    """Return who holds a lock now that a transaction may have waited for in vain.

    Where that fails, as after the timeout itself it may, the timeout is what is told.
    """
    try:
        return seen(engine, HOLDING) or NOBODY
    except (DBAPIError, RegistryError):
        return NOBODY


class Watch(threading.Thread):
    """Looks from outside, after a silence, whom a session waits for, and tells it."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(daemon=True, name="registry lock watch")
        self.engine = engine
        self.pid: int | None = None
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.holder = ""
        self.silent = False
        self.told = False
        self.began = time.monotonic()

    def follow(self, pid: int) -> None:
        """Look after a transaction that has begun in a process of the server."""
        self.pid = pid
        self.begun.set()

    def end(self) -> None:
        """Look no further."""
        self.ended.set()
        self.begun.set()
        self.join(1.0)

    def tell(self, notice: Notice) -> None:
        """Tell the user why the work does not go on."""
        self.told = True
        notify(notice)

    def run(self) -> None:
        """Look until the transaction has ended; tell each new holder once."""
        if not self.begun.wait(BEGIN_SILENCE):
            if not self.told:
                self.tell(NothingBegun(seconds=time.monotonic() - self.began))
            self.begun.wait()
        pause = SILENCE
        while not self.ended.wait(pause):
            pause = INTERVAL
            assert self.pid is not None
            try:
                blocking = seen(self.engine, BLOCKING, pid=self.pid)
            except (DBAPIError, RegistryError) as exc:
                self.tell_silence(exc)
                continue
            if blocking and blocking != self.holder and not self.ended.is_set():
                self.tell(WriterWaits(holder=blocking))
                self.holder = blocking

    def tell_silence(self, exc: DBAPIError | RegistryError) -> None:
        """Tell once that the server answers neither the transaction nor anybody else."""
        if self.silent or self.ended.is_set():
            return
        self.silent = True
        why = reason(exc) if isinstance(exc, DBAPIError) else str(exc).rstrip(".")
        self.tell(DatabaseSilent(seconds=time.monotonic() - self.began, reason=why))


@contextmanager
def watching(engine: Engine) -> Iterator[Watch]:
    """Tell that no transaction begins, and whom that waits for which `follow` is told of."""
    watch = Watch(engine)
    watch.start()
    try:
        yield watch
    finally:
        watch.end()


@contextmanager
def watched(engine: Engine, connection: Connection) -> Iterator[None]:
    """Tell whom the connection's transaction waits for, should it wait for long."""
    with watching(engine) as watch:
        watch.follow(process_of(connection))
        yield
