"""The part of `Registry` on what people say of models, and what sources claim."""

from functools import partial
from typing import TYPE_CHECKING

from registry.api.base import Room
from registry.database import sources

if TYPE_CHECKING:
    from registry.database.sources import Source
    from registry.workflows.claims import CheckedClaim

# ruff: noqa: PLC0415  # what needs numpy is imported where it is used


class Curation(Room):
    """Methods of `Registry`."""

    def sources(self, name: str | None = None) -> "list[Source]":
        """Return where all models, or one of them, were seen: equal weights under any name."""
        return self._answer(partial(sources.sources_of, name=name))

    def claims(self, name: str | None = None) -> "list[CheckedClaim]":
        """Return what is claimed of all models, or of one, beside what the weights show.

        Contradictions come first.
        """
        from registry.workflows.claims import checked_claims

        return self._answer(partial(checked_claims, name=name))
