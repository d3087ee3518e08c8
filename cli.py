"""The command line: parse, call one function, print. The only place that prints or exits."""

import json
import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.errors import RegistryError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry import Registry

UNKNOWN = 4  # exit code: nothing that is registered is near
PIPED_WIDTH = 100  # columns where there is no terminal to ask


class RegistryGroup(click.Group):
    """The one place where an error of ours becomes a sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except RegistryError as exc:
            raise click.ClickException(str(exc)) from exc


SETTINGS = {"auto_envvar_prefix": "REGISTRY", "help_option_names": ["-h", "--help"], "max_content_width": 110}
option = partial(click.option, show_envvar=True)
as_json = option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/json.md).")
nonfinite = option(
    "--allow-nonfinite", is_flag=True, help="Leave NaN and infinite weights out instead of refusing them."
)
download = option("--download", is_flag=True, help="Keep a hub model's files in the hub cache.")
base = option(
    "--base", metavar="SOURCE", help="Merge an adapter into this model first [default: take its update alone]."
)
threads = option(
    "--threads", type=click.IntRange(1), help="Matrices computed at a time, a thread each [default: the cores]."
)
device = option(
    "--device", default="auto", metavar="auto|cpu|cuda[:n]", help="Where to compute; auto is CUDA if there is any."
)
prove = option("--prove", is_flag=True, help="Prove that no singular value was missed; takes several times as long.")
timing = option("--timing", is_flag=True, help="Tell on stderr, or in the JSON, where the time went.")
source = click.argument("source")
model = click.argument("model")


def reading(rank: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Options of all commands that read a checkpoint, which their functions take as `options`. rank: its default."""
    ranks = click.Choice(["16", "64", "256"])
    deep = option("--rank", type=ranks, default=str(rank), show_default=True, callback=lambda *given: int(given[2]),
                  help="Singular values of each matrix.")  # fmt: skip

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        for each in (as_json, timing, threads, device, prove, deep, download, nonfinite, base):
            command = each(command)
        return command

    return with_options


@click.group(cls=RegistryGroup, context_settings=SETTINGS)
@click.version_option(package_name="weight-registry")
def main() -> None:
    """Tell what a language model's checkpoint comes from, by fingerprints of its weights.

    \b
    registry ingest ./llama-small gpt2      remember two models
    registry identify ./unknown_model       which of them is it near?

    The database is REGISTRY_DATABASE_URL, any Postgres with pgvector; without it an embedded one in
    REGISTRY_DATA_DIR is started and stopped as needed.
    """


@main.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@option("--family", help="Family of the models [default: the declared base's, else the model's own name].")
@option("--name", help="Name to register one model under [default: the folder's, or the hub id].")
@reading(rank=64)
def ingest(
    sources: tuple[str, ...], family: str | None, name: str | None, as_json: bool, timing: bool, **options: Any
) -> None:
    """Fingerprint models and store them: folders, files or hub ids.

    A hub id is org/model, org/model@revision or, where it holds several models, org/model:file.

    \b
    Example: registry ingest examples/checkpoints/llama-small --family llama
    """
    from registry import Registry, report

    if name and len(sources) > 1:
        raise click.UsageError("--name goes with one SOURCE only.")
    options |= {"family": family, "name": name}
    with Registry() as registry:
        done, failed = ingest_each(registry, sources, options, timed=timing, quiet=as_json)
    if as_json:
        emit(report.answer(models=done, errors=failed))
    if failed:
        raise SystemExit(1)


