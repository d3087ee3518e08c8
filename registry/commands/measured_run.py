"""What commands that read checkpoints share: a clock, a progress bar, and the answer's timing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from registry.commands.printing import say_table, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from registry.commands.progress import Bar
    from registry.fingerprints.timing import Timing


@dataclass
class MeasuredRun:
    """The run of one command on one source.

    Attributes:
        progress: The progress bar.
        clock: Counts the seconds of every stage.
        json: Whether the answer is printed as JSON.
        timing: Whether the time per stage was asked for.
        seconds: Seconds of every stage, known when the run has ended.
    """

    progress: "Bar"
    clock: "Timing"
    json: bool
    timing: bool
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def observers(self) -> dict[str, Any]:
        """Return the keywords by which a function shows progress and counts time."""
        return {"progress": self.progress, "timing": self.clock}

    def timed(self, content: dict[str, Any]) -> dict[str, Any]:
        """Return an answer, with seconds per stage as `timing` if they were asked for."""
        if not self.timing:
            return content
        return {**content, "timing": self.seconds}

    def show(self, content: dict[str, Any], text: "RenderableType | Sequence[str]") -> None:
        """Print the answer to stdout, as JSON or for reading, and the time per stage."""
        show(self.timed(content), text, json=self.json)
        self.say_timing()

    def say_timing(self) -> None:
        """Print the time per stage to stderr, if it was asked for and is in no JSON."""
        if self.json or not self.timing:
            return

        from registry.report.models import timing_table

        say_table(timing_table(self.seconds), event="Timing", data=self.seconds)


@contextmanager
def measured_run(title: str, *, json: bool, timing: bool) -> Iterator[MeasuredRun]:
    """Start the clock, and show a progress bar of that title while the block runs."""
    from registry.commands.progress import Bar
    from registry.fingerprints.timing import Timing

    with Bar(title) as bar:
        run = MeasuredRun(bar, Timing(), json, timing)
        yield run

        run.seconds = run.clock.seconds()
