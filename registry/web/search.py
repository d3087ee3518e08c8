"""The search: registered models that terms hold for, page by page."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query

from registry.database.searching.found_models import PAGE, FoundModels, Search, found_models
from registry.database.searching.search_fields import FIELDS
from registry.report.models import found_json
from registry.web import addresses
from registry.web.pages import Door, Pages

PAGES = Pages()
EXAMPLES = (
    "family = 'llama' and parameters < 1e9",
    "verdict = 'derived' and explained > 0.9",
    "kind = 'adapter'",
    "tag = 'approved' and not name like 'org/%'",
)

Where = Annotated[
    str,
    Query(description="What is sought, such as family = 'llama' and std_distance < 1e-3."),
]
Near = Annotated[
    str, Query(description="A model that std_distance is measured from, and that sorts the answer.")
]
After = Annotated[str, Query(description="Where the page before ended: its `next`.")]
Most = Annotated[int, Query(ge=1, le=1000, description="How many models at most.")]


@dataclass(frozen=True)
class Word:
    """A word to search by."""

    name: str
    kind: str
    description: str


@dataclass(frozen=True)
class SearchPage:
    """What was sought and what was found."""

    search: Search
    found: FoundModels

    @property
    def next(self) -> str | None:
        """The address of the next page; None where there is none."""
        if not self.found.next:
            return None
        asked = self.search
        return addresses.models(
            where=asked.where or None,
            near=asked.near or None,
            most=None if asked.most == PAGE else str(asked.most),
            after=self.found.next,
        )

    @property
    def examples(self) -> tuple[str, ...]:
        """Searches to begin with."""
        return EXAMPLES

    @property
    def words(self) -> list[Word]:
        """All words to search by."""
        return [Word(name, field.kind, field.description) for name, field in FIELDS.items()]

    def json(self) -> dict[str, Any]:
        """Return what the twin holds."""
        asked = {"where": self.search.where, "near": self.search.near or None}
        return {**asked, **found_json(self.found.models), "next": self.found.next or None}


@PAGES.page("/models", "models.html")
def models(
    door: Door, where: Where = "", near: Near = "", after: After = "", most: Most = PAGE
) -> SearchPage:
    """Return registered models, all or those that a search finds, by name or by distance."""
    search = Search(where.strip(), near.strip(), after, most)
    return SearchPage(search, door.ask(lambda session: found_models(session, search)))
