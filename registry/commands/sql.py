"""SQL typed or read from a file, run as an analyst."""

import sys
from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

import click

from registry.commands.options import files, json_option, option
from registry.commands.printing import invite, say_error, show_json_pieces, show_pieces, show_text
from registry.errors import RegistryError, UnreadableFile

if TYPE_CHECKING:
    from registry.database.keeping.analysis import AnalystSession, Answer

PROMPT, FURTHER = "registry=> ", "registry-> "
LEAVE = frozenset({r"\q", "exit", "quit", "exit;", "quit;"})


@click.command()
@click.argument("file", required=False, shell_complete=files)
@option("-c", "--command", metavar="QUERY", help="The query, instead of a file's.")
@option("--csv", is_flag=True, help="Print CSV: NULL is nothing, an empty text is two quotes.")
@json_option
def sql(file: str | None, command: str | None, csv: bool, json: bool) -> None:
    """Ask the database in SQL, as an analyst, who changes nothing.

    Without QUERY, statements are read from FILE, from standard input, or as they are typed on a
    terminal. Views and functions are those of schema registry (docs/schema.md, docs/queries.sql).

    \b
    Example: registry sql -c "SELECT * FROM nearest_models('llama-small', 5)"
    """
    if csv and json:
        message = "--csv and --json are two forms of one answer; give one of them."
        raise click.UsageError(message)
    if file is not None and command is not None:
        message = "give FILE or -c QUERY, not both."
        raise click.UsageError(message)

    from registry.database.keeping.analysis import analyst_session

    text = command if command is not None else text_of(file)
    with analyst_session() as session:
        if text is None:
            converse(session, csv=csv, json=json)
        else:
            print_answers(session, text, csv=csv, json=json)


def text_of(file: str | None) -> str | None:
    """Return what is to be run; None where it is typed on a terminal. Raises UnreadableFile."""
    try:
        if file is not None and file != "-":
            with open(file, encoding="utf-8-sig") as stream:  # noqa: PTH123  # a name as it was typed
                return stream.read()
        if sys.stdin is None or (sys.stdin.isatty() and file is None):
            return None
        return sys.stdin.read()
    except OSError as exc:
        raise UnreadableFile(path=file or "-", reason=exc.strerror or exc) from exc
    except ValueError as exc:
        raise UnreadableFile(path=file or "-", reason="it is not UTF-8") from exc


def print_answers(session: "AnalystSession", text: str, *, csv: bool, json: bool) -> None:
    """Run the statements of a text, and print what they answer while it comes."""
    from registry.report import sql as report

    answers = begun(answers_to(session, text))
    if json:
        show_json_pieces(report.answers_json(answers))
        return
    for number, answer in enumerate(answers):
        if csv:
            show_pieces(["\n"] if number else [])
            show_pieces(report.answer_csv(answer))
            continue
        for drawn in report.answer_tables(answer):
            show_text(drawn)


def answers_to(session: "AnalystSession", text: str) -> "Iterator[Answer]":
    """Yield what the statements of a text answer; those that have no answer are passed over."""
    from registry.database.keeping import analysis
    from registry.database.keeping.statements import statements

    for statement in statements(text):
        answer = analysis.answer(session, statement, text)
        if answer.columns:
            yield answer


def begun(answers: "Iterator[Answer]") -> "Iterator[Answer]":
    """Return answers of which the first is there: where that is an error, nothing is printed."""
    return chain(list(islice(answers, 1)), answers)


def converse(session: "AnalystSession", *, csv: bool, json: bool) -> None:
    """Run what is typed, statement by statement, until the end of input; errors end nothing."""
    for text in typed():
        try:
            print_answers(session, text, csv=csv, json=json)
            session.end()
        except RegistryError as exc:
            if session.closed:
                raise
            session.give_up()
            say_error(exc)


def typed() -> Iterator[str]:
    """Yield what is typed up to a semicolon at the end of a line."""
    from registry.database.keeping.statements import is_complete

    lines = ""
    while True:
        invite(FURTHER if lines else PROMPT)
        line = sys.stdin.readline()
        if not line or (not lines and line.strip() in LEAVE):
            return
        lines += line
        if is_complete(lines):
            yield lines
            lines = ""
