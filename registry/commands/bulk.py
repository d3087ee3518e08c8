"""Many sources in one command, and what became of those of earlier ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from registry.commands.bulk_options import RAY, BulkOptions, listed_sources
from registry.commands.options import JUNIT, check_format, format_option, json_option, option
from registry.commands.printing import (
    say,
    say_error,
    say_notes,
    say_table,
    show,
    show_json,
    show_pieces,
    show_text,
)

if TYPE_CHECKING:
    from registry.bulk.crew import Event
    from registry.bulk.run import Finished, Planned, Summary
    from registry.bulk.start import Sharing


def ingest_many(
    sources: Sequence[str],
    bulk: BulkOptions,
    wanted: dict[str, Any],
    *,
    json: bool,
    timing: bool,
) -> None:
    """Ingest many sources as one run. Exit code 1 where any of them is not registered.

    Args:
        wanted: Their name, which is a template, their family, and how they are read.
    """
    if bulk.address and bulk.engine != RAY:
        raise click.UsageError("--address goes with --engine ray.")
    listed = list(listed_sources(sources, bulk))
    if not listed and not bulk.retry_failed:
        raise click.UsageError("Give a SOURCE, a list of sources, or --retry-failed.")

    from registry import Registry
    from registry.report.bulk import answer_json, told

    options = dict(wanted)
    sharing = sharing_of(bulk, options.pop("name"), options.pop("family"))
    with Registry() as registry, Teller(json=json, log=bulk.log) as teller:
        summary = registry.ingest_many(
            listed or registry.failed_sources(),
            sharing=sharing,
            report=told,
            watch=teller.hear,
            **options,
        )
    if json:
        show_json(answer_json(summary, timing=timing))
    teller.tell_end(summary, timing=timing)
    if not summary.is_complete:
        raise SystemExit(1)


def sharing_of(bulk: BulkOptions, template: str | None, family: str | None) -> "Sharing":
    """Return how a run is shared out."""
    from registry.bulk.plan import Order
    from registry.bulk.start import Sharing

    return Sharing(
        workers=bulk.workers,
        engine=bulk.engine,
        address=bulk.address,
        order=Order(bulk.order),
        template=template,
        retry=bulk.retry_failed,
        family=family,
    )


class Teller:
    """Tells a run as it goes: lines on stdout, bars and notes on stderr, a log in a file."""

    def __init__(self, *, json: bool, log: Path | None) -> None:
        self._json = json
        self._log = log

    def __enter__(self) -> Self:
        from registry.commands.bulk_progress import RunBars
        from registry.commands.run_log import RunLog

        self._bars = RunBars()
        self._written = RunLog(self._log)
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
        self._written.close()

    def hear(self, event: "Planned | Event | Finished") -> None:
        """Tell an event."""
        self._written.write(event)
        with self._bars.aside():
            self._say(event)
        self._bars.hear(event)

    def _say(self, event: "Planned | Event | Finished") -> None:
        """Print what an event says."""
        from registry.bulk.crew import Said
        from registry.bulk.run import Finished, Planned
        from registry.notices import notify
        from registry.report import bulk as report

        if isinstance(event, Planned):
            say(report.plan_line(event), event="RunPlanned", data=report.log_json(event))
        elif isinstance(event, Said):
            notify(event.notice)
        elif isinstance(event, Finished):
            result = event.result
            if result.error is not None and (result.failed or result.is_spooled):
                say_error(result.error, source=result.task.source)
            elif not self._json:
                show_text(report.line_of(result))
                say_notes(result.report.notes if result.report else ())

    def tell_end(self, summary: "Summary", *, timing: bool) -> None:
        """Tell what a run came to."""
        from registry.report import bulk as report
        from registry.report.models import timing_table

        for line in report.failed_lines(summary):
            say(line, event="SourceFailed", message=line)
        if self._json:
            return
        counts = report.summary_json(summary)
        say_table(report.summary_table(summary), event="RunSummary", data=counts)
        if timing:
            say_table(timing_table(summary.stages), event="Timing", data=summary.stages)


@click.command()
@click.argument("run", type=int, required=False)
@option("--failed", is_flag=True, help="Only the sources that failed.")
@option("--most", type=click.IntRange(1), default=20, show_default=True, help="Runs to list.")
@format_option(JUNIT)
@json_option
def jobs(
    run: int | None,
    failed: bool,
    most: int,
    format: str | None,  # noqa: A002  # as its flag
    json: bool,
) -> None:
    """List the runs over many sources; of one RUN, each source.

    Sources that a run skipped, for they had been done before, are counted and not listed.

    \b
    Example: registry jobs 3 --failed
    """
    check_format(format, json=json)
    if format is not None and run is None:
        raise click.UsageError("--format goes with a RUN; `registry jobs` lists them.")

    from registry import Registry
    from registry.report import bulk as report

    with Registry() as registry:
        if run is None:
            runs = registry.runs(most=most)
            show(report.runs_json(runs), report.runs_table(runs), json=json)
            return
        rows = registry.jobs(run, failed=failed)
    if format is not None:
        from registry.report.check_wording import job_check
        from registry.report.checks import junit

        show_pieces([junit([job_check(job) for job in rows], f"run {run}")])
        return
    show(report.jobs_json(run, rows), report.jobs_table(rows), json=json)
