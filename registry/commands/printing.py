"""The only place where results are printed: stdout is the result, stderr is talk."""

import json as json_format
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import RenderableType

PIPED_WIDTH = 100  # columns where there is no terminal to ask


def show(content: dict[str, Any], text: "RenderableType", *, json: bool) -> None:
    """Print a result to stdout: its content as JSON, or its text for reading."""
    if json:
        show_json(content)
    else:
        show_text(text)


def show_json(content: dict[str, Any]) -> None:
    """Print one JSON object."""
    click.echo(json_text(content))


def json_text(content: dict[str, Any]) -> str:
    """Return an answer as strict JSON; floats read back equal."""
    from registry.report.answers import answer

    return json_format.dumps(answer(**content), indent=2, allow_nan=False, ensure_ascii=False)


def show_text(text: "RenderableType") -> None:
    """Print text or a table, as wide as the terminal."""
    if isinstance(text, str):
        click.echo(text)
        return

    from rich.console import Console

    width = None if sys.stdout.isatty() else PIPED_WIDTH
    Console(highlight=False, width=width).print(text)


def say_notes(notes: Sequence[str]) -> None:
    """Print what the reader should know to stderr."""
    for note in notes:
        click.echo(f"  note: {note}", err=True)
