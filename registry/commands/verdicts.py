"""Commands that answer which model a checkpoint was derived from."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.checkpoints.source_names import check_source
from registry.commands.measured_run import measured_run
from registry.commands.naming import check_typed
from registry.commands.options import (
    GITHUB,
    JUNIT,
    UNKNOWN,
    check_format,
    files,
    format_option,
    full_option,
    json_option,
    model_argument,
    option,
    python_options,
    quick_option,
    reading_options,
)
from registry.commands.printing import say, show
from registry.commands.several import Answer, Answers
from registry.commands.versions import say_if_empty, say_not_compared
from registry.files import write_whole

if TYPE_CHECKING:
    from registry import Registry
    from registry.fingerprints.record import NamedFingerprint
    from registry.lineage.verdict import Verdict


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", shell_complete=files)
@option(
    "-k",
    "--nearest",
    default=10,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="How many models to list.",
)
@quick_option
@option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write the verdict as a page of HTML.",
)
@full_option
@format_option(GITHUB, JUNIT)
@reading_options(rank=16)
def identify(
    sources: tuple[str, ...],
    nearest: int,
    quick: bool,
    full: bool,
    report: Path | None,
    format: str | None,  # noqa: A002  # as its flag
    json: bool,
    timing: bool,
    **options: Any,
) -> None:
    """Name the registered model that a checkpoint was derived from.

    The verdict is one of same weights, quantised copy, derived, same family and unknown.
    Exit code 4 when unknown. Of several sources each is judged, whatever becomes of the others;
    exit code 1 when one could not be read, else 4 when one is unknown.

    \b
    Example: registry identify ./unknown_model
    """
    check_format(format, json=json)
    if quick and report:
        raise click.UsageError("--quick reads too little for a --report.")
    if len(sources) > 1 or format is not None:
        if report or timing:
            raise click.UsageError("--report and --timing go with one SOURCE, without --format.")
        check_typed(options["merge_into"])
        reading = {**python_options(options), "full": full}
        identify_several(sources, Answers(format, json), nearest, reading, quick=quick)
        return
    [source] = sources
    check_source(source)
    check_typed(options["merge_into"])

    from registry import Registry
    from registry.report import verdicts

    if quick:
        identify_quickly(source, json=json, download=options["download"])
        return

    with Registry() as registry:
        with measured_run(source, json=json, timing=timing) as run:
            asked = {**python_options(options), "full": full or report is not None}
            identification = registry.identify(source, k=nearest, **asked, **run.observers)
        if report:
            from registry.report.page import identification_page
            from registry.settings import tool_version

            named = named_by(identification.verdict, registry)
            page = identification_page(identification, named, tool_version())
            write_whole(report, page + "\n")
        not_compared = say_not_compared(registry) | say_if_empty(registry)

    run.show(
        {**verdicts.identification_json(identification), **not_compared},
        verdicts.identification_table(identification),
    )
    exit_if_unknown(identification.verdict)


def identify_several(
    sources: tuple[str, ...],
    answers: Answers,
    nearest: int,
    reading: dict[str, Any],
    *,
    quick: bool,
) -> None:
    """Print the verdicts on several sources, or what a pipeline reads of them."""
    from registry import Registry
    from registry.report import verdicts

    with Registry() as registry:

        def identified(source: str) -> Answer:
            if quick:
                verdict, glimpse = registry.identify_quickly(source, download=reading["download"])
                read = {**verdicts.verdict_json(verdict), **verdicts.read_json(glimpse)}
                text = verdicts.verdict_table(source, verdict)
                return Answer(verdict, {"source": source, **read}, text)
            with measured_run(source, json=True, timing=False) as run:
                found = registry.identify(source, k=nearest, **reading, progress=run.progress)
            content = verdicts.identification_json(found)
            return Answer(found.verdict, content, verdicts.identification_table(found))

        for source in sources:
            answers.ask(source, identified)
        notes = say_not_compared(registry) | say_if_empty(registry)
    raise SystemExit(answers.finish(notes))


def identify_quickly(source: str, *, json: bool, download: bool) -> None:
    """Print the verdict that a part of a checkpoint's weights allows, and how much was read."""
    from registry import Registry
    from registry.report import verdicts

    with Registry() as registry:
        verdict, glimpse = registry.identify_quickly(source, download=download)
        not_compared = say_not_compared(registry) | say_if_empty(registry)

    content = {
        "source": source,
        **verdicts.verdict_json(verdict),
        **verdicts.read_json(glimpse),
        **not_compared,
    }
    show(content, verdicts.verdict_table(source, verdict), json=json)
    exit_if_unknown(verdict)


def exit_if_unknown(verdict: "Verdict") -> None:
    """End the command with its own exit code where no model was named."""
    if verdict.model is None:
        raise SystemExit(UNKNOWN)


@click.command()
@model_argument
@json_option
def explain(model: str, json: bool) -> None:
    """Repeat the newest verdict on a registered model.

    It is given at ingestion, and again when models arrive or go that may change it.

    \b
    Example: registry explain llama-tiny-code
    """
    from registry import Registry
    from registry.report import verdicts

    with Registry() as registry:
        stored = registry.explain(model)
    show(verdicts.explained_json(*stored), verdicts.explained_table(*stored), json=json)


@click.command()
@model_argument
@option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    help="The file to write.",
)
def report(model: str, output: Path) -> None:
    """Write a model's stored verdict as a page of HTML.

    \b
    Example: registry report llama-tiny-code -o report.html
    """
    from registry import Registry
    from registry.report.page import explained_page

    with Registry() as registry:
        summary, verdict, judged_at = registry.explain(model)
        _, fingerprint = registry.show(summary.name)
        named = named_by(verdict, registry)
        page = explained_page(summary, fingerprint, verdict, judged_at, named)
        write_whole(output, page + "\n")
    say(f"wrote {output}", event="Written", data={"path": output})


def named_by(verdict: "Verdict", registry: "Registry") -> "NamedFingerprint | None":
    """Return the model that a verdict names, with its fingerprint, if it is still registered."""
    from registry.errors import ModelNotFound
    from registry.fingerprints.record import NamedFingerprint

    if verdict.model is None:
        return None
    try:
        _, fingerprint = registry.show(verdict.model)
    except ModelNotFound:
        return None
    return NamedFingerprint(verdict.model, fingerprint)
