"""The roles of a database: who owns the tables, who writes them, and who only reads.

Roles are the server's and hold for all its databases; what they may do is each database's. Nobody
needs to be superuser: CREATEROLE makes the roles, the owner of the tables gives the rights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from psycopg import sql
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from registry.database.connecting.addresses import shown
from registry.database.connecting.failures import sqlstate
from registry.database.keeping.role_statements import (
    CREATE,
    DEFAULTS,
    FORBIDDING,
    GRANTS,
    OWN_ALL,
    SETTINGS,
    STILL_ALLOWED,
    LooseEnd,
)
from registry.errors import NoSuchLogin, RolesRefused


class Role(StrEnum):
    """A role that login users are granted."""

    OWNER = "registry_owner"
    """Owns schemas and tables, and migrates them."""
    WRITER = "registry_writer"
    """Ingests, identifies and curates."""
    ANALYST = "registry_analyst"
    """Reads, and changes nothing."""


@dataclass(frozen=True)
class Granted:
    """What `registry db roles` did.

    Attributes:
        created: Roles that the server had not.
        logins: Login users that were granted a role.
        loose_ends: What only another could forbid.
        database: Name of the database.
    """

    created: tuple[str, ...]
    logins: tuple[str, ...]
    loose_ends: tuple[LooseEnd, ...]
    database: str


MISSING = text(
    "SELECT wanted.name FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS wanted (name, place)"
    " WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) ORDER BY place"
)
MAY_CREATE_ROLES = text(
    "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
)
BELONGS_TO_OWNER = text(
    "SELECT pg_has_role(current_user, 'registry_owner',"
    " CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)"
)
GIVEN = text(
    "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'registry_analyst')"
    " AND EXISTS (SELECT FROM pg_namespace, aclexplode(nspacl) AS acl"
    " JOIN pg_roles ON pg_roles.oid = acl.grantee"
    " WHERE nspname = 'registry' AND rolname = 'registry_analyst')"
)
AS_MADE = text(
    "SELECT rolcanlogin AND EXISTS (SELECT FROM pg_db_role_setting JOIN pg_database AS d"
    " ON d.oid = setdatabase WHERE datname = current_database() AND setrole = pg_roles.oid"
    " AND setconfig @> CAST(:settings AS text[]))"
    " FROM pg_roles WHERE rolname = 'registry_analyst'"
)
"""Whether an analyst may log in and has the settings, which a role may change of its own."""
BUSY = "XX000"  # two sessions granted rights on one thing at once
DENIED = "42501"


def make_roles(engine: Engine, logins: Sequence[tuple[str, Role]] = ()) -> Granted:
    """Create the roles that are missing and give them, and login users, their rights.

    Running it again changes nothing. Raises RolesRefused, NoSuchLogin, DatabaseFault.

    Args:
        logins: Users of the server and the roles that they are to have.
    """
    with engine.begin() as connection:
        take_turns(connection)
        created = create_missing(connection, engine)
        become_owner(connection, engine)
        give_rights(connection)
        for login, role in logins:
            admit(connection, engine, login, role)
        loose_ends = forbid_the_rest(connection)
        database = str(connection.scalar(text("SELECT current_database()")))
    names = tuple(login for login, _ in logins)
    return Granted(created, names, loose_ends, database)


def roles_are_given(connection: Connection) -> bool:
    """Return whether the embedded database has its roles, with an analyst who may log in."""
    settings = [f"{name}={value}" for name, value in SETTINGS.items()]
    given = connection.scalar(GIVEN) and connection.scalar(AS_MADE, {"settings": settings})
    return bool(given)


def ensure_roles(engine: Engine) -> None:
    """Make the roles of the embedded database, with an analyst who may log in, if need be."""
    with engine.connect() as connection:
        if roles_are_given(connection):
            return
    make_roles(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER ROLE registry_analyst LOGIN")


def give_rights_again(engine: Engine) -> None:
    """Give the roles of a database that has them their rights on what an upgrade made."""
    with engine.begin() as connection:
        take_turns(connection)
        if connection.scalar(GIVEN):
            give_rights(connection)


def take_turns(connection: Connection) -> None:
    """Wait until no other session gives rights: two that change one thing's would fail."""
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('registry.roles'))")


