"""`registry identify` of several sources, or for a pipeline: whatever fails, the others go on."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from registry.checkpoints.source_names import check_source
from registry.commands.options import GITHUB, JUNIT, UNKNOWN
from registry.commands.printing import say_error, show, show_pieces, show_text
from registry.errors import DatabaseError, RegistryError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.lineage.verdict import Verdict
    from registry.report.checks import Check

FAILED = 1


@dataclass(frozen=True)
class Answer:
    """What is said of one source.

    Attributes:
        verdict: On it.
        content: As JSON.
        text: For reading.
    """

    verdict: "Verdict"
    content: dict[str, Any]
    text: "RenderableType"


@dataclass
class Answers:
    """What is said of several sources.

    Attributes:
        format: `github`, `junit` or None.
        json: Whether all is printed as one object at the end.
    """

    format: str | None
    json: bool
    contents: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)
    checks: "list[Check]" = field(default_factory=list)
    unknown: int = 0

    def ask(self, source: str, identify: Callable[[str], Answer]) -> None:
        """Identify one source and print what is found.

        An error of this source is told and counted; one of the database ends all.
        """
        from registry.report.check_wording import identified, refused

        start = time.monotonic()
        try:
            check_source(source)
            answer = identify(source)
        except DatabaseError:
            raise
        except RegistryError as error:
            say_error(error, source=source)
            self.errors.append({"source": source, "error": str(error)})
            self._take(refused(source, error, time.monotonic() - start))
            return
        self.unknown += answer.verdict.model is None
        self.contents.append(answer.content)
        if self.format is None and not self.json:
            show_text(answer.text)
        self._take(identified(source, answer.verdict, time.monotonic() - start))

    def _take(self, check: "Check") -> None:
        """Keep a check; an annotation is printed at once."""
        from registry.report.checks import annotation

        self.checks.append(check)
        if self.format == GITHUB:
            show_text(annotation(check))

    def finish(self, notes: dict[str, Any]) -> int:
        """Print what stands at the end; return the exit code."""
        from registry.report.checks import junit

        if self.json:
            show({"sources": self.contents, "errors": self.errors, **notes}, (), json=True)
        elif self.format == JUNIT:
            show_pieces([junit(self.checks, "identify")])
        if self.errors:
            return FAILED
        return UNKNOWN if self.unknown else 0


def show_checks(checks: "Sequence[Check]") -> None:
    """Print annotations of GitHub."""
    from registry.report.checks import annotation

    show_text([annotation(check) for check in checks])


@contextmanager
def annotated_errors(source: str, form: str | None) -> Iterator[None]:
    """Print an error of the block as an annotation of GitHub, too, where that is the form."""
    try:
        yield
    except RegistryError as error:
        if form is not None:
            from registry.report.check_wording import refused

            show_checks([refused(source, error)])
        raise
