"""The command that fingerprints without a database: a whole model, or one share of a large one."""

from pathlib import Path
from typing import Any

import click

from registry.checkpoints.source_names import check_source
from registry.commands.measured_run import measured_run
from registry.commands.options import option, python_options, reading_options, source_argument
from registry.commands.printing import json_text
from registry.files import write_whole


class ShardType(click.ParamType):  # type: ignore[type-arg]  # not one in every version
    """One share of how many, as 3/200."""

    name = "shard"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return both numbers."""
        if isinstance(value, tuple):
            return value
        number, _, of = str(value).partition("/")
        if not (number.isascii() and number.isdigit() and of.isascii() and of.isdigit()):
            self.fail(f"{value!r} is no share such as 3/200.", param, ctx)
        if not 1 <= int(number) <= int(of):
            self.fail(f"{value!r} is out of range: shares are counted from 1.", param, ctx)
        return int(number), int(of)


@click.command()
@source_argument
@option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the JSON to a file.",
)
@option(
    "--shard",
    type=ShardType(),
    metavar="K/N",
    help="Measure only the K-th of N shares of a model of more than a gigabyte, and keep that in"
    " REGISTRY_DATA_DIR/measured for a later run without --shard.",
)
@reading_options(rank=64)
def fingerprint(
    source: str,
    output: Path | None,
    shard: tuple[int, int] | None,
    json: bool,
    timing: bool,
    **options: Any,
) -> None:
    """Compute a fingerprint and print it; no database is needed.

    What is measured of a model of more than a gigabyte is kept until its fingerprint is finished: a
    run that was interrupted goes on from there.

    \b
    Example: registry fingerprint ./model -o model.json
    """
    check_source(source)
    if shard is not None:
        if output:
            raise click.UsageError("--shard gives no fingerprint for --output.")
        fingerprint_shard(source, shard, json=json, timing=timing, options=python_options(options))
        return

    import registry
    from registry.fingerprints import serialised
    from registry.report import fingerprints

    with measured_run(source, json=json, timing=timing) as run:
        computed = registry.fingerprint(source, **python_options(options), **run.observers)
    content = fingerprints.fingerprint_json(computed)

    if output:
        content["record"] = serialised.to_json(computed)
        write_whole(output, json_text(run.timed(content)) + "\n")
        run.say_timing()
    else:
        run.show(content, fingerprints.fingerprint_table(computed, source))


def fingerprint_shard(
    source: str, shard: tuple[int, int], *, json: bool, timing: bool, options: dict[str, Any]
) -> None:
    """Measure one share of a model and say what is kept."""
    from registry.architectures.adapter_merge import open_merged
    from registry.fingerprints.shards import Shard, measure_shard
    from registry.report.fingerprints import shard_json, shard_lines

    base = options.pop("base", None)
    download = options.pop("download", False)
    share = Shard(*shard)
    with measured_run(source, json=json, timing=timing) as run:
        checkpoint = open_merged(source, base, download=download)
        measured = measure_shard(checkpoint, share, **options, **run.observers)
    run.show(shard_json(source, share, measured), shard_lines(share, measured))
