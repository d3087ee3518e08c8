"""Options that commands share, and the only place where anything is printed."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import RenderableType

PIPED_WIDTH = 100  # columns where there is no terminal to ask


def output(
    as_json: bool,
    to_json: Callable[[Any], dict[str, Any]],
    to_text: Callable[[Any], "RenderableType"],
    it: Any,
) -> None:
    """Print a result to stdout, as JSON or for reading."""
    from registry.report import answers

    if as_json:
        emit(answers.answer(**to_json(it)))
        return
    from rich.console import Console

    text = to_text(it)
    click.echo(text) if isinstance(text, str) else Console(
        highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH
    ).print(text)


def emit(content: dict[str, Any]) -> None:
    """One JSON object; floats are printed so that they read back equal."""
    click.echo(dumps(content))


def dumps(content: dict[str, Any]) -> str:
    """JSON that any reader takes."""
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as exc:
        draft.unlink(missing_ok=True)
        raise click.ClickException(
            f"{str(path)!r} cannot be written ({exc.strerror}); choose another file."
        ) from exc


def say_notes(notes: list[str]) -> None:
    """What the reader should know, on stderr."""
    for note in notes:
        click.echo(f"  note: {note}", err=True)


def timing_json(spent: dict[str, float] | None) -> dict[str, Any]:
    """What --timing adds to an answer."""
    return {"timing": spent} if spent else {}


def say_timing(spent: dict[str, float] | None) -> None:
    """Where the time went, on stderr, if it was asked for."""
    from rich.console import Console

    from registry.report import models

    if spent:
        Console(stderr=True, highlight=False).print(models.timing_table(spent))
