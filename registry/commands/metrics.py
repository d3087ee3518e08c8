"""What a registry that runs for months is watched by."""

import click

from registry.commands.options import json_option
from registry.commands.printing import show_json, show_pieces
from registry.errors import DatabaseError


@click.command()
@json_option
def metrics(json: bool) -> None:
    """Print numbers for Prometheus: models, verdicts, what is due, what waits, sizes and ages.

    A database that does not answer is registry_up 0, an error on stderr, and exit code 1.

    \b
    Example: registry metrics > registry.prom
    """
    from registry.database.keeping.metrics import measure, spooled
    from registry.report.metrics import metrics_json, metrics_text
    from registry.settings import tool_version

    state, error = None, None
    try:
        state = measure()
    except DatabaseError as exc:
        error = exc
    waiting = spooled()
    if json:
        show_json(metrics_json(waiting, state, tool_version()))
    else:
        show_pieces([metrics_text(waiting, state, tool_version())])
    if error is not None:
        raise error