def create_missing(connection: Connection, engine: Engine) -> tuple[str, ...]:
    """Create the roles that the server has not, and return them. Raises RolesRefused."""
    names = [str(role) for role in Role]
    missing = tuple(connection.scalars(MISSING, {"names": names}))
    if missing and not connection.scalar(MAY_CREATE_ROLES):
        statements = " ".join(f"CREATE ROLE {name};" for name in missing)
        raise refused(connection, engine, "CREATEROLE", "ALTER ROLE {me} CREATEROLE", statements)
    for name in missing:
        statement = CREATE.format(name=name)
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    return missing


def become_owner(connection: Connection, engine: Engine) -> None:
    """Make the current user a member of the owners. Raises RolesRefused."""
    if connection.scalar(BELONGS_TO_OWNER):
        return
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("GRANT registry_owner TO CURRENT_USER")
    except ProgrammingError as exc:
        if sqlstate(exc) != DENIED:
            raise
        grant = "GRANT registry_owner TO {me}"
        raise refused(connection, engine, "membership in registry_owner", grant) from exc


def give_rights(connection: Connection) -> None:
    """Give the roles their rights on all that is there, and on what they make later."""
    if connection.scalar(BELONGS_TO_OWNER):
        connection.exec_driver_sql(OWN_ALL, execution_options={"no_parameters": True})
        connection.exec_driver_sql(DEFAULTS.format(of="FOR ROLE registry_owner"))
    connection.exec_driver_sql(GRANTS, execution_options={"no_parameters": True})
    connection.exec_driver_sql(DEFAULTS.format(of=""))
    if role_has_admin(connection, Role.ANALYST):
        set_for(connection, Role.ANALYST)


def role_has_admin(connection: Connection, role: str) -> bool:
    """Return whether the current user may set a role's settings."""
    query = text(
        "SELECT rolsuper OR (CASE WHEN current_setting('server_version_num')::int >= 160000"
        " THEN rolcreaterole AND pg_has_role(current_user, :role, 'MEMBER WITH ADMIN OPTION')"
        " ELSE rolcreaterole END) FROM pg_roles WHERE rolname = current_user"
    )
    return bool(connection.scalar(query, {"role": str(role)}))


def set_for(connection: Connection, login: str) -> None:
    """Set what holds for the sessions of an analyst in this database."""
    database = sql.Identifier(str(connection.scalar(text("SELECT current_database()"))))
    for name, value in SETTINGS.items():
        # a list of schemas is no string
        content = sql.SQL("registry, public") if name == "search_path" else sql.Literal(value)
        statement = sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}").format(
            sql.Identifier(str(login)), database, sql.Identifier(name), content
        )
        run(connection, statement)


def admit(connection: Connection, engine: Engine, login: str, role: Role) -> None:
    """Grant a login user a role. Raises NoSuchLogin, RolesRefused."""
    known = text("SELECT count(*) FROM pg_roles WHERE rolname = :login")
    if not connection.scalar(known, {"login": login}):
        raise NoSuchLogin(login=login)
    user = sql.Identifier(login)
    try:
        with connection.begin_nested():
            run(connection, sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), user))
            if role is Role.ANALYST:
                set_for(connection, login)
    except ProgrammingError as exc:
        if sqlstate(exc) != DENIED:
            raise
        quoted = user.as_string(None)
        statements = f"GRANT {role} TO {quoted};"
        right = f"ADMIN on the roles {role} and {quoted}"
        raise refused(connection, engine, right, "GRANT ... WITH ADMIN OPTION", statements) from exc


def forbid_the_rest(connection: Connection) -> tuple[LooseEnd, ...]:
    """Take what everybody may do from everybody, where we may; return what is left of it."""
    left = []
    for loose_end, statement in FORBIDDING.items():
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
        except DBAPIError as exc:
            if sqlstate(exc) not in {DENIED, BUSY}:
                raise
        allowed = text(f"SELECT {STILL_ALLOWED[loose_end]}")
        if connection.scalar(allowed):
            left.append(loose_end)
    return tuple(left)


def run(connection: Connection, statement: sql.Composed) -> None:
    """Run a statement that was put together of names."""
    words = statement.as_string(None)
    connection.exec_driver_sql(words, execution_options={"no_parameters": True})


def refused(
    connection: Connection, engine: Engine, right: str, grant: str, statements: str = ""
) -> RolesRefused:
    """Return the error of a right that is missing, with the statement that gives it."""
    me = sql.Identifier(str(connection.scalar(text("SELECT current_user")))).as_string(None)
    remedy = grant.format(me=me) + (f", or to run: {statements}" if statements else "")
    return RolesRefused(url=shown(engine.url), right=right, grant=remedy.rstrip(";"))
