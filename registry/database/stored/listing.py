"""What a list of the registered models shows, read in one transaction."""

from typing import NamedTuple

from sqlalchemy.orm import Session

from registry.database.curating.curation_answers import tags_by_model
from registry.database.stored.models import Summary, listing
from registry.database.stored.versions import not_compared


class Overview(NamedTuple):
    """All registered models.

    Attributes:
        models: By family and name, of any fingerprint version.
        tags: Of the models that have some, by name and fingerprint version.
        not_compared: How many models have fingerprints of other versions, by version.
    """

    models: list[Summary]
    tags: dict[tuple[str, int], tuple[str, ...]]
    not_compared: dict[int, int]


def overview(session: Session) -> Overview:
    """Return all registered models, and what is said of them."""
    return Overview(listing(session), tags_by_model(session), not_compared(session))
