"""What is measured of a registry, in Prometheus' text format and as JSON.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.database.keeping.metrics import RunCounts, Spool, State
from registry.database.keeping.runs import Ending
from registry.lineage.verdict import Relation

PREFIX = "registry_"
HELP = {
    "up": "Whether the database answered; where it is 0, what is in it is left out.",
    "info": "Versions of the package, of the schema and of Postgres; always 1.",
    "models": "Registered models and adapters, by the version of their fingerprints.",
    "families": "Families.",
    "verdicts": "Models by the newest verdict on them.",
    "models_due": "Models that are due to be judged again, which registry rejudge does.",
    "oldest_judgement_age_seconds": "Seconds since the verdict that is the oldest was given.",
    "newest_judgement_age_seconds": "Seconds since the last verdict was given.",
    "database_size_bytes": "Size of the database with its indexes.",
    "runs": "Runs over many sources, by how they ended.",
    "last_run_age_seconds": "Seconds since the last run that ended did.",
    "last_run_failed_jobs": "Sources of that run that failed.",
    "running_silence_seconds": "Seconds since a sign of that running run which is silent longest.",
    "spool_files": "Fingerprints that wait in files of this machine, which registry flush stores.",
    "spool_oldest_age_seconds": "Seconds since the first of these files was written.",
}
"""Every metric, without the prefix, and what it is; all are gauges."""
IN_LABELS = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
IN_HELP = str.maketrans({"\\": r"\\", "\n": r"\n"})
"""What stands for characters that would end a label's value or a line, or seem to."""


@dataclass(frozen=True)
class Sample:
    """One number of a metric, and what tells it from the others."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def metrics_text(spool: Spool, state: State | None, version: str) -> str:
    """Return all metrics in the text format, those without a number left out.

    Args:
        state: None where the database did not answer.
        version: Of this package.
    """
    lines = []
    for name, samples in measured(spool, state, version).items():
        if samples:
            lines += [f"# HELP {name} {HELP[name.removeprefix(PREFIX)].translate(IN_HELP)}"]
            lines += [f"# TYPE {name} gauge"]
            lines += [line_of(name, sample) for sample in samples]
    return "\n".join(lines) + "\n"


def line_of(name: str, sample: Sample) -> str:
    """Return the line of one number."""
    pairs = [f'{label}="{value.translate(IN_LABELS)}"' for label, value in sample.labels.items()]
    labels = f"{{{','.join(pairs)}}}" if pairs else ""
    return f"{name}{labels} {sample.value!r}"


def metrics_json(spool: Spool, state: State | None, version: str) -> dict[str, Any]:
    """Return all metrics by name; each is a list of objects of labels and a value."""
    return {"metrics": measured(spool, state, version)}


def measured(spool: Spool, state: State | None, version: str) -> dict[str, list[Sample]]:
    """Return the numbers of every metric, by its whole name, in the order of HELP."""
    numbers: dict[str, list[Sample]] = {
        "up": [Sample(0 if state is None else 1)],
        "spool_files": [Sample(spool.files)],
        "spool_oldest_age_seconds": list(known(spool.oldest)),
    }
    if state is not None:
        numbers |= of_database(state)
        labels = {"version": version, "schema": state.schema, "postgres": state.postgres}
        numbers["info"] = [Sample(1, labels)]
    return {PREFIX + name: numbers.get(name, []) for name in HELP}


def of_database(state: State) -> dict[str, list[Sample]]:
    """Return the numbers of what is in a database."""
    due = sum(count.due for count in state.verdicts)
    oldest = max((count.oldest for count in state.verdicts), default=None)
    newest = min((count.newest for count in state.verdicts), default=None)
    return {
        "models": list(models(state)),
        "families": [Sample(state.families)],
        "verdicts": list(verdicts(state)),
        "models_due": [Sample(due)],
        "oldest_judgement_age_seconds": list(known(oldest)),
        "newest_judgement_age_seconds": list(known(newest)),
        "database_size_bytes": [Sample(state.size)],
        **of_runs(state.runs),
    }


def of_runs(runs: RunCounts) -> dict[str, list[Sample]]:
    """Return the numbers of runs over many sources; of the last one where there is one."""
    counts = {str(state): 0 for state in Ending} | runs.by_state
    failed = None if runs.ended is None else runs.failed
    return {
        "runs": [Sample(count, {"state": state}) for state, count in counts.items()],
        "last_run_age_seconds": list(known(runs.ended)),
        "last_run_failed_jobs": list(known(failed)),
        "running_silence_seconds": list(known(runs.silent)),
    }


def known(value: float | None) -> Iterator[Sample]:
    """Yield a number, if there is one."""
    if value is not None:
        yield Sample(value)


def models(state: State) -> Iterator[Sample]:
    """Yield how many models there are, by kind and version."""
    for count in state.models:
        yield Sample(count.models, {"kind": count.kind, "fingerprint_version": str(count.version)})


def verdicts(state: State) -> Iterator[Sample]:
    """Yield how many models have each verdict, 0 too: a series that comes and goes is no use."""
    counts = {str(relation): 0 for relation in Relation}
    for count in state.verdicts:
        counts[count.verdict] = count.judged
    for verdict, judged in counts.items():
        yield Sample(judged, {"verdict": verdict})
