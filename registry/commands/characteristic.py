"""Commands of paper 2509.00046: distances of singular-value vectors, and groups of projections."""

import click

from registry.commands.naming import named_models
from registry.commands.options import json_option, model_argument, option, rank_option
from registry.commands.printing import show


@click.command()
@model_argument
@rank_option(16)
@json_option
def characteristic(model: str, rank: int, json: bool) -> None:
    """Group projections whose singular-value spectra stay close.

    As in arXiv 2509.00046, section 3.1. MODEL is a registered name or a source; groups of
    registered models are stored.

    \b
    Example: registry characteristic llama-small
    """
    from registry import Registry
    from registry.characteristic.groups import published_of
    from registry.report.characteristic import characteristic_json, characteristic_table

    with Registry() as registry:
        named = named_models(registry, [model])
        groups = registry.characteristic(named.models[0], rank=rank)

    published = published_of(model)
    show(
        characteristic_json(model, groups, published) | named.note,
        characteristic_table(model, groups, published),
        json=json,
    )


@click.command()
@model_argument
@option(
    "--between",
    multiple=True,
    metavar="A,B",
    help="Only between two projections, such as q,gate; may be repeated.",
)
@rank_option(16)
@json_option
def dsv(model: str, between: tuple[str, ...], rank: int, json: bool) -> None:
    """Fit the law of the distances between singular-value vectors.

    As in arXiv 2509.00046, section 3. MODEL is a registered name or a source.

    \b
    Example: registry dsv llama-small --between q,gate
    """
    from registry import Registry
    from registry.characteristic.dsv import pair_of
    from registry.characteristic.groups import published_of
    from registry.report.characteristic import DistanceReport, distances_json, distances_table

    pairs = [pair_of(names) for names in between]
    with Registry() as registry:
        named = named_models(registry, [model])
        result = registry.distances(named.models[0], pairs, rank=rank)

    report = DistanceReport(model, rank, result.sets, result.first_fits, published_of(model))
    show(distances_json(report) | named.note, distances_table(report), json=json)
