"""Commands of the second paper: distances of singular values, groups of projections, LoRA starts."""

from pathlib import Path

import click

from registry.commands.common import as_json, download, model, option, output

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
    from registry.report import laws

    with Registry() as registry:
        found = registry.characteristic(model, rank=rank)
    told = (model, found, published_of(model))
    output(as_json, lambda it: laws.characteristic_json(*it), lambda it: laws.characteristic_table(*it), told)


@click.command()
@model
@option("--between", multiple=True, metavar="A,B", help="Only of two projections, such as q,gate; may be repeated.")
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
    from registry.report import laws

    pairs = [pair_of(text) for text in between]
    with Registry() as registry:
        measured, fits = registry.distances(model, pairs, rank=rank)
    told = (model, rank, measured, fits, published_of(model))
    output(as_json, lambda it: laws.distances_json(*it), lambda it: laws.distances_table(*it), told)


@click.command("lora-init")
@click.argument("base")
@option("--like", required=True, metavar="REFERENCE", help="The model whose characteristic shapes it, or a source.")
@option("--rank", "lora_rank", type=click.IntRange(1), default=16, show_default=True, help="Rank of the update.")
@option("--alpha", type=float, help="Its scaling times the rank [default: the rank].")
@option("--targets", multiple=True, metavar="NAME", help="Projections or modules, may be repeated [default: all].")
@option("--std", type=click.FloatRange(0, min_open=True), help="Standard deviation of A and B [default: 0.02].")
@option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same gives the same adapter.")
@option("--keep-output", is_flag=True, help="Write the base less the start too, so that nothing moves at step 0.")
@option("-o", "--output", "folder", type=click.Path(path_type=Path), required=True, help="A new or empty folder.")
@download
@as_json
def lora_init(base: str, like: str, folder: Path, as_json: bool, **options: object) -> None:
    """Write a LoRA adapter for BASE whose factors start in the shape of a reference's characteristic.

    \b
    Example: registry lora-init ./llama-small --like llama-large --rank 8 -o ./start
    """
    from registry import Registry
    from registry.report import laws

    with Registry() as registry:
        done = registry.lora_init(base, like, folder, **options)  # type: ignore[arg-type]
    output(as_json, lambda it: {"reference": like, "initialised": it}, lambda it: laws.initialised_text(it, like), done)
