"""The only place where anything is printed: stdout is the result, stderr is talk.

Whatever is printed for reading goes through registry.legible; tests/commands/test_one_door.py sees
to it that nothing else prints.
"""

import errno
import io
import json as json_format
import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from registry import settings
from registry.commands.log_lines import Level, log_line
from registry.errors import RegistryError, ResultLost
from registry.legible import glimpse, json_legible, legible_lines
from registry.notices import Notice
from registry.settings import LogFormat

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

UNBOUND = 1 << 20  # columns where nobody asks for fewer: a program gets every row on one line
NARROWEST = 40  # columns of a table, however narrow the terminal says that it is
LONGEST_LINE = 4000  # characters
YES = frozenset({"y", "yes"})


class ReaderLeft(Exception):  # noqa: N818  # no error, and nothing is said
    """Who reads the result has enough of it, as `head` has."""


def show(content: dict[str, Any], text: "RenderableType | Sequence[str]", *, json: bool) -> None:
    """Print a result to stdout: its content as JSON, or its text for reading."""
    if json:
        show_json(content)
    else:
        show_text(text)


def show_json(content: dict[str, Any]) -> None:
    """Print one JSON object."""
    text = json_text(content)
    result = stdout()
    if not takes(result, text):
        text = json_format.dumps(json_format.loads(text), indent=2, allow_nan=False)
    write(result, text + "\n")


def json_text(content: dict[str, Any]) -> str:
    """Return an answer as strict JSON; floats read back equal, and so do names.

    Characters that would act on a terminal are written as escapes of JSON.
    """
    from registry.report.answers import answer

    document = json_format.dumps(answer(**content), indent=2, allow_nan=False, ensure_ascii=False)
    return json_legible(document)


def show_pieces(pieces: Iterable[str]) -> None:
    """Print text for programs as it is, piece by piece; a terminal gets escapes."""
    result = stdout()
    for piece in pieces:
        write(result, legible_lines(piece) if result.isatty() else piece)


def show_json_pieces(pieces: Iterable[str | list[Any]]) -> None:
    """Print a JSON document piece by piece: text as it is, lists as JSON."""
    result = stdout()
    for piece in pieces:
        if isinstance(piece, str):
            write(result, piece)
            continue
        text = json_legible(json_format.dumps(piece, allow_nan=False, ensure_ascii=False))
        write(result, text if takes(result, text) else json_format.dumps(piece, allow_nan=False))


def show_text(text: "RenderableType | Sequence[str]") -> None:
    """Print a line, several lines, or a table as wide as the terminal."""
    if isinstance(text, str):
        write(stdout(), line_of(text))
    elif isinstance(text, Sequence):
        write(stdout(), "".join(map(line_of, text)))
    else:
        write(stdout(), drawn(text, stdout()))


def line_of(text: str) -> str:
    """Return one line as it is printed, whatever the text holds."""
    return glimpse(text, LONGEST_LINE) + "\n"


def drawn(table: "RenderableType", stream: TextIO) -> str:
    """Return a table as it is printed on a stream: as wide as COLUMNS or the terminal say.

    Elsewhere it is as wide as it is, with no row wrapped.
    """
    from rich.console import Console

    width = settings.columns()
    if width is None and not stream.isatty():
        width = UNBOUND
    sheet = Sheet(stream)
    console = Console(file=sheet, highlight=False, width=width)
    console.width = max(console.width, NARROWEST)
    console.print(table)
    return sheet.getvalue()


class Sheet(io.StringIO):
    """Takes what is drawn for a stream, with the colours and letters that the stream would take."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]  # of no encoding otherwise
        """Return the stream's encoding."""
        return self.stream.encoding or "utf-8"

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self.stream.isatty()


