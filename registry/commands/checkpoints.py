"""Commands on checkpoints: store one, fingerprint one, look into one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from registry.checkpoints.source_names import check_source
from registry.commands.bulk import ingest_many
from registry.commands.bulk_options import BulkOptions, bulk_options, taken_bulk
from registry.commands.measured_run import measured_run
from registry.commands.options import (
    device_option,
    download_option,
    files,
    json_option,
    option,
    python_options,
    reading_options,
    source_argument,
    threads_option,
)
from registry.commands.printing import say_error, say_notes, show, show_json, show_text
from registry.commands.versions import say_not_compared
from registry.commands.well_known import ingest_well_known
from registry.errors import NothingKnown, RegistryError, SourceNotFound, Spooled

if TYPE_CHECKING:
    from registry.commands.measured_run import MeasuredRun
    from registry.workflows.ingest import Ingested


@click.command()
@click.argument("sources", nargs=-1, metavar="SOURCE...", shell_complete=files)
@option(
    "--family",
    help="Family of the models [default: the declared base's, else the model's own name].",
)
@option(
    "--well-known",
    is_flag=True,
    help="Well-known open models of the hub, or of its --family, that are not registered yet.",
)
@option(
    "--name",
    help="Name to register one model under [default: the folder's, or the hub id]; of many, a"
    " template such as '{parent}/{leaf}'.",
)
@bulk_options
@reading_options(rank=64)
def ingest(
    sources: tuple[str, ...],
    family: str | None,
    name: str | None,
    well_known: bool,
    json: bool,
    timing: bool,
    **options: Any,
) -> None:
    """Fingerprint models and store them: folders, files or hub ids.

    A hub id is org/model, org/model@revision or, where it holds several models, org/model:file.

    Many sources, of --tree, --from or lists of the hub, are one run: several are read at a time,
    what was done before is skipped, and what fails is kept with its reason for `registry jobs` and
    --retry-failed.

    --well-known takes the place of a SOURCE: 300 open models of the hub, which are read where they
    lie; those that are registered are skipped, and after a failure the next is tried.

    Where the database does not take what was read, that waits in a file, which is named, and
    `registry flush` stores it.

    \b
    Example: registry ingest examples/checkpoints/llama-small --family llama
    """
    bulk = taken_bulk(options)
    wanted = {**python_options(options), "family": family, "name": name}
    if bulk.is_asked_for and not well_known:
        ingest_many(sources, bulk, wanted, json=json, timing=timing)
        return
    check_usage(sources, name, bulk, well_known=well_known)
    if well_known:
        from registry import Registry

        with Registry() as registry:
            ingest_well_known(registry, family, wanted, json=json, timing=timing)
        return
    ingest_each(sources, wanted, json=json, timing=timing)


def check_usage(
    sources: Sequence[str], name: str | None, bulk: BulkOptions, *, well_known: bool
) -> None:
    """Raise UsageError for options that do not go together."""
    if name and (well_known or len(sources) > 1):
        raise click.UsageError("--name goes with one SOURCE only.")
    if bulk.is_asked_for or well_known == bool(sources):
        raise click.UsageError("Give a SOURCE, or --well-known without one.")


def ingest_each(
    sources: Sequence[str], wanted: dict[str, Any], *, json: bool, timing: bool
) -> None:
    """Ingest one source after the other. Exit code 1 where any of them is not registered."""
    missing = errors_of_missing(sources)
    if len(missing) == len(sources):
        say_missing(missing, json=json)
        raise SystemExit(1)

    from registry import Registry

    stored: list[dict[str, Any]] = []
    errors: list[dict[str, str]] = []
    with Registry() as registry:
        for source in sources:
            try:
                with measured_run(source, json=json, timing=timing) as run:
                    ingested = registry.ingest(source, **wanted, **run.observers)
            except RegistryError as error:
                say_error(error, source=source)
                errors.append(error_json(source, error))
            else:
                stored.append(stored_json(ingested, run))
        takes_none = any("spooled" in error for error in errors)
        not_compared = {} if takes_none else say_not_compared(registry)

    if json:
        show_json({"models": stored, "errors": errors, **not_compared})
    if errors:
        raise SystemExit(1)


def errors_of_missing(sources: Sequence[str]) -> list[tuple[str, SourceNotFound]]:
    """Return sources that nothing bears the name of, each with the error that says so."""
    errors = []
    for source in sources:
        try:
            check_source(source)
        except SourceNotFound as error:
            errors.append((source, error))
    return errors


def say_missing(errors: list[tuple[str, SourceNotFound]], *, json: bool) -> None:
    """Tell that no source is there, for which no database need be started."""
    for _, error in errors:
        say_error(error)
    if json:
        answers = [error_json(source, error) for source, error in errors]
        show_json({"models": [], "errors": answers, "not_compared": {}})


def error_json(source: str, error: RegistryError) -> dict[str, str]:
    """Return what --json says of a source that was not stored, and where it waits if it does."""
    spooled = {"spooled": str(error.data["path"])} if isinstance(error, Spooled) else {}
    return {"source": source, "error": str(error), **spooled}


def stored_json(ingested: "Ingested", run: "MeasuredRun") -> dict[str, Any]:
    """Return what --json says of a source that was stored; without --json, print it for reading."""
    from registry.report import fingerprints, models

    if not run.json:
        show_text(models.ingested_line(ingested))
        say_notes(fingerprints.notes(ingested.fingerprint))
        run.say_timing()
    return run.timed(models.ingested_json(ingested))


@click.command()
@json_option
def flush(json: bool) -> None:
    """Store the fingerprints that the database did not take before.

    They wait in REGISTRY_DATA_DIR/spool. A file goes once its fingerprint is stored; one that is
    damaged, or is refused, is named and stays. Exit code 1 while any is left.

    \b
    Example: registry flush
    """
    from registry import Registry
    from registry.report.models import flushed_json, ingested_line

    with Registry() as registry:
        flushed = registry.flush()
    left = [file.error for file in flushed if file.error]
    for error in left:
        say_error(error)
    if json:
        show_json(flushed_json(flushed))
    elif not flushed:
        show_text("nothing waits")
    else:
        for file in flushed:
            if file.ingested:
                show_text(ingested_line(file.ingested))
    if left:
        raise SystemExit(1)


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@option("--dry-run", is_flag=True, help="Look whether the sources are there; read no weights.")
@threads_option
@device_option
@download_option
@json_option
def upgrade(models: tuple[str, ...], dry_run: bool, json: bool, **options: Any) -> None:
    """Renew fingerprints that are of an older version.

    Only fingerprints of one version are compared. A model whose source is there and holds the same
    weights is read again and keeps its name, family, rank and stored verdict. MODEL is a name, or
    the first digits of a digest; without one, all are meant. Exit code 1 while any of them has an
    old fingerprint. What was interrupted goes on when it is started again.

    \b
    Example: registry upgrade --dry-run
    """
    from registry import Registry
    from registry.report.versions import NOTHING_OLD, upgraded_json, upgraded_line

    answers: list[dict[str, Any]] = []
    with Registry() as registry:
        old_models = registry.outdated(models)
        for model in old_models:
            with measured_run(model.name, json=json, timing=False) as run:
                given = {**options, **run.observers}
                done = registry.upgrade([model.name], dry_run=dry_run, **given)
            for upgraded in done:
                answers.append(upgraded_json(upgraded))
                if not json:
                    show_text(upgraded_line(upgraded))
        left = registry.outdated(models)
        not_compared = say_not_compared(registry)

    if json:
        show_json({"dry_run": dry_run, "models": answers, **not_compared})
    elif not old_models:
        show_text(NOTHING_OLD)
    if left:
        raise SystemExit(1)


@click.command()
@source_argument
@json_option
def inspect(source: str, json: bool) -> None:
    """List what a checkpoint holds, from its headers alone.

    Says which tensors are projections, which are ignored and which are unknown. Exit code 1 where
    none is a projection.

    \b
    Example: registry inspect ./model
    """
    check_source(source)

    from registry.architectures.inspection import inspect as read_headers
    from registry.report import answers, fingerprints

    inspection = read_headers(source)
    show(answers.plain(inspection), fingerprints.inspection_table(inspection), json=json)
    if not inspection.projections:
        raise NothingKnown(source=inspection.source, count=inspection.tensors)
