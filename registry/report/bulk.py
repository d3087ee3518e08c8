"""What a bulk run did: lines, tables, JSON and the lines of its log."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from registry.report.fingerprints import notes
from registry.report.models import ingested_json, ingested_line
from registry.report.tables import short_count, table

if TYPE_CHECKING:
    from registry.bulk.crew import Event
    from registry.bulk.job import Result
    from registry.bulk.run import Finished, Planned, Summary
    from registry.database.keeping.runs import Job, Run
    from registry.workflows.ingest import Ingested

OUTCOMES = ("new", "deepened", "completed", "refreshed", "unchanged", "spooled")
MOST_FAILED = 20  # sources that are listed at the end of a run
MINUTE, HOUR = 60, 3600


@dataclass(frozen=True)
class Told:
    """What is kept of a source that was stored: it goes from a worker to who prints it."""

    line: str
    notes: tuple[str, ...]
    content: dict[str, Any]


def told(ingested: "Ingested") -> Told:
    """Return what is kept of a source that was stored."""
    remarks = tuple(notes(ingested.fingerprint))
    return Told(ingested_line(ingested), remarks, ingested_json(ingested))


def line_of(result: "Result") -> str:
    """Return what became of a source that did not fail, as a sentence."""
    if result.report is not None:
        return str(result.report.line)
    if result.is_spooled:
        return str(result.error)
    return f"{result.model} is stored; its fingerprint had waited in a file"


def plan_line(planned: "Planned") -> str:
    """Return what a run is about to do, as a sentence."""
    plan = planned.plan
    line = f"run {planned.number}: {plan.count:,} sources, {len(plan.tasks):,} to be read"
    if plan.size:
        line += f" ({size_of(plan.size)})"
    if plan.known:
        line += f"; {len(plan.known):,} were done before"
    if plan.failed:
        line += f"; {len(plan.failed):,} failed before and are not tried (--retry-failed does)"
    return line


def failed_lines(summary: "Summary") -> list[str]:
    """Return the sources that failed now or before, one sentence each, and where the rest are."""
    now = [result for result in summary.results if result.failed]
    lines = [f"failed: {result.task.source}: {result.error}" for result in now]
    before = summary.plan.failed
    lines += [f"failed before: {item.task.source}: {item.failure.reason}" for item in before]
    if len(lines) <= MOST_FAILED:
        return lines
    rest = len(lines) - MOST_FAILED
    where = f"`registry jobs {summary.run} --failed`" if summary.failed else "--json"
    return [*lines[:MOST_FAILED], f"and {rest:,} more that failed; {where} lists them"]


def summary_table(summary: "Summary") -> RenderableType:
    """Return the closing counts of a run."""
    rows = [(outcome, f"{summary.count(outcome):,}") for outcome in OUTCOMES]
    rows = [row for row in rows if row[1] != "0"]
    rows += [
        ("done before", f"{len(summary.plan.known):,}"),
        ("failed", f"{summary.failed:,}"),
        ("failed before", f"{len(summary.plan.failed):,}"),
        ("not begun", f"{summary.left:,}"),
        ("read", size_of(summary.size)),
        ("time", duration(summary.seconds)),
    ]
    return table(f"run {summary.run}", "", rows=rows, right=("",))


def summary_json(summary: "Summary") -> dict[str, Any]:
    """Return the closing counts of a run."""
    counts = {outcome: summary.count(outcome) for outcome in OUTCOMES}
    work = sum(result.seconds for result in summary.results)
    weights = sum(result.fingerprinting for result in summary.results)
    return {
        "run": summary.run,
        "sources": summary.plan.count,
        **counts,
        "done_before": len(summary.plan.known),
        "failed": summary.failed,
        "failed_before": len(summary.plan.failed),
        "not_begun": summary.left,
        "bytes": summary.size,
        "seconds": summary.seconds,
        "worker_seconds": work,
        "fingerprinting_seconds": weights,
    }


def answer_json(summary: "Summary", *, timing: bool) -> dict[str, Any]:
    """Return what `registry ingest --json` says of a bulk run."""
    stored = []
    errors = []
    for result in summary.results:
        if result.failed or result.is_spooled:
            errors.append(error_json(result))
        elif result.report is not None:
            stored.append({"source": result.task.source, **result.report.content})
        else:
            stored.append(
                {"source": result.task.source, "outcome": result.outcome, "name": result.model}
            )
    skipped = [{"source": item.task.source, "model": item.model} for item in summary.plan.known]
    before = [
        {"source": item.task.source, "error": item.failure.reason} for item in summary.plan.failed
    ]
    return {
        "models": stored,
        "errors": errors,
        "skipped": skipped,
        "failed_before": before,
        "run": summary_json(summary),
        **({"timing": summary.stages} if timing else {}),
    }


def error_json(result: "Result") -> dict[str, Any]:
    """Return what is said of a source that failed, or waits in a file."""
    content: dict[str, Any] = {"source": result.task.source, "error": str(result.error)}
    if result.is_spooled and result.error is not None:
        content["spooled"] = str(result.error.data["path"])
    return content


def log_json(event: "Planned | Event | Finished") -> dict[str, Any] | None:
    """Return what a log says of an event; None for one that it does not tell."""
    write: Callable[[Any], dict[str, Any] | None] = WRITERS.get(type(event).__name__, silent)
    return write(event)


def silent(_event: Any) -> None:
    """Tell nothing."""


def planned_json(event: "Planned") -> dict[str, Any]:
    """Return a line of the log."""
    plan = event.plan
    return {
        "event": "planned",
        "run": event.number,
        "sources": plan.count,
        "to_read": len(plan.tasks),
        "bytes": plan.size,
        "done_before": len(plan.known),
        "failed_before": len(plan.failed),
    }


def started_json(event: Any) -> dict[str, Any]:
    """Return a line of the log."""
    task = event.task
    return {"event": "started", "source": task.source, "bytes": task.size, "attempt": task.attempts}


def lost_json(event: Any) -> dict[str, Any]:
    """Return a line of the log."""
    return {"event": "lost", "source": event.task.source, "reason": event.reason}


def said_json(event: Any) -> dict[str, Any]:
    """Return a line of the log."""
    return {"event": "note", "message": str(event.notice)}


def finished_json(event: "Finished") -> dict[str, Any]:
    """Return a line of the log."""
    result = event.result
    content: dict[str, Any] = {
        "event": "failed" if result.failed else "done",
        "source": result.task.source,
        "outcome": result.outcome,
        "model": result.model,
        "bytes": result.task.size,
        "seconds": round(result.seconds, 3),
        "attempts": event.attempts,
    }
    if result.error is not None:
        content |= {"kind": type(result.error).__name__, "error": str(result.error)}
    return content


WRITERS: dict[str, Any] = {
    "Planned": planned_json,
    "Started": started_json,
    "Lost": lost_json,
    "Said": said_json,
    "Finished": finished_json,
}


def runs_table(runs: Sequence["Run"]) -> RenderableType:
    """Return a row for every run."""
    rows = []
    for run in runs:
        end = run.ended_at or run.seen_at
        rows.append(
            (
                run.id,
                f"{run.started_at:%Y-%m-%d %H:%M}",
                run.state,
                f"{run.sources:,}",
                f"{run.skipped:,}",
                f"{run.done:,}",
                f"{run.failed:,}",
                size_of(run.size),
                duration((end - run.started_at).total_seconds()),
                f"{run.actor}@{run.host}",
            )
        )
    numbers = ("sources", "skipped", "done", "failed", "read", "time")
    return table("run", "began", "state", *numbers, "who", rows=rows, right=("run", *numbers))


def jobs_table(jobs: Sequence["Job"]) -> RenderableType:
    """Return a row for every source of a run."""
    rows = []
    for job in jobs:
        answer = job.model or job.reason or ""
        rows.append((job.source, job.outcome or job.state, answer, f"{job.seconds:.1f}"))
    return table("source", "outcome", "model or reason", "seconds", rows=rows, right=("seconds",))


def runs_json(runs: Sequence["Run"]) -> dict[str, Any]:
    """Return the runs, as `registry jobs --json` gives them."""
    return {"runs": [asdict(run) for run in runs]}


def jobs_json(run: int, jobs: Sequence["Job"]) -> dict[str, Any]:
    """Return the sources of a run, as `registry jobs RUN --json` gives them."""
    return {"run": run, "jobs": [asdict(job) for job in jobs]}


def size_of(count: float) -> str:
    """Return bytes in four characters or so: 1.2GB."""
    return f"{short_count(count)}B".replace("BB", "GB").replace("TB", "TB")


def duration(seconds: float) -> str:
    """Return a time for reading: 42 s, 7 min, 3 h 20 min."""
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds // HOUR:.0f} h {seconds % HOUR / MINUTE:.0f} min"
