"""Looking after the search: its indexes, and how much they find."""

from dataclasses import dataclass
from functools import partial

from registry.database.connecting.connection import open_whole
from registry.database.connecting.transactions import answer_of
from registry.database.searching.search_check import Recall, check
from registry.database.searching.search_indexes import SearchIndex, build, listing


@dataclass(frozen=True)
class SearchState:
    """The indexes that there are, and what was measured; recalls: None where nothing was."""

    indexes: tuple[SearchIndex, ...]
    recalls: tuple[Recall, ...] | None = None


def build_indexes() -> SearchState:
    """Build the indexes of the configured database anew. Raises RegistryError."""
    with open_whole() as engine:
        return SearchState(tuple(build(engine)))


def check_indexes(models: int) -> SearchState:
    """Look up some registered models by the indexes and without. Raises RegistryError."""
    with open_whole() as engine:
        indexes = answer_of(engine, listing)
        recalls = answer_of(engine, partial(check, count=models))
    return SearchState(tuple(indexes), tuple(recalls))
