"""Connections to a database that takes none for a while: it restarts, moves, or is all taken.

A pooler takes connections when the database behind it does not, and refuses the first statement
instead. So a connection counts once a transaction has begun on it.
"""

import random
import time
from collections.abc import Callable
from weakref import WeakSet

from sqlalchemy import Connection, Dialect, Engine
from sqlalchemy.exc import DBAPIError

from registry.database.connecting.failures import LOST, reason, sqlstate
from registry.notices import DatabaseAway, Notice, notify

PATIENCE = 90.0  # seconds in which a database that was there may come back: a minute and a start
FIRST_PATIENCE = 10.0  # seconds for one that a command has not met yet
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 3.0  # seconds between two attempts, of which each is longer
STARTING = frozenset({"53300", "57P03"})
"""SQLSTATEs of a server that is there and takes no connection yet, or has no more."""
AWAY = STARTING | {"08001", "57P01"}
"""SQLSTATEs of a server that takes no connection for now, wherever it is."""
CUT = frozenset({"08000", "08003", LOST, "08P01", "57P01", "57P02", "57P05", "25P03"})
"""SQLSTATEs of a connection that has ended; poolers say 08P01 for it, whatever the reason."""


IN_VAIN: "WeakSet[Dialect]" = WeakSet()
"""Of engines whose database was waited for in vain, and has not answered since."""


def fresh_connection(engine: Engine, tell: Callable[[Notice], None] | None = None) -> Connection:
    """Return a new connection in a transaction, within PATIENCE. Raises DBAPIError.

    After it was waited for in vain once, a database is asked once each time: who stores many
    fingerprints does not wait for each.

    Args:
        engine: Of the database.
        tell: Takes the notice that it is waited for; None notifies the user.
    """
    limit = 0.0 if engine.dialect in IN_VAIN else PATIENCE
    try:
        connection = patiently(lambda: begun(engine), AWAY | CUT, limit, tell)
    except DBAPIError:
        IN_VAIN.add(engine.dialect)
        raise
    IN_VAIN.discard(engine.dialect)
    return connection


def ask_once(engine: Engine) -> None:
    """Wait no more for a database that is away: who was told to end does not."""
    IN_VAIN.add(engine.dialect)


def first_connection(engine: Engine) -> Connection:
    """Return a first connection; that to a server which is starting up within FIRST_PATIENCE.

    Nobody knows yet whether the address is right. Raises DBAPIError.
    """
    return patiently(engine.connect, STARTING, FIRST_PATIENCE)


def begun(engine: Engine) -> Connection:
    """Return a connection on which a transaction has begun. Raises DBAPIError."""
    connection = engine.connect()
    try:
        connection.begin()
    except BaseException:
        connection.close()
        raise
    return connection


def patiently(
    connect: Callable[[], Connection],
    passing: frozenset[str],
    limit: float,
    tell: Callable[[Notice], None] | None = None,
) -> Connection:
    """Return what connects, as soon as it does; try again after errors that pass.

    Args:
        connect: Raises DBAPIError where it does not.
        passing: SQLSTATEs of errors that pass.
        limit: In seconds; the last attempt begins before it.
        tell: Takes the notice that there will be others; None notifies the user.
    """
    deadline = time.monotonic() + limit
    pause = FIRST_PAUSE
    is_first = True
    while True:
        try:
            return connect()
        except DBAPIError as exc:
            if sqlstate(exc) not in passing or time.monotonic() >= deadline:
                raise
            if is_first:
                (tell or notify)(DatabaseAway(reason=reason(exc), limit=limit))
                is_first = False
        # many that wait for one server come back at different moments
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # no secret
        pause = min(2 * pause, LONGEST_PAUSE)
