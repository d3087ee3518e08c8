"""What `registry db roles` did, as lines and as JSON."""

from typing import Any

from registry.database.keeping.role_statements import LooseEnd
from registry.database.keeping.roles import Granted, Role
from registry.report.answers import plain

RIGHTS = {
    Role.OWNER: "owns schemas and tables, and upgrades them",
    Role.WRITER: "ingests, identifies and curates",
    Role.ANALYST: "reads, and changes nothing",
}
REMEDIES = {
    LooseEnd.TEMPORARY_TABLES: "REVOKE TEMP ON DATABASE {database} FROM PUBLIC",
    LooseEnd.TABLES_IN_PUBLIC: "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    LooseEnd.LARGE_OBJECTS: "REVOKE EXECUTE ON FUNCTION lo_create(oid), lo_creat(integer),"
    " lo_from_bytea(oid, bytea), lo_put(oid, bigint, bytea), lowrite(integer, bytea) FROM PUBLIC",
    LooseEnd.LOCKS: "run `registry db roles` as a superuser",
}


def remedy(granted: Granted, loose_end: LooseEnd) -> str:
    """Return the statement that forbids analysts something."""
    quoted = granted.database.replace('"', '""')
    return REMEDIES[loose_end].format(database=f'"{quoted}"')


def roles_json(granted: Granted) -> dict[str, Any]:
    """Return the content of the JSON answer."""
    left = {str(loose_end): remedy(granted, loose_end) for loose_end in granted.loose_ends}
    return {
        "roles": [str(role) for role in Role],
        "created": plain(granted.created),
        "logins": plain(granted.logins),
        "still_allowed": left,
    }


def roles_lines(granted: Granted) -> list[str]:
    """Return a line a role, and one for everything that analysts may still do."""
    lines = []
    for role in Role:
        state = "created" if role in granted.created else "was there"
        lines.append(f"{role}  {RIGHTS[role]} ({state})")
    if granted.logins:
        lines.append(f"granted to {', '.join(granted.logins)}")
    for loose_end in granted.loose_ends:
        statement = remedy(granted, loose_end)
        lines.append(f"analysts can still make {loose_end}; what forbids it: {statement}")
    return lines
