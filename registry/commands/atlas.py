"""The command that draws the map of all registered models."""

import click

from registry.commands.options import json_option, option
from registry.commands.printing import show


@click.command()
@option("--anew", is_flag=True, help="Lay all of it out again [default: if many came since].")
@json_option
def atlas(anew: bool, json: bool) -> None:
    """Draw the map of all registered models.

    Like weights stand beside each other. Models that came since the map was drawn are placed amid
    those that they are like. `registry plot atlas` draws it, `registry serve` shows it; analysts
    read the view atlas.

    \b
    Example: registry atlas
    """
    from registry import Registry
    from registry.report.atlas import map_json, map_lines

    with Registry() as registry:
        drawn = registry.draw_map(anew=anew)
    show(map_json(drawn), map_lines(drawn), json=json)
