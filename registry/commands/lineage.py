"""Commands that tell where a checkpoint comes from."""

from typing import Any

import click

from registry.commands.common import UNKNOWN, option, output, reading, say_timing, source, timing_json


@click.command()
@source
@option(
    "-k",
    "--nearest",
    default=10,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="How many models to list.",
)
@reading(rank=16)
def identify(source: str, nearest: int, as_json: bool, timing: bool, **options: Any) -> None:
    """Tell which registered models and families a checkpoint is nearest to. Exit code 4 when unknown.

    \b
    Example: registry identify ./unknown_model
    """
    from registry import Registry
    from registry.progress import Bar
    from registry.report import answers, tables
    from registry.timing import Timing

    with Registry() as registry, Bar(source) as bar:
        clock = Timing()
        found = registry.identify(source, k=nearest, **options, progress=bar, timing=clock)
        spent = clock.seconds() if timing else None
    output(as_json, lambda it: answers.identification_json(it) | timing_json(spent), tables.identification_table, found)
    if not as_json:
        say_timing(spent)
    if found.verdict.model is None:
        raise SystemExit(UNKNOWN)