def say(
    text: str,
    *,
    event: str = "Said",
    message: str | None = None,
    level: Level = Level.INFO,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Print one line of talk to stderr.

    Args:
        text: The line.
        event: What happened, where lines are JSON.
        message: What is said then; None for the line itself.
        level: How bad it is.
        data: What it is made of.
    """
    if not speaks_json():
        talk(line_of(text))
        return
    said = text if message is None else message
    talk(log_line(event, said, level, data or {}, settings.PROGRAM.command))


def say_error(error: RegistryError, **data: Any) -> None:
    """Print an error to stderr, after which the work may go on.

    data: Such as the source that it is of, where the error does not know that.
    """
    name = type(error).__name__
    whole = data | error.data
    say(f"Error: {error}", event=name, message=str(error), level=Level.ERROR, data=whole)


def say_note(note: str, event: str = "Note", *, data: Mapping[str, Any] | None = None) -> None:
    """Print to stderr what the reader should know."""
    say(f"note: {note}", event=event, message=note, data=data)


def say_record(record: logging.LogRecord) -> None:
    """Print a notice, which is what a log record holds, to stderr."""
    notice = record.args[0] if isinstance(record.args, tuple) and record.args else None
    if isinstance(notice, Notice):
        name, data = type(notice).__name__, notice.data
        level = Level.WARNING
        say(f"note: {notice}", event=name, message=str(notice), level=level, data=data)
    else:
        say_note(record.getMessage())


def speaks_json() -> bool:
    """Return whether lines of talk are JSON."""
    return settings.PROGRAM.log_format is LogFormat.JSON


def can_ask() -> bool:
    """Return whether somebody sits at a terminal who may answer a question."""
    return sys.stdin is not None and sys.stdin.isatty()


def agrees(question: str) -> bool:
    """Ask a question on stderr; return whether the answer is yes. An empty line is no."""
    if speaks_json():
        say(question, event="Question")
    else:
        talk(f"{glimpse(question, LONGEST_LINE)} [y/N] ")
    return sys.stdin.readline().strip().lower() in YES


def say_table(
    table: "RenderableType", event: str = "Table", *, data: Mapping[str, Any] | None = None
) -> None:
    """Print a table to stderr.

    data: The numbers in it, where lines are JSON.
    """
    if speaks_json():
        lines = [line.rstrip() for line in drawn(table, io.StringIO()).splitlines()]
        say("\n".join(filter(None, lines)), event=event, data=data)
    elif sys.stderr is not None:
        talk(drawn(table, sys.stderr))


def invite(text: str) -> None:
    """Print to stderr that a line may be typed."""
    if not speaks_json():
        talk(text)


def say_notes(notes: Sequence[str]) -> None:
    """Print what the reader should know to stderr."""
    for note in notes:
        say(f"  note: {note}", event="Note", message=note)


def talk(text: str) -> None:
    """Write to stderr; where nobody listens any more the work goes on, for its result counts."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # gone, closed, or never there
        return


def talk_console() -> "Console":
    """Return the console on stderr, for the progress bar."""
    from rich.console import Console

    terminal = False if speaks_json() else None
    return Console(stderr=True, highlight=False, markup=False, emoji=False, force_terminal=terminal)


def stdout() -> TextIO:
    """Return stdout. Raises ResultLost where the program was started without one."""
    if sys.stdout is None:
        raise ResultLost(reason="it is closed")
    return sys.stdout


def takes(stream: TextIO, text: str) -> bool:
    """Return whether a stream's encoding has every character of a text."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def write(stream: TextIO, text: str) -> None:
    """Write a result at once. Raises ResultLost on a full disk, ReaderLeft on a closed pipe."""
    try:
        stream.write(text)
        stream.flush()
    except OSError as exc:
        raise lost(exc) from exc


def lost(exc: OSError) -> ResultLost | ReaderLeft:
    """Return what is to be raised where stdout takes nothing more, which is closed for good."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())  # the end of the program flushes it once more
    os.close(nowhere)
    if exc.errno == errno.EPIPE:
        return ReaderLeft()
    return ResultLost(reason=exc.strerror or exc)
