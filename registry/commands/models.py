"""Commands on what is registered."""

import click

from registry.commands.options import json_option, model_argument
from registry.commands.printing import show as show_answer
from registry.commands.versions import say_not_compared


@click.command()
@model_argument
@json_option
def show(model: str, json: bool) -> None:
    """Print a registered model's fingerprint.

    MODEL is its name, or the first digits of its digest.

    \b
    Example: registry show llama-small
    """
    from registry import Registry
    from registry.report import models

    with Registry() as registry:
        summary, fingerprint = registry.show(model)
    show_answer(
        models.show_json(summary, fingerprint),
        models.show_table(summary, fingerprint),
        json=json,
    )


@click.command("list")
@json_option
def list_(json: bool) -> None:
    """List the registered models.

    Those that are not compared, because their fingerprints are of another version, are marked.

    \b
    Example: registry list --json
    """
    from registry import Registry
    from registry.report.models import models_table

    with Registry() as registry:
        summaries = registry.models()
        not_compared = say_not_compared(registry)
    content = {"models": summaries, **not_compared}
    show_answer(content, models_table(summaries), json=json)


@click.command()
@model_argument
@json_option
def remove(model: str, json: bool) -> None:
    """Delete a registered model.

    \b
    Example: registry remove llama-small
    """
    from registry import Registry

    with Registry() as registry:
        removed = registry.remove(model)
    text = f"removed {removed.name} (family {removed.family})"
    show_answer({"removed": removed}, text, json=json)


@click.command()
@json_option
def families(json: bool) -> None:
    """List the families and their models.

    \b
    Example: registry families
    """
    from registry import Registry
    from registry.report import models

    with Registry() as registry:
        summaries = registry.families()
    show_answer({"families": summaries}, models.families_table(summaries), json=json)
