"""Commands that state for other tools where a model comes from."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.commands.naming import check_typed, named_models
from registry.commands.options import download_option, json_option, model_argument, option
from registry.commands.printing import say, say_note, show, show_pieces
from registry.commands.versions import say_not_compared
from registry.files import write_whole
from registry.settings import source_date

if TYPE_CHECKING:
    from registry.statements.card import Keys
    from registry.statements.predicate import Stamp
    from registry.statements.words import Words
    from registry.workflows.account import Account

CARD = "card"
FORMATS = ("cyclonedx", "spdx", "in-toto", CARD)


@click.command("export-statement")
@model_argument
@option(
    "--format",
    type=click.Choice(FORMATS),
    required=True,
    help="CycloneDX 1.6, SPDX 3.0.1, an in-toto Statement v1, or the head of a model card.",
)
@option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The file to write [default: standard output].",
)
@option(
    "--files",
    is_flag=True,
    help="Also state the SHA-256 of the files of weights, which are read for it.",
)
@option(
    "--card",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="README.md",
    help="With --format card: print how this card is to be changed, as a unified diff.",
)
@option("--write", is_flag=True, help="With --card: change the card.")
@download_option
@json_option
def export_statement(
    model: str,
    format: str,  # noqa: A002  # as its flag
    output: Path | None,
    files: bool,
    card: Path | None,
    write: bool,
    download: bool,
    json: bool,
) -> None:
    """State where a model comes from, in a form that other tools read.

    MODEL is registered, or a source, whose weights are then read and judged. What is not known is
    left out, and what is not certain says so. The same verdict gives the same document; its time is
    SOURCE_DATE_EPOCH, else that of the verdict.

    \b
    Example: registry export-statement llama-tiny-code --format cyclonedx -o bom.json
    """
    if (card is not None or write) and format != CARD:
        raise click.UsageError("--card and --write go with --format card.")
    if write and card is None:
        raise click.UsageError("--write changes the card that --card names.")
    if card is not None and output is not None:
        raise click.UsageError("--card prints a diff; write it with > FILE instead of --output.")
    check_typed(model)
    date = source_date()

    from registry.statements.card_file import read_card

    text = None if card is None else read_card(card)

    from registry import Registry
    from registry.report.statement_wording import NO_FILES
    from registry.statements.predicate import as_text, stamp

    with Registry() as registry:
        [named] = named_models(registry, (model,)).models
        account = registry.account(named, files=files, download=download)
        not_compared = say_not_compared(registry)
    if files and not account.files:
        say_note(NO_FILES, "NoFiles")
    if format == CARD:
        if card is None or text is None:
            show_head(account, output, json=json)
        else:
            show_edit(account, card, text, write=write, json=json)
        return
    statement = statement_of(account, format, stamp(account, date))
    if json:
        content = {"model": account.name, "format": format, "statement": statement, **not_compared}
        show(content, (), json=True)
    else:
        put(f"{as_text(statement)}\n", output)


def statement_of(account: "Account", form: str, made: "Stamp") -> dict[str, Any]:
    """Return a statement in one of the forms that are JSON."""
    if form == "in-toto":
        from registry.statements.in_toto import statement

        return statement(account, made)
    if form == "spdx":
        from registry.statements.spdx import document

        return document(account, words_of(account), made)
    from registry.statements.cyclonedx import bill_of_materials

    return bill_of_materials(account, words_of(account), made)


def words_of(account: "Account") -> "Words":
    """Return the English of a statement."""
    from registry.report import statement_wording
    from registry.statements.words import Words

    return Words(
        headline=statement_wording.statement_headline(account),
        notes=statement_wording.statement_notes(account),
    )


def show_head(account: "Account", output: Path | None, *, json: bool) -> None:
    """Print the head that a model's card should have, or write it to a file."""
    from registry.report.statement_wording import NO_BASE, beside_base
    from registry.statements.card import front_matter, keys_of

    head = front_matter(account, beside_base(account))
    if json:
        show({"model": account.name, "format": CARD, **keys_json(keys_of(account))}, (), json=True)
    elif head:
        put(head, output)
    else:
        say_note(NO_BASE, "NoBase")


def show_edit(account: "Account", card: Path, text: str, *, write: bool, json: bool) -> None:
    """Print how a card is to be changed, and change it where that is asked for."""
    from registry.report import statement_wording as words
    from registry.statements.card import card_edit, keys_of
    from registry.statements.card_file import write_card

    keys = keys_of(account)
    edit = card_edit(account, words.beside_base(account), str(card), text)
    if write and edit.changed:
        write_card(card, edit.after)
    if json:
        changes = {"diff": edit.diff, "changed": edit.changed, "written": write and edit.changed}
        content = {"model": account.name, "format": CARD, **keys_json(keys), **changes}
        show(content, (), json=True)
        return
    show_pieces([edit.diff])
    if not keys:
        say_note(words.NO_BASE, "NoBase")
    elif not edit.changed:
        say_note(words.CARD_AGREES.format(path=card), "CardAgrees")
    elif write:
        say(words.CARD_WRITTEN.format(path=card), event="Written", data={"path": card})


def keys_json(keys: "Keys") -> dict[str, Any]:
    """Return what a card should say; null for what is not known."""
    from registry.statements.card import BASE, RELATION

    base = keys.get(BASE)
    is_text = base is None or isinstance(base, str)
    return {BASE: base if is_text else list(base or ()), RELATION: keys.get(RELATION)}


def put(text: str, output: Path | None) -> None:
    """Print a document to stdout, or write it to a file."""
    if output is None:
        show_pieces([text])
        return
    write_whole(output, text)
    say(f"wrote {output}", event="Written", data={"path": output})
