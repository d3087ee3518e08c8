"""What clients are given to reach the embedded server with: by its socket, or by a port."""

import pwd
import re
from urllib.parse import quote

import psycopg
from psycopg import sql

from registry.database.embedded import tcp
from registry.database.embedded.cluster import ROLE as OWNER
from registry.database.embedded.server import Server
from registry.database.keeping.roles import Role
from registry.errors import ServerFailed

__all__ = ["OWNER", "lasting_url", "opened"]


def lasting_url(server: Server, role: str) -> str:
    """Return a role's URL on a server that is up, which stays right when that starts anew.

    A client that uses it speaks with no other user's server.
    """
    address = server.url_of(role)
    if address is None:
        raise ServerFailed(reason="it ended again", log=str(server.log))
    address = re.sub(r"port=\d+", f"port={tcp.USUAL}", address)
    user = account_name(server)
    return f"{address}&requirepeer={quote(user)}" if user else address


def account_name(server: Server) -> str | None:
    """Return the name of the user that the server runs as; None for a user without one."""
    try:
        return pwd.getpwuid(server.cluster.stat().st_uid).pw_name
    except KeyError:
        return None


def opened(server: Server, port: int) -> str:
    """Open a port of a server for analysts; return their URL there, with the password."""
    server.open_port(port)
    password = tcp.password(server.data_dir)
    with psycopg.connect(server.address(), autocommit=True, **server.client) as connection:
        secret = connection.pgconn.encrypt_password(
            password.encode(), Role.ANALYST.encode(), b"scram-sha-256"
        )
        statement = sql.SQL("ALTER ROLE registry_analyst PASSWORD {}")
        connection.execute(statement.format(sql.Literal(secret.decode())))
    return f"postgresql://{Role.ANALYST}:{quote(password)}@{tcp.LOOPBACK}:{port}/{OWNER}"
