"""Commands on what registered models were made from."""

import click

from registry.commands.options import json_option, option
from registry.commands.printing import show


@click.command()
@click.argument("model", required=False)
@json_option
def tree(model: str | None, json: bool) -> None:
    """Draw what was made from what.

    Of MODEL, a name or the first digits of a digest, its own tree; else all trees. The weights
    seldom show which of two models came first: where they do not, the direction is what a card
    claims, else it is presumed, and said to be.

    \b
    Example: registry tree llama-tiny
    """
    from registry import Registry
    from registry.report import trees

    with Registry() as registry:
        drawn = registry.tree(model)
    show(trees.tree_json(drawn), trees.tree_lines(drawn), json=json)


@click.command()
@click.argument("model", required=False)
@option("-n", "--lines", type=click.IntRange(min=1), default=20, show_default=True, metavar="N")
@json_option
def log(model: str | None, lines: int, json: bool) -> None:
    """Print what was changed, by whom and why, the newest first.

    MODEL is a name that it bears or bore.

    \b
    Example: registry log llama-tiny
    """
    from registry import Registry
    from registry.report import trees

    with Registry() as registry:
        events = registry.log(model, most=lines)
    show({"events": events}, trees.log_table(events), json=json)


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@option("--all", is_flag=True, help="All models, whether others came since or not.")
@json_option
def rejudge(models: tuple[str, ...], all: bool, json: bool) -> None:  # noqa: A002  # as its flag
    """Judge registered models again, as others came since.

    These may be their bases. Without a MODEL those whose verdicts may have changed. Ingesting does
    this by itself, for a few seconds. What was interrupted goes on where it stopped.

    \b
    Example: registry rejudge --all
    """
    from registry import Registry
    from registry.report import trees

    with Registry() as registry:
        rejudged = registry.rejudge(models, every=all)
    content = {"judged": rejudged.models, "left": rejudged.left}
    show(content, trees.rejudged_line(rejudged), json=json)
