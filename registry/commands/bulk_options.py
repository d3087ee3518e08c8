"""What is typed of a run over many sources, and the sources that it names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.commands.options import Command, option

if TYPE_CHECKING:
    from registry.bulk.wanted import Wanted

ORDERS = ("smallest", "largest", "listed")
RAY = "ray"
ENGINES = ("local", RAY)


@dataclass(frozen=True)
class BulkOptions:
    """What was typed of a run of many sources, named after the flags."""

    tree: tuple[str, ...]
    from_: tuple[str, ...]
    hub_author: tuple[str, ...]
    hub_collection: tuple[str, ...]
    retry_failed: bool
    workers: int | None
    engine: str
    address: str | None
    order: str
    log: Path | None

    @property
    def is_asked_for(self) -> bool:
        """Whether this is a run of many sources."""
        lists = self.tree or self.from_ or self.of_hub or self.retry_failed
        sharing = self.workers or self.engine == RAY or self.address or self.log
        return bool(lists or sharing)

    @property
    def of_hub(self) -> bool:
        """Whether the hub lists sources."""
        return bool(self.hub_author or self.hub_collection)


def bulk_options(command: Command) -> Command:
    """Add the options of a run of many sources."""
    shared = [
        option("--tree", multiple=True, metavar="DIR", help="Every model below a folder."),
        option(
            "--from",
            multiple=True,
            metavar="FILE|-",
            help="Sources of a list, one a line: a path, a hub id, or JSON with source, name,"
            " family, revision and tags.",
        ),
        option(
            "--hub-author",
            multiple=True,
            metavar="NAME",
            help="Every model, and adapter, of a user or organisation on the hub.",
        ),
        option(
            "--hub-collection",
            multiple=True,
            metavar="SLUG",
            help="Every model, and adapter, of a collection on the hub: what its address has after"
            " /collections/.",
        ),
        option(
            "--retry-failed",
            is_flag=True,
            help="Also what failed before and would be skipped; without a SOURCE, that alone.",
        ),
        option(
            "--workers",
            type=click.IntRange(1, 1024),
            help="Sources read at a time [default: one on every core].",
        ),
        option(
            "--order",
            type=click.Choice(ORDERS),
            default=ORDERS[0],
            show_default=True,
            help="Which sources of a run come first.",
        ),
        option(
            "--engine",
            type=click.Choice(ENGINES),
            default=ENGINES[0],
            show_default=True,
            help="Share a run out to processes of this machine, or to a Ray cluster.",
        ),
        option(
            "--address",
            metavar="ADDRESS",
            help="Of the Ray cluster [default: RAY_ADDRESS, else one on this machine].",
        ),
        option(
            "--log",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Append a JSON line for each event of a run.",
        ),
    ]
    for add_option in reversed(shared):
        command = add_option(command)
    return command


def taken_bulk(options: dict[str, Any]) -> BulkOptions:
    """Take the options of a run of many sources out of all options."""
    return BulkOptions(
        tree=options.pop("tree"),
        from_=options.pop("from"),
        hub_author=options.pop("hub_author"),
        hub_collection=options.pop("hub_collection"),
        retry_failed=options.pop("retry_failed"),
        workers=options.pop("workers"),
        engine=options.pop("engine"),
        address=options.pop("address"),
        order=options.pop("order"),
        log=options.pop("log"),
    )


def listed_sources(sources: Sequence[str], bulk: BulkOptions) -> "Iterator[Wanted]":
    """Yield what was named, in the order of arguments, trees, lists and those of the hub."""
    from registry.bulk.lists import listed_in
    from registry.bulk.trees import models_below
    from registry.bulk.wanted import Wanted

    for source in sources:
        yield Wanted(source)
    for folder in bulk.tree:
        yield from models_below(folder)
    for path in bulk.from_:
        yield from listed_in(path)
    if bulk.of_hub:
        from registry.bulk import hub_lists

        for author in bulk.hub_author:
            yield from hub_lists.models_of_author(author)
        for slug in bulk.hub_collection:
            yield from hub_lists.models_of_collection(slug)
