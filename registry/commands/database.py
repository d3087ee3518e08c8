"""Commands that look after the database."""

from pathlib import Path

import click

from registry import settings
from registry.commands.options import json_option, option
from registry.commands.printing import show


@click.group()
@click.pass_context
def db(ctx: click.Context) -> None:
    """Start, stop, upgrade and inspect the database.

    \b
    Example: psql $(registry db url)
    """
    settings.PROGRAM.command = f"db {ctx.invoked_subcommand}"


@db.command()
@json_option
def status(json: bool) -> None:
    """Print where the database is, what runs there and how full it is."""
    from registry.database.keeping import admin
    from registry.report import answers, models

    current = admin.status()
    show(answers.plain(current), models.status_table(current), json=json)


@db.command()
@option(
    "--port",
    type=click.IntRange(1024, 65535),
    help="Open this port of 127.0.0.1 for analysts, with a password, until `registry db stop`.",
)
@json_option
def start(port: int | None, json: bool) -> None:
    """Start the embedded database, to stay until `registry db stop`; print the analysts' address.

    With --port it is started anew if need be, and the address has the analysts' password, which
    the file analyst.password in the data folder keeps. Over TCP nobody comes in as the owner.

    \b
    Example: registry db start --port 5433
    """
    from registry.database.keeping import admin

    address = admin.start(port)
    show({"url": address}, address, json=json)


@db.command()
@json_option
def stop(json: bool) -> None:
    """Stop the embedded database."""
    from registry.database.keeping import admin

    stopped = admin.stop()
    show({"stopped": stopped}, "stopped" if stopped else "it was not running", json=json)


@db.command()
@json_option
def upgrade(json: bool) -> None:
    """Bring the database's schema up to this version of the registry."""
    from registry.database.keeping import admin

    revision = admin.upgrade_schema()
    show({"schema": revision}, f"the schema is at {revision}", json=json)


@db.command()
@option("--owner", is_flag=True, help="The owner's address, who may change everything.")
@json_option
def url(owner: bool, json: bool) -> None:
    """Print the database's address for psql; the embedded one stays up from then on.

    The embedded database's is the analysts', who change nothing. It stays the same.
    """
    from registry.database.keeping import admin

    address = admin.url(owner=owner)
    show({"url": address}, address, json=json)


@db.command()
@option("--analyst", multiple=True, metavar="USER", help="A login user that is to read.")
@option("--writer", multiple=True, metavar="USER", help="One that is to ingest, too.")
@option("--owner", multiple=True, metavar="USER", help="One that is to upgrade the schema, too.")
@json_option
def roles(
    analyst: tuple[str, ...], writer: tuple[str, ...], owner: tuple[str, ...], json: bool
) -> None:
    """Make the roles registry_owner, registry_writer and registry_analyst, and grant them.

    It takes the right CREATEROLE and the ownership of the tables, and no superuser. Running it
    again changes nothing. Login users are granted one of the roles, here or by GRANT.

    \b
    Example: registry db roles --analyst ada --writer pipeline
    """
    from registry.database.keeping import admin
    from registry.database.keeping.roles import Role
    from registry.report import roles as report

    logins = [(name, Role.ANALYST) for name in analyst]
    logins += [(name, Role.WRITER) for name in writer]
    logins += [(name, Role.OWNER) for name in owner]
    granted = admin.roles(logins)
    show(report.roles_json(granted), report.roles_lines(granted), json=json)


@db.command()
@option("--dry-run", is_flag=True, help="Only look; mend nothing.")
@json_option
def doctor(dry_run: bool, json: bool) -> None:
    """Say what is wrong with the database, and mend what is safe.

    Looks at the embedded server's folder and processes, then at the tables. What was stored is
    never changed. Exit code 1 while anything is wrong.

    \b
    Example: registry db doctor --dry-run
    """
    from registry.database.keeping import doctor as checks
    from registry.report import doctor as report

    findings = checks.examine(mend=not dry_run)
    show(report.findings_json(findings), report.findings_lines(findings), json=json)
    if not all(finding.mended for finding in findings):
        raise SystemExit(1)


@db.command()
@option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Where to write.",
)
@json_option
def dump(output: Path, json: bool) -> None:
    """Write all of the registry to a file, as it is at one moment.

    The file is the same for every server, and needs no pg_dump; `registry db restore` reads it.

    \b
    Example: registry db dump -o registry.dump
    """
    from registry.report import moving
    from registry.settings import tool_version
    from registry.workflows.moving import dump as write

    manifest = write(output, tool_version())
    show(
        moving.dumped_json(manifest, str(output)),
        moving.dumped_line(manifest, str(output)),
        json=json,
    )


@db.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@json_option
def restore(file: Path, json: bool) -> None:
    """Store all that a dump holds in the configured database, which must be empty.

    All of it or nothing: every table is compared, row for row by a digest, before it is there for
    others. A dump of an older schema is upgraded.

    \b
    Example: registry db restore registry.dump
    """
    from registry.report import moving
    from registry.workflows.moving import restore as read

    moved = read(file)
    show(moving.moved_json(moved), moving.restored_line(moved), json=json)


@db.command()
@option("--to", required=True, metavar="URL|embedded", help="The database to move to.")
@json_option
def move(to: str, json: bool) -> None:
    """Carry all of the registry into another database, which must be empty.

    From the embedded one to a server, or back with `embedded`; every table is compared. What is
    here stays as it is.

    \b
    Example: registry db move --to postgresql://me@db.example/registry
    """
    from registry.report import moving
    from registry.settings import tool_version
    from registry.workflows.moving import move as carry

    moved = carry(to, tool_version())
    show(moving.moved_json(moved), moving.moved_lines(moved), json=json)


@db.command()
@option("--check", is_flag=True, help="Build nothing; measure what the searches find.")
@option(
    "--models",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Registered models that --check looks up.",
)
@json_option
def index(check: bool, models: int, json: bool) -> None:
    """Build the indexes of the search anew, for the models that there are.

    Up to 20,000 models all are looked at, and nothing is missed. Of more, build them after a large
    import and when the registry has doubled: `--check` looks some models up by the indexes and
    without, and says how much is found.

    \b
    Example: registry db index --check
    """
    from registry.report import search
    from registry.workflows.search import build_indexes, check_indexes

    answer = check_indexes(models) if check else build_indexes()
    show(search.answer_json(answer), search.answer_table(answer), json=json)
