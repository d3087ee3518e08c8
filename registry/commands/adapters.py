"""The command that looks at adapters through the first paper's lens."""

from pathlib import Path

import click

from registry.commands.options import as_json, download, option
from registry.commands.printing import output


@click.command()
@click.argument("adapters", nargs=-1, required=True, metavar="ADAPTER...")
@option(
    "--base",
    metavar="MODEL",
    help="The base to show beside, registered or a source [default: what they declare].",
)
@option(
    "--like",
    type=click.IntRange(1),
    metavar="N",
    help="List the N registered adapters most like the first, too.",
)
@as_json
def lora(adapters: tuple[str, ...], base: str | None, like: int | None, as_json: bool) -> None:
    """Show std and clustering vectors of adapters: of B A, and of what they make of their base.

    ADAPTER is a source or registered; LABEL=SOURCE says what it was trained on. Of several: distances, whether those
    of one data set or one base are nearer, and the path of checkpoints of one run.

    \b
    Example: registry lora emotions=./a therapy=./b --base ./llama-small
    """
    from registry import Registry
    from registry.report.adapters import Told, told_json, told_table

    with Registry() as registry:
        seen = registry.adapters(adapters, base)
        known = registry.base_of(seen, base)
        nearest = registry.like(seen[0].delta, like) if like and seen[0].delta else []
    told = Told(tuple(seen), known, tuple(nearest))
    output(as_json, told_json, told_table, told)


@click.command("lora-init")
@click.argument("base")
@option(
    "--like",
    required=True,
    metavar="REFERENCE",
    help="The model whose characteristic shapes it, or a source.",
)
@option(
    "--rank",
    "lora_rank",
    type=click.IntRange(1),
    default=16,
    show_default=True,
    help="Rank of the update.",
)
@option("--alpha", type=float, help="Its scaling times the rank [default: the rank].")
@option(
    "--targets",
    multiple=True,
    metavar="NAME",
    help="Projections or modules, may be repeated [default: all].",
)
@option(
    "--std",
    type=click.FloatRange(0, min_open=True),
    help="Standard deviation of A and B [default: 0.02].",
)
@option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="The same gives the same adapter.",
)
@option(
    "--keep-output",
    is_flag=True,
    help="Write the base less the start too, so that nothing moves at step 0.",
)
@option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    help="A new or empty folder.",
)
@download
@as_json
def lora_init(base: str, like: str, folder: Path, as_json: bool, **options: object) -> None:
    """Write a LoRA adapter for BASE whose factors start in the shape of a reference's characteristic.

    \b
    Example: registry lora-init ./llama-small --like llama-large --rank 8 -o ./start
    """
    from registry import Registry
    from registry.report import adapters

    with Registry() as registry:
        done = registry.lora_init(base, like, folder, **options)  # type: ignore[arg-type]
    output(
        as_json,
        lambda it: {"reference": like, "initialised": it},
        lambda it: adapters.initialised_text(it, like),
        done,
    )
