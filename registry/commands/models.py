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
@option("--where", metavar="SEARCH", help="Only models that fit, as family = 'llama'.")
@option("--near", metavar="MODEL", help="Show and sort by std_distance from this model.")
@json_option
def list_(tag: str | None, where: str | None, near: str | None, json: bool) -> None:
    """List the registered models.

    Those that are not compared, because their fingerprints are of another version, are marked.
    SEARCH compares words such as name, family, parameters, verdict and std_distance by = < > like
    and in, and joins them by and, or, not (docs/web.md has them all).

    \b
    Example: registry list --where "family = 'llama' and std_distance < 1e-3" --near llama-small
    """
    if where is not None or near is not None:
        search(where or "", near or "", tag, json=json)
        return

    from registry import Registry
    from registry.report.models import model_json, models_table, tags_of

    with Registry() as registry:
        summaries, tags, counts = registry.overview()
    notes = say_counts(counts) | say_emptiness(is_empty=not summaries)
    if tag is not None:
        summaries = [model for model in summaries if tag in tags_of(model, tags)]
    content = {"models": [model_json(model, tags) for model in summaries], **notes}
    show_answer(content, models_table(summaries, tags), json=json)


def search(where: str, near: str, tag: str | None, *, json: bool) -> None:
    """Print the models that fit."""
    from registry import Registry
    from registry.report.models import found_json, found_table

    with Registry() as registry:
        found = registry.search(where, near=near)
    if tag is not None:
        found = [model for model in found if tag in model.tags]
    show_answer(found_json(found), found_table(found), json=json)


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
