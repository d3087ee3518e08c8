"""Commands run in this process or in one of their own."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import click
from click.testing import CliRunner, Result

import cli
from registry.commands.options import UNKNOWN


def run(*arguments: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def answer(*arguments: object) -> dict[str, Any]:
    """Return the JSON that a command prints."""
    result = run(*arguments, "--json")
    assert result.exit_code in (0, UNKNOWN), result.output
    return json.loads(result.stdout)


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start a command in a process of its own.

    It hears Ctrl-C, which a shell may have the tests ignore that it runs in the background.
    """
    command = [sys.executable, "-m", "cli", *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
        preexec_fn=hear_signals,  # noqa: PLW1509  # one call, which takes no lock
    )


def hear_signals() -> None:
    """Have signals end the process that is about to start, as they do in a terminal.

    What nohup starts, or a script in the background, ignores them and hands that on.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def command_paths(
    command: click.Command = cli.main, path: tuple[str, ...] = ()
) -> list[tuple[str, ...]]:
    """Return what is typed for every command, such as ("db", "status")."""
    if not isinstance(command, click.Group):
        return [path]
    paths = []
    for name, child in command.commands.items():
        paths += command_paths(child, (*path, name))
    return paths


def command_at(path: tuple[str, ...]) -> click.Command:
    """Return the command that is typed so."""
    command: click.Command = cli.main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command
