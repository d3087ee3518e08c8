"""Commands on what is registered."""

import click

from registry.commands.common import as_json, model, output


@click.command()
@model
@as_json
def show(model: str, as_json: bool) -> None:
    """Print a registered model's fingerprint; MODEL is its name or the start of its digest.

    \b
    Example: registry show llama-small
    """
    from registry import Registry
    from registry.report import answers, tables

    with Registry() as registry:
        found = registry.show(model)
    output(as_json, answers.show_json, lambda it: tables.show_table(*it), found)


@click.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the registered models.

    \b
    Example: registry list --json
    """
    from registry import Registry
    from registry.report import tables

    with Registry() as registry:
        models = registry.models()
    output(as_json, lambda it: {"models": it}, tables.models_table, models)


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
    output(as_json, lambda it: {"removed": it}, lambda it: f"removed {it.name} (family {it.family})", gone)


@click.command()
@as_json
def families(as_json: bool) -> None:
    """List the families and their models.

    \b
    Example: registry families
    """
    from registry import Registry
    from registry.report import tables

    with Registry() as registry:
        found = registry.families()
    output(as_json, lambda it: {"families": it}, tables.families_table, found)
