"""The part of `Registry` on what people say of models, and what sources claim."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from registry.api.base import Room
from registry.database.connecting.transactions import in_transaction
from registry.errors import FamilyNotFound, ModelNotFound, RegistryError, TagNotFound

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from registry.database.curating.curation import Done
    from registry.database.curating.curation_answers import Remarks
    from registry.database.stored.models import Summary
    from registry.database.stored.sources import Source
    from registry.workflows.claims import CheckedClaim
    from registry.workflows.well_known import WellKnown

# ruff: noqa: PLC0415  # what only some methods need is imported there


class Curation(Room):
    """Methods of `Registry`."""

    def sources(self, name: str | None = None) -> "list[Source]":
        """Return where all models, or one of them, were seen: equal weights under any name."""
        from registry.database.stored import sources

        return self._answer(partial(sources.sources_of, name=name))

    def claims(self, name: str | None = None) -> "list[CheckedClaim]":
        """Return what is claimed of all models, or of one, beside what the weights show.

        Contradictions come first.
        """
        from registry.workflows.claims import checked_claims

        return self._answer(partial(checked_claims, name=name))

    def well_known(self, family: str | None = None) -> "tuple[list[WellKnown], set[str]]":
        """Return the models of the starter list, and the ids of those that are registered."""
        from registry.workflows.well_known import registered, well_known

        listed = well_known(family)
        return listed, self._answer(partial(registered, models=listed))

    def is_empty(self) -> bool:
        """Return whether no model is registered."""
        from registry.database.stored import models

        return self._answer(models.none_registered)

    def rename(self, name: str, new: str) -> "Done":
        """Give a model another name; verdicts on others follow."""
        from registry.database.curating import curation

        return self._change(partial(curation.rename, name=name, new=new), ModelNotFound)

    def move(self, name: str, family: str) -> "Done":
        """Put a model into a family that stays, whatever its root is."""
        from registry.database.curating import curation

        return self._change(partial(curation.move, name=name, family=family))

    def tag(self, name: str, tags: Sequence[str]) -> "Done":
        """Put tags on a model."""
        from registry.database.curating import curation

        return self._change(partial(curation.tag, name=name, tags=tags))

    def untag(self, name: str, tags: Sequence[str]) -> "Done":
        """Take tags off a model."""
        from registry.database.curating import curation

        return self._change(partial(curation.untag, name=name, tags=tags), TagNotFound)

    def note(self, name: str, text: str) -> "Done":
        """Write a note on a model."""
        from registry.database.curating import curation

        return self._change(partial(curation.note, name=name, text=text))

    def merge_families(self, source: str, target: str) -> "Done":
        """Put all models of one family into another, where they stay."""
        from registry.database.curating import curation

        merge = partial(curation.merge_families, source=source, target=target)
        return self._change(merge, FamilyNotFound)

    def remove(self, name: str) -> "Summary":
        """Delete a model; returns what it was. `undo` brings it back whole."""
        from registry.workflows.curation import remove

        return remove(self._engine, name).model

    def undo(self, event: int | None = None) -> "Done":
        """Bring back what an event of the log changed, or the user's own last change."""
        from registry.workflows.curation import take_back

        return take_back(self._engine, event)

    def summary(self, name: str) -> "Summary":
        """Return a registered model without its statistics, by name or digits of its digest."""
        from registry.database.stored import models

        return self._answer(partial(models.summary_of, name=name))

    def remarks(self, name: str) -> "Remarks":
        """Return the tags and notes on a model."""
        from registry.database.curating.curation_answers import remarks_on

        return self._answer(partial(remarks_on, name=name))

    def tags(self) -> dict[tuple[str, int], tuple[str, ...]]:
        """Return the tags of all models that have some, by name and fingerprint version."""
        from registry.database.curating.curation_answers import tags_by_model

        return self._answer(tags_by_model)

    def _change(
        self, work: "Callable[[Session], Done]", done: type[RegistryError] | tuple[()] = ()
    ) -> "Done":
        """Change something in a transaction of its own."""
        return in_transaction(self._engine, work, done=done)
