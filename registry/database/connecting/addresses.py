"""The address of a database: what the driver needs of it, and what of it may be shown.

A URL is taken apart here and nowhere else, as its author means it: the password ends at the last @
before the host, so that one which holds @ / : ? # or % needs no encoding. No reader is handed a
text with half a password in it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import unquote

from psycopg.pq import Conninfo
from sqlalchemy import URL

from registry.errors import BadDatabaseURL

DRIVER = "postgresql+psycopg"
SCHEME = re.compile(r"([a-z][a-z0-9]*)(\+\w+)?://", re.IGNORECASE)
POSTGRES = ("postgres", "postgresql")
PLACE = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+(%\w+)?\]|[\w.%~-]*)(:(?P<port>\d{0,5}))?")
ONE_HOST = re.compile(r"[\w.:-]+")
DIGITS = re.compile(r"[0-9]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
LISTED = ("host", "hostaddr", "port")
"""Parameters that may be given several times, for one server after the other to be tried."""
SECRET = frozenset(
    {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
)
MASK = "***"


@dataclass(frozen=True)
class Address:
    """Where a database is and who comes; neither `repr` nor `url` tell a secret.

    Attributes:
        parameters: libpq's connection parameters.
    """

    parameters: Mapping[str, str] = field(repr=False)

    @property
    def url(self) -> URL:
        """The address without its secrets, as SQLAlchemy has it."""
        return self.with_password(MASK if "password" in self.parameters else None)

    @property
    def shown(self) -> str:
        """The address without its secrets, as a user reads it."""
        return shown(self.url)

    def for_psql(self) -> str:
        """Return the address with the password, as psql and other clients take it."""
        plain = self.with_password(self.parameters.get("password"))
        return plain.set(drivername="postgresql").render_as_string(hide_password=False)

    def with_password(self, password: str | None) -> URL:
        """Return the address with this password; other secrets are left out."""
        rest = {key: value for key, value in self.parameters.items() if key not in SECRET}
        user = rest.pop("user", None)
        database = rest.pop("dbname", None)
        host, port = None, None
        if ONE_HOST.fullmatch(rest.get("host", "")) and DIGITS.fullmatch(rest.get("port", "0")):
            host = rest.pop("host")
            port = int(rest.pop("port")) if "port" in rest else None
        return URL.create(
            DRIVER,
            username=user,
            password=password,
            host=host,
            port=port,
            database=database,
            query=rest,
        )


def shown(url: URL) -> str:
    """Return a URL as a user may see it, without the password."""
    return url.render_as_string(hide_password=True).replace("+psycopg", "")


def parsed(given: str) -> Address:
    """Return the address that a URL stands for, in whatever spelling.

    Raises BadDatabaseURL, which repeats nothing of it.
    """
    text = given.strip()
    if CONTROL.search(text):
        raise BadDatabaseURL(reason="it holds a control character")
    scheme = SCHEME.match(text)
    if scheme is None:
        raise BadDatabaseURL(reason="it is not a URL")
    if scheme[1].lower() not in POSTGRES:
        raise BadDatabaseURL(reason=f"it speaks of {scheme[1]}")

    head, query = split_query(text[scheme.end() :])
    parameters = dict(head_parameters(head))
    parameters.update(query)
    return Address(parameters)


def split_query(text: str) -> tuple[str, dict[str, str]]:
    """Return what stands before the query, and the query's parameters.

    The query begins at the first ? after which nothing but parameters of libpq stand: one before
    that is part of the password.
    """
    position = text.find("?")
    while position >= 0:
        query = text[position + 1 :]
        names = [part.partition("=")[0] for part in query.split("&") if part]
        if all(name in known_parameters() for name in names):
            return text[:position], query_parameters(text[:position], query)
        if "@" not in query:
            break
        position = text.find("?", position + 1)
    if position >= 0:
        raise BadDatabaseURL(reason="what follows its ? are not parameters that libpq knows")
    return text, {}


@cache
def known_parameters() -> frozenset[str]:
    """Return the connection parameters that the installed libpq knows."""
    return frozenset(option.keyword.decode() for option in Conninfo.get_defaults())


def query_parameters(head: str, query: str) -> dict[str, str]:
    """Return the parameters of a query; of hosts that are given several times, all.

    Raises BadDatabaseURL where what looks like a query may be the rest of a password.
    """
    if "@" in query and not {"@", "/"} & set(head):
        raise BadDatabaseURL(reason="it is not clear where its password ends")
    parameters: dict[str, str] = {}
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if not equals:
            continue
        value = unquote(value)
        if name in LISTED and name in parameters:
            value = f"{parameters[name]},{value}"
        parameters[name] = value
    return parameters


def head_parameters(head: str) -> Iterator[tuple[str, str]]:
    """Yield the parameters of `user:password@host:port/name`, of which each part may be missing.

    Raises BadDatabaseURL.
    """
    account, at, rest = head.rpartition("@")
    user, colon, password = account.partition(":")
    if "/" in user or "?" in user:
        raise BadDatabaseURL(reason="its user name holds a / or ?")
    places, _, database = rest.partition("/")
    hosts, ports = split_places(places)

    if at and user:
        yield "user", unquote(user)
    if colon and password:
        yield "password", unquote(password)
    if any(hosts):
        yield "host", ",".join(hosts)
    if any(ports):
        yield "port", ",".join(ports)
    if database:
        yield "dbname", unquote(database)


def split_places(places: str) -> tuple[list[str], list[str]]:
    """Return the hosts and the ports of `host:port,host:port`. Raises BadDatabaseURL."""
    hosts, ports = [], []
    for place in places.split(","):
        match = PLACE.fullmatch(place)
        if match is None:
            raise BadDatabaseURL(reason="its host or its port cannot be read")
        hosts.append(unquote(match["host"].strip("[]")))
        ports.append(match["port"] or "")
    return hosts, ports
