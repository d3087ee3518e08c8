"""The search: registered models, page by page."""

from dataclasses import dataclass

from registry.database.models import Summary, listing
from registry.web.pages import Door, Pages

PAGES = Pages()


@dataclass(frozen=True)
class ModelList:
    """Models that a search gives."""

    models: tuple[Summary, ...]


@PAGES.page("/models", "models.html")
def models(door: Door) -> ModelList:
    """Return registered models."""
    return ModelList(tuple(door.ask(listing)))
