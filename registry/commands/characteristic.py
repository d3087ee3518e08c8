"""Commands of the second paper: distances of singular values, groups of projections, LoRA starts."""

import click

from registry.commands.options import as_json, model, option
from registry.commands.printing import output

rank = option(
    "--rank",
    type=click.Choice(["16", "64", "256"]),
    default="16",
    show_default=True,
    callback=lambda *given: int(given[2]),
    help="Singular values of each vector.",
)


@click.command()
@model
@rank
@as_json
def characteristic(model: str, rank: int, as_json: bool) -> None:
    """Tell which projections stay close to which; MODEL is registered, and the groups are kept with it, or a source.

    \b
    Example: registry characteristic llama-small
    """
    from registry import Registry
    from registry.characteristic.groups import published_of
    from registry.report import characteristic

    with Registry() as registry:
        found = registry.characteristic(model, rank=rank)
    told = (model, found, published_of(model))
    output(
        as_json,
        lambda it: characteristic.characteristic_json(*it),
        lambda it: characteristic.characteristic_table(*it),
        told,
    )


@click.command()
@model
@option(
    "--between",
    multiple=True,
    metavar="A,B",
    help="Only of two projections, such as q,gate; may be repeated.",
)
@rank
@as_json
def dsv(model: str, between: tuple[str, ...], rank: int, as_json: bool) -> None:
    """Tell which law the distances between singular-value vectors follow; MODEL is registered, or a source.

    \b
    Example: registry dsv llama-small --between q,gate
    """
    from registry import Registry
    from registry.characteristic.dsv import pair_of
    from registry.characteristic.groups import published_of
    from registry.report import characteristic

    pairs = [pair_of(text) for text in between]
    with Registry() as registry:
        measured, fits = registry.distances(model, pairs, rank=rank)
    told = (model, rank, measured, fits, published_of(model))
    output(
        as_json,
        lambda it: characteristic.distances_json(*it),
        lambda it: characteristic.distances_table(*it),
        told,
    )
