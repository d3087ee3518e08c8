"""Bars of a run over many sources: one for the whole, one for each source that is being read."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from registry.commands.printing import say, talk_console
from registry.legible import glimpse

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

WIDTH = 40  # columns for the name of a source
EVERY = 30.0  # seconds between two lines where there is no terminal


class RunBars:
    """Bars on a terminal; elsewhere a line now and then."""

    def __init__(self) -> None:
        self._console = talk_console()
        self._progress: Progress | None = None
        self._whole: TaskID | None = None
        self._bars: dict[str, TaskID] = {}
        self._pace = Pace()

    def hear(self, event: Any) -> None:
        """Move the bars."""
        kind = type(event).__name__
        if kind == "Planned":
            self._pace.begin(event.plan)
            self._begin()
        elif kind == "Finished":
            self._pace.finish(event.result)
        if self._progress is not None:
            self._move(kind, event)
        elif kind == "Finished" and self._pace.is_due():
            say(self._pace.line(), event="RunProgress")

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bars away while something is printed."""
        if self._progress is None:
            yield
            return
        self._progress.stop()
        yield
        self._progress.start()

    def stop(self) -> None:
        """Take the bars away for good."""
        if self._progress is not None:
            self._progress.stop()

    def _begin(self) -> None:
        """Draw the bar of the whole, on a terminal."""
        if not self._console.is_terminal:
            return
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            console=self._console,
            transient=True,
        )
        whole = f"{self._pace.count:,} sources"
        self._whole = self._progress.add_task(whole, total=self._pace.total, text="")
        self._progress.start()

    def _move(self, kind: str, event: Any) -> None:
        """Move the bar of one source, and that of the whole."""
        assert self._progress is not None
        assert self._whole is not None
        if kind == "Started":
            title = glimpse(event.task.source, WIDTH)
            self._bars[event.task.source] = self._progress.add_task(title, text="", total=None)
        elif kind == "Progressed":
            self._pace.read(event.task, event.nbytes)
            bar = self._bars.get(event.task.source)
            if bar is not None:
                text = f"{100 * event.done // max(1, event.total)} %"
                self._progress.update(bar, completed=event.done, total=event.total, text=text)
        elif kind in ("Ended", "Lost"):
            source = event.task.source if kind == "Lost" else event.result.task.source
            bar = self._bars.pop(source, None)
            if bar is not None:
                self._progress.remove_task(bar)
        self._progress.update(self._whole, completed=self._pace.done, text=self._pace.line())


class Pace:
    """How far a run is, by bytes where all sizes are known, else by sources."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.done = 0.0
        self._by_bytes = False
        self._ended = 0
        self._failed = 0
        self._under_way: dict[str, int] = {}
        self._start = self._last = time.monotonic()

    def begin(self, plan: Any) -> None:
        """Learn what is to be done."""
        self.count = len(plan.tasks) + len(plan.refused)
        self._by_bytes = all(task.size for task in plan.tasks) and len(plan.tasks) > 0
        self.total = float(plan.size if self._by_bytes else self.count)

    def read(self, task: Any, nbytes: int) -> None:
        """Count bytes of a source that is being read."""
        if not self._by_bytes:
            return
        so_far = self._under_way.get(task.source, 0)
        counted = min(nbytes, (task.size or 0) - so_far)
        self._under_way[task.source] = so_far + counted
        self.done += counted

    def finish(self, result: Any) -> None:
        """Count a source that is done, or failed."""
        self._ended += 1
        self._failed += result.failed
        counted = self._under_way.pop(result.task.source, 0)
        self.done += (result.task.size or 0) - counted if self._by_bytes else 1

    def is_due(self) -> bool:
        """Return whether it is time for a line."""
        now = time.monotonic()
        if now - self._last < EVERY:
            return False
        self._last = now
        return True

    def line(self) -> str:
        """Return how far it is, and how long the rest will take at the pace so far."""
        from registry.report.bulk import duration

        line = f"{self._ended:,} of {self.count:,} done"
        if self._failed:
            line += f", {self._failed:,} failed"
        spent = time.monotonic() - self._start
        if self.done > 0 and self._ended < self.count:
            rest = spent * (self.total - self.done) / self.done
            line += f", about {duration(rest)} left"
        return line
