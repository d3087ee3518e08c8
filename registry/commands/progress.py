"""A progress bar on stderr."""

import time
from typing import TYPE_CHECKING, Self

from registry.commands.printing import talk_console
from registry.legible import glimpse

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


class Bar:
    """A bar for what takes more than a second: the share of the work done, and bytes per second.

    It is drawn on a terminal alone: what stderr is redirected into gets no bars.
    """

    PATIENCE = 1.0  # seconds
    WIDTH = 40  # columns for the title

    def __init__(self, title: str) -> None:
        self.title = glimpse(title, self.WIDTH)
        self.console: Console | None = None  # rich is imported where a bar may be due
        self.start = 0.0
        self.bytes = 0
        self.progress: Progress | None = None
        self.task: TaskID | None = None

    def __enter__(self) -> Self:
        self.start = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        if self.progress:
            self.progress.stop()

    def __call__(self, done: int, total: int, nbytes: int) -> None:
        """Show that a tensor is done: so many bytes of the whole work, and of the tensor."""
        self.bytes += nbytes
        elapsed = time.monotonic() - self.start
        if elapsed < self.PATIENCE:
            return
        if self.console is None:
            self.console = talk_console()
        if not self.console.is_terminal:
            return
        if self.progress is None or self.task is None:
            self.progress, self.task = bar_of(self.title, self.console)
        rate = f"{self.bytes / elapsed / 1e6:.0f} MB/s"
        self.progress.update(self.task, completed=done, total=total, rate=rate)


def bar_of(title: str, console: "Console") -> "tuple[Progress, TaskID]":
    """Return a bar that is drawn on a console, and the one task in it."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %, {task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
    )
    task = progress.add_task(title, rate="")
    progress.start()
    return progress, task
