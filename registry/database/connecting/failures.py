"""What the driver says went wrong, as one of our errors.

A statement's error has an SQLSTATE. One of connecting has none, since libpq keeps it to itself, so
that its text is looked through for what servers and poolers say; a server that speaks another
language is quoted.
"""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError

from registry.database.connecting.addresses import shown
from registry.database.tables.schema import REVISION
from registry.errors import SQLSTATES, DatabaseError, DatabaseFailed

LOST = "08006"
"""Stands for all ways in which a connection ends that was there."""

WHILE_CONNECTING = {
    "password|authentication|no such user|pg_hba|permitted to log in|certificate": "28000",
    "role .* does not exist|server login failed": "28000",
    "database .* does not exist|no such database": "3D000",
    "permission denied": "42501",
    "too many (clients|connections)|connection slots|no more connections allowed": "53300",
    "starting up|recovery|not (yet|currently) accepting": "57P03",
    "shutting down": "57P01",
    "session is (not )?read-only|hot standby": "25006",
    "refused|no such file|time[d ]*out|resol|unreachable|no route|network is down": "08001",
    "translate host name|reset by peer|closed the connection|closed unexpectedly": "08001",
    "could not (send|receive)|EOF detected|broken pipe|connection abort": "08001",
    "bouncer cannot connect|server conn crashed|cannot connect now": "08001",
}
"""What is said instead of an SQLSTATE, and the SQLSTATE that it stands for."""

DENIED = re.compile(r'permission denied for (?P<kind>[a-z ]+?) "?(?P<name>[^"]+?)"?$')
OWNED = re.compile(r'must be owner of (?P<kind>[a-z ]+?) "?(?P<name>[^"]+?)"?$')
RIGHTS = {
    "schema": "USAGE",
    "sequence": "USAGE",
    "function": "EXECUTE",
    "type": "USAGE",
    "database": "CONNECT",
}
"""What is granted on things other than tables."""
SCHEMAS = ("registry", "registry_tables")
BEFORE_REASON = re.compile(r"^(- host: .*?: )?connection (failed|is bad): ")


def error_of(exc: DBAPIError, url: URL, **data: Any) -> DatabaseError:
    """Return our error of a driver's.

    Args:
        exc: as SQLAlchemy passes it on.
        url: of the database, as it may be shown.
        data: further fields of sentences, such as who holds a lock.
    """
    kind = kind_of(sqlstate(exc))
    right = missing(exc, url)
    fields = {
        "url": shown(url),
        "reason": reason(exc),
        "right": right.right,
        "grant": right.grant,
        "revision": REVISION,
        "holder": reason(exc),
    }
    return kind(**fields | data)


def sqlstate(exc: DBAPIError) -> str:
    """Return the SQLSTATE of an error, or that which its text stands for; else an empty text."""
    state = getattr(exc.orig, "sqlstate", None)
    if state:
        return str(state)
    if exc.connection_invalidated:
        return LOST
    if isinstance(exc, DataError):  # refused before it was sent
        return "22000"
    if isinstance(exc, OperationalError | InterfaceError):
        for pattern, meant in WHILE_CONNECTING.items():
            if re.search(pattern, reason(exc), re.IGNORECASE):
                return meant
        return "08"
    return ""


def kind_of(state: str) -> type[DatabaseError]:
    """Return the class of error of an SQLSTATE: its own, else that of the class it belongs to."""
    return SQLSTATES.get(state) or SQLSTATES.get(state[:2]) or DatabaseFailed


def reason(exc: DBAPIError) -> str:
    """Return what the driver says in a line: what the server refused, else the last attempt."""
    lines = [line.strip() for line in str(exc.orig).splitlines() if line.strip()]
    if not lines:
        return type(exc.orig).__name__
    attempts = [line for line in lines if BEFORE_REASON.match(line)]
    line = attempts[-1] if attempts else lines[0]
    refusal = line.partition("FATAL:")[2].strip()
    return (refusal or BEFORE_REASON.sub("", line)).rstrip(".")


@dataclass(frozen=True)
class Missing:
    """A right that was missing: in words, and the statement that gives it and what goes with it."""

    right: str
    grant: str


def missing(exc: DBAPIError, url: URL) -> Missing:
    """Return the right that a refused statement needed, as far as the driver's words tell it."""
    role = f'"{url.username}"' if url.username else "this role"
    verb = (exc.statement or "SELECT").split(maxsplit=1)[0].upper()
    owned = OWNED.search(reason(exc))
    if owned:
        thing = f"{owned['kind']} {owned['name']}"
        return Missing(f"ownership of {thing}", f"ALTER {thing} OWNER TO {role}")

    denied = DENIED.search(reason(exc))
    kind, name = (denied["kind"], denied["name"]) if denied else ("schema", "public")
    if kind in ("table", "view", "relation"):
        rights = "SELECT" if verb == "SELECT" else "SELECT, INSERT, UPDATE, DELETE"
        grant = f"GRANT {rights} ON ALL TABLES IN SCHEMA registry, registry_tables TO {role}"
        return Missing(f"{verb} on {kind} {name}", grant)
    if kind in ("schema", "database") and verb == "CREATE":
        right = "CREATE"
    else:
        right = RIGHTS.get(kind, verb)
    granted = "schema registry, registry_tables" if name in SCHEMAS else f"{kind} {name}"
    return Missing(f"{right} on {kind} {name}", f"GRANT {right} ON {granted} TO {role}")
