"""Adapters beside the model that they were made from."""

from dataclasses import asdict, dataclass
from typing import Any

from registry.database.pages.adapter_pages import Beside, adapters_beside
from registry.web import addresses
from registry.web.pages import Door, Pages
from registry.web.search import After

PAGES = Pages()


@dataclass(frozen=True)
class AdaptersPage:
    """A model beside its adapters, by the std vectors of all."""

    beside: Beside

    @property
    def next(self) -> str | None:
        """The address of the next page."""
        following = self.beside.next
        if not following:
            return None
        return addresses.with_query(addresses.adapters(self.beside.base.name), {"after": following})

    def json(self) -> dict[str, Any]:
        """Return what the twin holds."""
        return asdict(self.beside) | {"next": self.beside.next or None}


@PAGES.page("/model/{name:segment}/adapters", "adapters.html")
def adapters(door: Door, name: str, after: After = "") -> AdaptersPage:
    """Return a model beside the adapters that were made from it, or declare it as their base."""
    return AdaptersPage(door.ask(lambda session: adapters_beside(session, name, after)))
