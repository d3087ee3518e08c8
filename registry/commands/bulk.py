"""Many sources in one command, and what became of those of earlier ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from registry.commands.options import Command, json_option, option
from registry.commands.printing import (
    say,
    say_error,
    say_notes,
    say_table,
    show,
    show_json,
    show_text,
)

if TYPE_CHECKING:
    from registry.bulk.crew import Event
    from registry.bulk.run import Finished, Planned, Summary
    from registry.bulk.start import Sharing
    from registry.bulk.wanted import Wanted

ORDERS = ("smallest", "largest", "listed")
RAY = "ray"
ENGINES = ("local", RAY)


@dataclass(frozen=True)
class BulkOptions:
    """What was typed of a run of many sources, named after the flags."""

    tree: tuple[str, ...]
    from_: tuple[str, ...]
    retry_failed: bool
    workers: int | None
    engine: str
    address: str | None
    order: str
    log: Path | None

    @property
    def is_asked_for(self) -> bool:
        """Whether this is a run of many sources."""
        lists = self.tree or self.from_ or self.retry_failed
        sharing = self.workers or self.engine == RAY or self.address or self.log
        return bool(lists or sharing)


def bulk_options(command: Command) -> Command:
    """Add the options of a run of many sources."""
    shared = [
        option("--tree", multiple=True, metavar="DIR", help="Every model below a folder."),
        option(
            "--from",
            multiple=True,
            metavar="FILE|-",
            help="Sources of a list, one a line: a path, a hub id, or JSON with source, name,"
            " family, revision and tags.",
        ),
        option(
            "--retry-failed",
            is_flag=True,
            help="Also what failed before and would be skipped; without a SOURCE, that alone.",
        ),
        option(
            "--workers",
            type=click.IntRange(1, 1024),
            help="Sources read at a time [default: one on every core].",
        ),
        option(
            "--order",
            type=click.Choice(ORDERS),
            default=ORDERS[0],
            show_default=True,
            help="Which sources of a run come first.",
        ),
        option(
            "--engine",
            type=click.Choice(ENGINES),
            default=ENGINES[0],
            show_default=True,
            help="Share a run out to processes of this machine, or to a Ray cluster.",
        ),
        option(
            "--address",
            metavar="ADDRESS",
            help="Of the Ray cluster [default: RAY_ADDRESS, else one on this machine].",
        ),
        option(
            "--log",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Append a JSON line for each event of a run.",
        ),
    ]
    for add_option in reversed(shared):
        command = add_option(command)
    return command


def taken_bulk(options: dict[str, Any]) -> BulkOptions:
    """Take the options of a run of many sources out of all options."""
    return BulkOptions(
        tree=options.pop("tree"),
        from_=options.pop("from"),
        retry_failed=options.pop("retry_failed"),
        workers=options.pop("workers"),
        engine=options.pop("engine"),
        address=options.pop("address"),
        order=options.pop("order"),
        log=options.pop("log"),
    )


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
        raise click.UsageError("Give a SOURCE, --tree, --from or --retry-failed.")

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


def listed_sources(sources: Sequence[str], bulk: BulkOptions) -> "Iterator[Wanted]":
    """Yield what was named, in the order of arguments, trees and lists."""
    from registry.bulk.lists import listed_in
    from registry.bulk.trees import models_below
    from registry.bulk.wanted import Wanted

    for source in sources:
        yield Wanted(source)
    for folder in bulk.tree:
        yield from models_below(folder)
    for path in bulk.from_:
        yield from listed_in(path)


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
@json_option
def jobs(run: int | None, failed: bool, most: int, json: bool) -> None:
    """List the runs over many sources; of one RUN, each source.

    Sources that a run skipped, for they had been done before, are counted and not listed.

    \b
    Example: registry jobs 3 --failed
    """
    from registry import Registry
    from registry.report import bulk as report

    with Registry() as registry:
        if run is None:
            runs = registry.runs(most=most)
            show(report.runs_json(runs), report.runs_table(runs), json=json)
            return
        rows = registry.jobs(run, failed=failed)
    show(report.jobs_json(run, rows), report.jobs_table(rows), json=json)
