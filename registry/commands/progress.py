"""A progress bar on stderr."""

import time
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from registry.commands.printing import talk_console
from registry.legible import glimpse

COLUMNS = (
    TextColumn("{task.description}", markup=False),
    BarColumn(),
    MofNCompleteColumn(),
    TextColumn("tensors, {task.fields[rate]}"),
)


class Bar:
    """A bar for what takes more than a second: tensors done, and bytes per second.

    It is drawn on a terminal alone: what stderr is redirected into gets no bars.
    """

    PATIENCE = 1.0  # seconds
    WIDTH = 40  # columns for the title

    def __init__(self, title: str) -> None:
        self.title = glimpse(title, self.WIDTH)
        self.console = talk_console()
        self.start = 0.0
        self.bytes = 0
        self.progress: Progress | None = None
        self.task = TaskID(0)

    def __enter__(self) -> Self:
        self.start = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        if self.progress:
            self.progress.stop()

    def __call__(self, done: int, total: int, nbytes: int) -> None:
        """Show that a tensor is done."""
        self.bytes += nbytes
        elapsed = time.monotonic() - self.start
        if elapsed < self.PATIENCE or not self.console.is_terminal:
            return
        if not self.progress:
            self.progress = Progress(*COLUMNS, TimeRemainingColumn(), console=self.console)
            self.task = self.progress.add_task(self.title, rate="")
            self.progress.start()
        rate = f"{self.bytes / elapsed / 1e6:.0f} MB/s"
        self.progress.update(self.task, completed=done, total=total, rate=rate)
