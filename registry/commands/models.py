"""Commands on what is registered."""

import click

from registry.commands.options import json_option, model_argument, option
from registry.commands.printing import show as show_answer
from registry.commands.versions import say_counts, say_emptiness


@click.command()
@model_argument
@json_option
def show(model: str, json: bool) -> None:
    """Print a registered model's fingerprint, sources, tags and notes.

    MODEL is its name, or the first digits of its digest.

    \b
    Example: registry show llama-small
    """
    from registry import Registry
    from registry.report import models
    from registry.report.curation import remark_lines, remarks_json

    with Registry() as registry:
        summary, fingerprint, remarks, sources = registry.described(model)
    show_answer(
        {**models.show_json(summary, fingerprint), **remarks_json(remarks, sources)},
        models.show_table(summary, fingerprint, remark_lines(remarks, sources)),
        json=json,
    )


@click.command("list")
@option("--tag", metavar="TAG", help="Only models with this tag.")
@json_option
def list_(tag: str | None, json: bool) -> None:
    """List the registered models.

    Those that are not compared, because their fingerprints are of another version, are marked.

    \b
    Example: registry list --json
    """
    from registry import Registry
    from registry.report.models import model_json, models_table, tags_of

    with Registry() as registry:
        summaries, tags, counts = registry.overview()
    notes = say_counts(counts) | say_emptiness(is_empty=not summaries)
    if tag is not None:
        summaries = [model for model in summaries if tag in tags_of(model, tags)]
    content = {"models": [model_json(model, tags) for model in summaries], **notes}
    show_answer(content, models_table(summaries, tags), json=json)


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
