"""Commands on what is registered."""

import click

from registry.commands.options import as_json, model
from registry.commands.printing import output


@click.command()
@model
@as_json
def show(model: str, as_json: bool) -> None:
    """Print a registered model's fingerprint; MODEL is its name or the start of its digest.

    \b
    Example: registry show llama-small
    """
    from registry import Registry
    from registry.report import models

    with Registry() as registry:
        found = registry.show(model)
    output(as_json, models.show_json, lambda it: models.show_table(*it), found)


@click.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the registered models.

    \b
    Example: registry list --json
    """
    from registry import Registry
    from registry.report.models import models_table

    with Registry() as registry:
        found = registry.models()
    output(as_json, lambda it: {"models": it}, models_table, found)


@click.command()
@model
@as_json
def remove(model: str, as_json: bool) -> None:
    """Delete a registered model.

    \b
    Example: registry remove llama-small
    """
    from registry import Registry

    with Registry() as registry:
        gone = registry.remove(model)
    output(
        as_json,
        lambda it: {"removed": it},
        lambda it: f"removed {it.name} (family {it.family})",
        gone,
    )


@click.command()
@as_json
def families(as_json: bool) -> None:
    """List the families and their models.

    \b
    Example: registry families
    """
    from registry import Registry
    from registry.report import models

    with Registry() as registry:
        found = registry.families()
    output(as_json, lambda it: {"families": it}, models.families_table, found)
