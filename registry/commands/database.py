"""Commands that look after the database."""

import click

from registry.commands.options import as_json
from registry.commands.printing import output


@click.group()
def db() -> None:
    """Look after the database.

    \b
    Example: psql $(registry db url)
    """


@db.command()
@as_json
def status(as_json: bool) -> None:
    """Say where the database is, what runs there and how full it is."""
    from registry.database import admin
    from registry.report import answers, models

    output(as_json, answers.plain, models.status_table, admin.status())


@db.command()
@as_json
def start(as_json: bool) -> None:
    """Start the embedded database, to stay until `registry db stop`."""
    from registry.database import admin

    output(as_json, lambda it: {"url": it}, str, admin.start())


@db.command()
@as_json
def stop(as_json: bool) -> None:
    """Stop the embedded database."""
    from registry.database import admin

    output(
        as_json,
        lambda it: {"stopped": it},
        lambda it: "stopped" if it else "it was not running",
        admin.stop(),
    )


@db.command()
@as_json
def upgrade(as_json: bool) -> None:
    """Bring the database's schema up to this version of the registry."""
    from registry.database import admin

    output(
        as_json,
        lambda it: {"schema": it},
        lambda it: f"the schema is at {it}",
        admin.upgrade_schema(),
    )


@db.command()
@as_json
def url(as_json: bool) -> None:
    """Print the database's address for psql; the embedded one stays up from then on."""
    from registry.database import admin

    output(as_json, lambda it: {"url": it}, str, admin.url())
