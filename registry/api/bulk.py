"""The part of `Registry` that takes many sources at a time."""

from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from registry.api.base import Room
from registry.settings import tool_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from registry.bulk.run import Summary, Watch
    from registry.bulk.start import Sharing
    from registry.bulk.wanted import Wanted
    from registry.database.keeping.runs import Job, Run
    from registry.fingerprints.from_source import Options
    from registry.workflows.ingest import Ingested

# ruff: noqa: PLC0415  # what only some methods need is imported there


class Bulk(Room):
    """Methods of `Registry`."""

    _url: str | None

    def ingest_many(
        self,
        sources: "Iterable[str | Path | Wanted]",
        *,
        sharing: "Sharing | None" = None,
        report: "Callable[[Ingested], Any] | None" = None,
        watch: "Watch | None" = None,
        **options: "Unpack[Options]",
    ) -> "Summary":
        """Ingest many sources; what was done before is skipped before a tensor is read.

        Args:
            sharing: how many at a time, in which order, under which names, where; of which family.
            report: what is kept of each answer; a function of a module.
            watch: who is told what happens.
        """
        from registry.bulk.job import nothing
        from registry.bulk.start import Sharing, Start

        start = Start(
            engine=self._engine,
            url=self._url,
            sharing=sharing or Sharing(),
            options=options,
            tool_version=tool_version(),
        )
        return start.run(sources, report or nothing, watch or nothing)

    def failed_sources(self) -> "list[Wanted]":
        """Return the sources that failed when a bulk run tried them last. Raises NothingFailed."""
        from registry.bulk.start import failed_sources

        return failed_sources(self._engine)

    def runs(self, *, most: int = 20) -> "list[Run]":
        """Return the newest bulk runs, the newest first."""
        from registry.database.keeping import runs

        return self._answer(partial(runs.runs, most=most))

    def jobs(self, run: int, *, failed: bool = False) -> "list[Job]":
        """Return what became of the sources of a run, or only of those that failed."""
        from registry.database.keeping import runs

        return self._answer(partial(runs.jobs, run=run, failed=failed))
