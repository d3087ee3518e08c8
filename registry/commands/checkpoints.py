"""Commands on checkpoints: store one, fingerprint one, look into one."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.commands.options import as_json, option, reading, source
from registry.commands.printing import (
    dumps,
    emit,
    output,
    say_notes,
    say_timing,
    timing_json,
    write,
)
from registry.errors import RegistryError

if TYPE_CHECKING:
    from registry import Registry


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@option(
    "--family",
    help="Family of the models [default: the declared base's, else the model's own name].",
)
@option("--name", help="Name to register one model under [default: the folder's, or the hub id].")
@reading(rank=64)
def ingest(
    sources: tuple[str, ...],
    family: str | None,
    name: str | None,
    as_json: bool,
    timing: bool,
    **options: Any,
) -> None:
    """Fingerprint models and store them: folders, files or hub ids.

    A hub id is org/model, org/model@revision or, where it holds several models, org/model:file.

    \b
    Example: registry ingest examples/checkpoints/llama-small --family llama
    """
    from registry import Registry
    from registry.report import answers

    if name and len(sources) > 1:
        raise click.UsageError("--name goes with one SOURCE only.")
    options |= {"family": family, "name": name}
    with Registry() as registry:
        done, failed = ingest_each(registry, sources, options, timed=timing, quiet=as_json)
    if as_json:
        emit(answers.answer(models=done, errors=failed))
    if failed:
        raise SystemExit(1)


def ingest_each(
    registry: "Registry",
    sources: Iterable[str],
    options: dict[str, Any],
    *,
    timed: bool,
    quiet: bool,
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Ingest one source after the other and say what came of it; those that failed do not stop the others.

    Returns what was stored and what was not, as --json has it. quiet: nothing of it goes to stdout.
    """
    from registry.commands.progress import Bar
    from registry.fingerprints.timing import Timing
    from registry.report import fingerprints, models

    done, failed = [], []
    for each in sources:
        clock = Timing()
        try:
            with Bar(each) as bar:
                result = registry.ingest(each, **options, progress=bar, timing=clock)
        except RegistryError as exc:
            failed.append({"source": each, "error": str(exc)})
            click.echo(f"Error: {exc}", err=True)
            continue
        spent = clock.seconds() if timed else None
        done.append(models.ingested_json(result) | timing_json(spent))
        if not quiet:
            click.echo(models.ingested_line(result))
            say_notes(fingerprints.notes(result.fingerprint))
            say_timing(spent)
    return done, failed


@click.command()
@source
@option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the JSON to a file.",
)
@reading(rank=64)
def fingerprint(
    source: str, path: Path | None, as_json: bool, timing: bool, **options: Any
) -> None:
    """Compute a fingerprint and print it; no database is needed.

    \b
    Example: registry fingerprint ./model -o model.json
    """
    import registry
    from registry.commands.progress import Bar
    from registry.fingerprints import serialised
    from registry.fingerprints.timing import Timing
    from registry.report import answers, fingerprints

    clock = Timing()
    with Bar(source) as bar:
        found = registry.fingerprint(source, **options, progress=bar, timing=clock)
    spent = clock.seconds() if timing else None
    content = fingerprints.fingerprint_json(found) | timing_json(spent)
    if path:
        write(path, dumps(answers.answer(**content, record=serialised.to_json(found))))
    else:
        output(
            as_json, lambda _: content, lambda it: fingerprints.fingerprint_table(it, source), found
        )
    if not as_json:
        say_timing(spent)


@click.command()
@source
@as_json
def inspect(source: str, as_json: bool) -> None:
    """Say what a checkpoint holds - projections, what is ignored, what is unknown - from its headers alone.

    \b
    Example: registry inspect ./model
    """
    from registry.architectures.inspection import inspect as look
    from registry.report import answers, fingerprints

    output(as_json, answers.plain, fingerprints.inspection_table, look(source))
