"""The command that looks at adapters through the first paper's lens."""

import click

from registry.commands.common import as_json, option, output


@click.command()
@click.argument("adapters", nargs=-1, required=True, metavar="ADAPTER...")
@option("--base", metavar="MODEL", help="The base to show beside, registered or a source [default: what they declare].")
@option("--like", type=click.IntRange(1), metavar="N", help="List the N registered adapters most like the first, too.")
@as_json
def lora(adapters: tuple[str, ...], base: str | None, like: int | None, as_json: bool) -> None:
    """Show std and clustering vectors of adapters: of B A, and of what they make of their base.

    ADAPTER is a source or registered; LABEL=SOURCE says what it was trained on. Of several: distances, whether those
    of one data set or one base are nearer, and the path of checkpoints of one run.

    \b
    Example: registry lora emotions=./a therapy=./b --base ./llama-small
    """
    from registry import Registry
    from registry.report import lens

    with Registry() as registry:
        seen = registry.adapters(adapters, base)
        known = registry.base_of(seen, base)
        nearest = registry.like(seen[0].own, like) if like and seen[0].own else []
    told = lens.Told(tuple(seen), known, tuple(nearest))
    output(as_json, lens.told_json, lens.told_table, told)
