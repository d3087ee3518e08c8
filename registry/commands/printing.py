"""The only place where anything is printed: stdout is the result, stderr is talk.

Whatever is printed for reading goes through registry.legible; tests/commands/test_one_door.py sees
to it that nothing else prints.
"""

import errno
import io
import json as json_format
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from registry.errors import ResultLost
from registry.legible import glimpse, json_legible, legible_lines

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PIPED_WIDTH = 100  # columns where there is no terminal to ask
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
    """Return a table as it is printed on a stream."""
    from rich.console import Console

    width = None if stream.isatty() else PIPED_WIDTH
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


def say(text: str) -> None:
    """Print one line of talk to stderr."""
    talk(line_of(text))


def can_ask() -> bool:
    """Return whether somebody sits at a terminal who may answer a question."""
    return sys.stdin is not None and sys.stdin.isatty()


def agrees(question: str) -> bool:
    """Ask a question on stderr; return whether the answer is yes. An empty line is no."""
    talk(f"{glimpse(question, LONGEST_LINE)} [y/N] ")
    return sys.stdin.readline().strip().lower() in YES


def say_table(table: "RenderableType") -> None:
    """Print a table to stderr."""
    if sys.stderr is not None:
        talk(drawn(table, sys.stderr))


def say_notes(notes: Sequence[str]) -> None:
    """Print what the reader should know to stderr."""
    for note in notes:
        say(f"  note: {note}")


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

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


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
