"""Commands by which people put in order what is registered; `registry undo` takes each back."""

from typing import TYPE_CHECKING

import click

from registry.commands.options import json_option, model_argument, option
from registry.commands.printing import agrees, can_ask, show
from registry.errors import NotConfirmed, RemovalDeclined

if TYPE_CHECKING:
    from registry.database.curating.curation import Done


def show_done(done: "Done", *, json: bool) -> None:
    """Print what was changed, and how it is undone."""
    from registry.report.curation import done_json, done_lines

    show(done_json(done), done_lines(done), json=json)


@click.command()
@model_argument
@click.argument("name")
@json_option
def rename(model: str, name: str, json: bool) -> None:
    """Give a registered model another name.

    Verdicts that name it follow. Its sources keep what it was called there, so that claims about
    it by that name are still understood.

    \b
    Example: registry rename llama-tiny llama-tiny-1
    """
    from registry import Registry

    with Registry() as registry:
        done = registry.rename(model, name)
    show_done(done, json=json)


@click.command()
@model_argument
@click.argument("family")
@json_option
def move(model: str, family: str, json: bool) -> None:
    """Put a registered model into a family, where it stays.

    Models that come from it follow, unless somebody set their families too.

    \b
    Example: registry move llama-tiny llama
    """
    from registry import Registry

    with Registry() as registry:
        done = registry.move(model, family)
    show_done(done, json=json)


@click.command()
@model_argument
@click.argument("tags", nargs=-1, required=True, metavar="TAG...")
@option("--remove", is_flag=True, help="Take the tags off.")
@json_option
def tag(model: str, tags: tuple[str, ...], remove: bool, json: bool) -> None:
    """Put tags on a registered model, or take them off.

    `registry list --tag TAG` lists the models that have one.

    \b
    Example: registry tag llama-tiny approved
    """
    from registry import Registry

    with Registry() as registry:
        done = registry.untag(model, tags) if remove else registry.tag(model, tags)
    show_done(done, json=json)


@click.command()
@model_argument
@click.argument("text")
@json_option
def note(model: str, text: str, json: bool) -> None:
    """Write a note on a registered model.

    `registry show` shows it.

    \b
    Example: registry note llama-tiny "the teacher of our students"
    """
    from registry import Registry

    with Registry() as registry:
        done = registry.note(model, text)
    show_done(done, json=json)


@click.command("merge-families")
@click.argument("family")
@click.argument("into")
@json_option
def merge_families(family: str, into: str, json: bool) -> None:
    """Put all models of a family into another.

    Those of FAMILY are in INTO then, and stay there.

    \b
    Example: registry merge-families llama-tiny llama
    """
    from registry import Registry

    with Registry() as registry:
        done = registry.merge_families(family, into)
    show_done(done, json=json)


@click.command()
@model_argument
@option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(model: str, yes: bool, json: bool) -> None:
    """Delete a registered model, once that is confirmed.

    Scripts, which cannot be asked, give --yes. `registry undo` brings it back whole.

    \b
    Example: registry remove llama-small --yes
    """
    from registry import Registry

    with Registry() as registry:
        if not yes:
            check_agreed(registry.summary(model).name)
        removed = registry.remove(model)
    text = f"removed {removed.name} (family {removed.family}); registry undo brings it back"
    show({"removed": removed}, text, json=json)


def check_agreed(name: str) -> None:
    """Ask on a terminal whether a model is to be removed. Raises NotConfirmed, RemovalDeclined."""
    if not can_ask():
        raise NotConfirmed(name=name)
    if not agrees(f"Remove {name} with all that is known of it?"):
        raise RemovalDeclined(name=name)


@click.command()
@click.argument("event", type=int, required=False)
@json_option
def undo(event: int | None, json: bool) -> None:
    """Undo a change that people made.

    That is a name, a family, a tag, a note, a merge of families or a removal. EVENT is a number
    that `registry log` shows; without it, your own last change is undone. What cannot be undone any
    more is refused, and nothing is changed.

    \b
    Example: registry undo
    """
    from registry import Registry

    with Registry() as registry:
        done = registry.undo(event)
    show_done(done, json=json)
