"""Commands that look after the database."""

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
    settings.COMMAND.set(f"db {ctx.invoked_subcommand}")


@db.command()
@json_option
def status(json: bool) -> None:
    """Print where the database is, what runs there and how full it is."""
    from registry.database import admin
    from registry.report import answers, models

    current = admin.status()
    show(answers.plain(current), models.status_table(current), json=json)


@db.command()
@json_option
def start(json: bool) -> None:
    """Start the embedded database, to stay until `registry db stop`."""
    from registry.database import admin

    address = admin.start()
    show({"url": address}, address, json=json)


@db.command()
@json_option
def stop(json: bool) -> None:
    """Stop the embedded database."""
    from registry.database import admin

    stopped = admin.stop()
    show({"stopped": stopped}, "stopped" if stopped else "it was not running", json=json)


@db.command()
@json_option
def upgrade(json: bool) -> None:
    """Bring the database's schema up to this version of the registry."""
    from registry.database import admin

    revision = admin.upgrade_schema()
    show({"schema": revision}, f"the schema is at {revision}", json=json)


@db.command()
@json_option
def url(json: bool) -> None:
    """Print the database's address for psql; the embedded one stays up from then on."""
    from registry.database import admin

    address = admin.url()
    show({"url": address}, address, json=json)


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
    from registry.database import doctor as checks
    from registry.report import doctor as report

    findings = checks.examine(mend=not dry_run)
    show(report.findings_json(findings), report.findings_lines(findings), json=json)
    if not all(finding.mended for finding in findings):
        raise SystemExit(1)