def ingest_each(
    registry: "Registry", sources: Iterable[str], options: dict[str, Any], *, timed: bool, quiet: bool
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Ingest one source after the other and say what came of it; those that failed do not stop the others.

    Returns what was stored and what was not, as --json has it. quiet: nothing of it goes to stdout.
    """
    from registry import report
    from registry.progress import Bar
    from registry.timing import Timing

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
        done.append(report.ingested_json(result) | timing_json(spent))
        if not quiet:
            click.echo(report.ingested_line(result))
            say_notes(report.notes(result.fingerprint))
            say_timing(spent)
    return done, failed


@main.command()
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
    from registry import Registry, report
    from registry.progress import Bar
    from registry.timing import Timing

    with Registry() as registry, Bar(source) as bar:
        clock = Timing()
        found = registry.identify(source, k=nearest, **options, progress=bar, timing=clock)
        spent = clock.seconds() if timing else None
    output(as_json, lambda it: report.identification_json(it) | timing_json(spent), report.identification_table, found)
    if not as_json:
        say_timing(spent)
    if found.verdict.model is None:
        raise SystemExit(UNKNOWN)


@main.command()
@source
@option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the JSON to a file.",
)
@reading(rank=64)
def fingerprint(source: str, path: Path | None, as_json: bool, timing: bool, **options: Any) -> None:
    """Compute a fingerprint and print it; no database is needed.

    \b
    Example: registry fingerprint ./model -o model.json
    """
    import registry
    from registry import report
    from registry.progress import Bar
    from registry.timing import Timing

    clock = Timing()
    with Bar(source) as bar:
        found = registry.fingerprint(source, **options, progress=bar, timing=clock)
    spent = clock.seconds() if timing else None
    content = report.fingerprint_json(found) | timing_json(spent)
    if path:
        write(path, dumps(report.answer(**content)))
    else:
        output(as_json, lambda _: content, lambda it: report.fingerprint_table(it, source), found)
    if not as_json:
        say_timing(spent)


@main.command()
@source
@as_json
def inspect(source: str, as_json: bool) -> None:
    """Say what a checkpoint holds - projections, what is ignored, what is unknown - from its headers alone.

    \b
    Example: registry inspect ./model
    """
    from registry import report
    from registry.inspect import inspect as look

    output(as_json, report.plain, report.inspection_table, look(source))


@main.command()
@model
@as_json
def show(model: str, as_json: bool) -> None:
    """Print a registered model's fingerprint; MODEL is its name or the start of its digest.

    \b
    Example: registry show llama-small
    """
    from registry import Registry, report

    with Registry() as registry:
        found = registry.show(model)
    output(as_json, report.show_json, lambda it: report.show_table(*it), found)


@main.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the registered models.

    \b
    Example: registry list --json
    """
    from registry import Registry, report

    with Registry() as registry:
        models = registry.models()
    output(as_json, lambda it: {"models": it}, report.models_table, models)


@main.command()
@model
@as_json
def remove(model: str, as_json: bool) -> None:
    """Delete a registered model.

    \b
    Example: registry remove llama-small
    """
    from registry import Registry

    with Registry() as registry:
        gone = registry.remove(model)
    output(as_json, lambda it: {"removed": it}, lambda it: f"removed {it.name} (family {it.family})", gone)


@main.command()
@as_json
def families(as_json: bool) -> None:
    """List the families and their models.

    \b
    Example: registry families
    """
    from registry import Registry, report

    with Registry() as registry:
        found = registry.families()
    output(as_json, lambda it: {"families": it}, report.families_table, found)


@main.group()
def db() -> None:
    """Look after the database.

    \b
    Example: psql $(registry db url)
    """


@db.command()
@as_json
def status(as_json: bool) -> None:
    """Say where the database is, what runs there and how full it is."""
    from registry import report
    from registry.database import admin

    output(as_json, report.plain, report.status_table, admin.status())


@db.command()
@as_json
def start(as_json: bool) -> None:
    """Start the embedded database, to stay until `registry db stop`."""
    from registry.database import admin

    output(as_json, lambda it: {"url": it}, str, admin.start())


@db.command()
@as_json
def stop(as_json: bool) -> None:
    """Stop the embedded database."""
    from registry.database import admin

    output(
        as_json,
        lambda it: {"stopped": it},
        lambda it: "stopped" if it else "it was not running",
        admin.stop(),
    )


@db.command()
@as_json
def upgrade(as_json: bool) -> None:
    """Bring the database's schema up to this version of the registry."""
    from registry.database import admin

    output(as_json, lambda it: {"schema": it}, lambda it: f"the schema is at {it}", admin.upgrade_schema())


@db.command()
@as_json
def url(as_json: bool) -> None:
    """Print the database's address for psql; the embedded one stays up from then on."""
    from registry.database import admin

    output(as_json, lambda it: {"url": it}, str, admin.url())


def output(
    as_json: bool,
    to_json: Callable[[Any], dict[str, Any]],
    to_text: Callable[[Any], "RenderableType"],
    it: Any,
) -> None:
    """Print a result to stdout, as JSON or for reading."""
    from registry import report

    if as_json:
        emit(report.answer(**to_json(it)))
        return
    from rich.console import Console

    text = to_text(it)
    click.echo(text) if isinstance(text, str) else Console(
        highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH
    ).print(text)


def emit(content: dict[str, Any]) -> None:
    """One JSON object; floats are printed so that they read back equal."""
    click.echo(dumps(content))


def dumps(content: dict[str, Any]) -> str:
    """JSON that any reader takes."""
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as exc:
        draft.unlink(missing_ok=True)
        raise click.ClickException(f"{str(path)!r} cannot be written ({exc.strerror}); choose another file.") from exc


def say_notes(notes: list[str]) -> None:
    """What the reader should know, on stderr."""
    for note in notes:
        click.echo(f"  note: {note}", err=True)


def timing_json(spent: dict[str, float] | None) -> dict[str, Any]:
    """What --timing adds to an answer."""
    return {"timing": spent} if spent else {}


def say_timing(spent: dict[str, float] | None) -> None:
    """Where the time went, on stderr, if it was asked for."""
    from rich.console import Console

    from registry import report

    if spent:
        Console(stderr=True, highlight=False).print(report.timing_table(spent))


if __name__ == "__main__":
    main()
