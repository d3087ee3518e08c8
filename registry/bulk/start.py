"""From a list of sources to a run over it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from registry import settings
from registry.bulk.crew import Crew
from registry.bulk.job import Work
from registry.bulk.names import check_template, name_of
from registry.bulk.plan import Choice, Order, Plan, plan
from registry.bulk.run import Summary, Watch, run
from registry.bulk.survey import Reading
from registry.bulk.wanted import Wanted
from registry.bulk.workers import LocalCrew
from registry.database.connecting.transactions import answer_of
from registry.database.keeping import runs
from registry.database.keeping.runs import NewRun
from registry.database.stored.models import registered_names
from registry.database.stored.names import check_names
from registry.errors import NothingFailed
from registry.fingerprints.device import cores
from registry.fingerprints.from_source import Options
from registry.fingerprints.record import RANK
from registry.notices import NamesRegistered, notify
from registry.workflows.ingest import Ingested

RAY = "ray"
"""The engine that is a cluster."""


@dataclass(frozen=True)
class Sharing:
    """How the sources of a list are shared out.

    Attributes:
        workers: how many are read at a time; None for one on every core.
        engine: local processes, or ray.
        address: of a Ray cluster; None for RAY_ADDRESS, else one on this machine.
        order: which sources come first.
        template: what models are called; None for what their places say.
        retry: whether sources that failed before, and would again, are tried all the same.
        family: of models whose list says nothing of it.
    """

    workers: int | None = None
    engine: str = "local"
    address: str | None = None
    order: Order = Order.SMALLEST
    template: str | None = None
    retry: bool = False
    family: str | None = None


@dataclass(frozen=True)
class Start:
    """All that a run needs beside its list.

    Attributes:
        engine: on the database.
        url: of the database, for workers; None for the configured one.
        sharing: how the list is shared out.
        options: how sources are read.
        tool_version: of this package.
    """

    engine: Engine
    url: str | None
    sharing: Sharing
    options: Options
    tool_version: str

    @property
    def rank(self) -> int:
        """Singular values of each matrix."""
        return self.options.get("rank", RANK)

    @property
    def workers(self) -> int:
        """How many sources are read at a time."""
        return self.sharing.workers or cores()

    def run(
        self,
        sources: Iterable[str | Path | Wanted],
        report: Callable[[Ingested], Any],
        watch: Watch,
    ) -> Summary:
        """Plan a list and do what is left of it. Raises RegistryError before anything is read."""
        self.check()
        planned = self.plan(sources)
        tell_of_names(self.engine, planned)
        crew = self.crew(planned, report)
        new = NewRun(
            engine=self.sharing.engine,
            workers=crew.idle,
            sources=planned.count,
            skipped=len(planned.known),
            tool_version=self.tool_version,
        )
        return run(self.engine, planned, crew, new, self.rank, watch)

    def check(self) -> None:
        """Raise RegistryError where the list cannot be shared out as asked."""
        if self.sharing.engine == RAY:
            from registry.bulk import cluster  # noqa: PLC0415  # it is seldom asked for

            embedded = not (self.url or settings.database_url())
            cluster.check(self.sharing.address, embedded=embedded)

    def plan(self, sources: Iterable[str | Path | Wanted]) -> Plan:
        """Return what is to be done. Raises RegistryError."""
        sharing = self.sharing
        check_names(None, sharing.family)
        if sharing.template is not None:
            check_template(sharing.template)
        base = self.options.get("base")
        reading = Reading(
            rank=self.rank,
            base=None if base is None else str(base),
            allow_nonfinite=self.options.get("allow_nonfinite", False),
        )
        choice = Choice(reading, sharing.order, sharing.template, sharing.retry)
        return plan(self.engine, map(wanted_of, sources), choice)

    def crew(self, planned: Plan, report: Callable[[Ingested], Any]) -> Crew:
        """Return who does the work. Raises RegistryError."""
        work = Work(
            family=self.sharing.family,
            options=self.options,
            tool_version=self.tool_version,
            report=report,
        )
        if self.sharing.engine == RAY and planned.tasks:
            from registry.bulk.on_ray import RayCrew  # noqa: PLC0415  # it is seldom asked for

            return RayCrew(self.sharing.address, self.sharing.workers, work, self.url)
        threads = self.options.get("threads") or max(1, cores() // self.workers)
        local = replace(work, options={**self.options, "threads": threads})
        return LocalCrew(self.workers, local, self.url)


def wanted_of(source: str | Path | Wanted) -> Wanted:
    """Return a source as a list has it."""
    return source if isinstance(source, Wanted) else Wanted(str(source))


def tell_of_names(engine: Engine, planned: Plan) -> None:
    """Tell of names that are registered: other weights could not have them."""
    names = {name for task in planned.tasks if (name := name_of(task)) is not None}
    taken = answer_of(engine, lambda session: registered_names(session, names))
    if taken:
        notify(NamesRegistered(count=len(taken), name=min(taken)))


def failed_sources(engine: Engine) -> list[Wanted]:
    """Return the sources that failed when they were tried last. Raises NothingFailed."""
    left = answer_of(engine, runs.left_over)
    if not left:
        raise NothingFailed
    return [Wanted(source, name, family) for source, name, family in left]
