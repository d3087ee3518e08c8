"""What a worker does with one source, and what it answers: both go from process to process."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Engine

from registry.bulk.wanted import Task
from registry.database.connecting.transactions import in_transaction
from registry.database.curating.curation import tag
from registry.errors import (
    CheckpointError,
    DatabaseFault,
    NotSpooled,
    RegistryError,
    Spooled,
    WeightsError,
)
from registry.fingerprints.device import one_thread_each
from registry.fingerprints.from_source import Options
from registry.workflows.ingest import Ingested
from registry.workflows.ingest_file import ingest_source

Progress = Callable[[int, int, int], None]
PASSING = frozenset({"HubUnreachable", "HubFailing", "HubRateLimited", "HubOffline", "ChangedFile"})
"""Failures to read a source that may well pass while its files stay as they are."""


@dataclass(frozen=True)
class Work:
    """How every source of a run is ingested.

    Attributes:
        family: of models whose list says nothing of it.
        options: how sources are read.
        tool_version: of this package.
        report: what is kept of each answer, made by the worker; a function of a module.
    """

    family: str | None
    options: Options
    tool_version: str
    report: Callable[[Ingested], Any]


@dataclass(frozen=True)
class Result:
    """What became of one source.

    Attributes:
        task: The source.
        outcome: What became of its fingerprint, or `spooled`; None where it failed.
        model: What it is registered as; None where it is not.
        report: What was to be kept of the answer.
        error: Why it failed, or is spooled; None where all went well.
        seconds: Of the worker.
        fingerprinting: Of these, how long weights were read and measured.
        stages: Seconds of every stage, summed over the worker's threads.
    """

    task: Task
    outcome: str | None = None
    model: str | None = None
    report: Any = None
    error: RegistryError | None = None
    seconds: float = 0.0
    fingerprinting: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether nothing came of the source."""
        return self.outcome is None

    @property
    def is_spooled(self) -> bool:
        """Whether the fingerprint waits in a file."""
        return isinstance(self.error, Spooled)

    @property
    def database_is_away(self) -> bool:
        """Whether the source is to be read once more when the database takes what comes of it."""
        return isinstance(self.error, DatabaseFault | NotSpooled) and not self.is_spooled

    @property
    def lasts(self) -> bool:
        """Whether it would fail again while its files stay as they are."""
        is_of_source = isinstance(self.error, CheckpointError | WeightsError)
        return is_of_source and type(self.error).__name__ not in PASSING


def ingest_task(engine: Engine, task: Task, work: Work, progress: Progress | None = None) -> Result:
    """Ingest one source; errors are part of the answer."""
    from registry.fingerprints.timing import Timing  # noqa: PLC0415

    start = time.perf_counter()
    clock = Timing()
    wanted = task.wanted
    options: Options = {**work.options, "progress": progress, "timing": clock}

    def result(**values: Any) -> Result:
        stages = clock.seconds()
        return Result(
            task,
            seconds=time.perf_counter() - start,
            fingerprinting=stages["wall"] - stages["database"],
            stages=stages,
            **values,
        )

    try:
        with one_thread_each():  # judging, too: the other cores are the other workers'
            ingested = ingest_source(
                engine,
                wanted.source,
                work.tool_version,
                options,
                family=wanted.family or work.family,
                name=wanted.name,
            )
            if wanted.tags:
                name = ingested.model.name
                in_transaction(engine, partial(tag, name=name, tags=wanted.tags))
    except Spooled as error:
        return result(outcome="spooled", error=error)
    except RegistryError as error:
        return result(error=error)
    return result(
        outcome=ingested.outcome.value, model=ingested.model.name, report=work.report(ingested)
    )


def nothing(_: object) -> None:
    """Keep or tell nothing."""
